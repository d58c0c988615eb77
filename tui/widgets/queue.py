"""The merge queue: as a summary beside the overview, and as the list of screen 3."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from agentcore import format as fmt
from agentcore.overview import QueueRow, gate_summary, queue_rows
from agentcore.queue.merged import MergedRow, history, merged_rows
from agentcore.queue.upcoming import why_not_merged
from agentcore.state import LabState
from tui.follow import Scene
from tui.lines import BLANK, Line, clip, fit, flush, wrap
from tui.theme import CANDIDATES, Theme
from tui.widgets.pane import ListPane, Pane
from tui.widgets.rows import gain_role
from tui.widgets.searched import holds

LEAST = 66
"""Below this it has none for the size of a change: cut in the middle that says nothing."""

NARROW = 72
"""Below this the list has no room for the memory that a run takes."""

WIDE = 90
"""From here on the list has room for bases and ages."""

RETEST = 26
"""Cells that the word of a retest has at least."""

TAIL = 16
"""Cells for gain, standard errors and seeds, or for the reason."""

EMPTY = "Nothing to merge yet. A kept experiment with gain above 0 comes here by itself."


class QueuePane(Pane):
    """The open candidates in a few words each, and what the gate asks for."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="queue")
        self.scene: Scene | None = None

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        return "merge queue", self.look.keyed("{queue}: open")

    def body(self, width: int, height: int) -> list[Line]:
        """Return the candidates, then the gate at the lower edge where there is room."""
        if self.scene is None:
            return []
        rows = self.scene.overview.queue
        shown = rows[: height + 1]  # of a thousand candidates in a new lab's queue only those are composed
        lines = [_summary(row, width) for row in shown] or [((f" {part}", "grey"),) for part in wrap(EMPTY, width - 2)]
        gate = gate_sentences(self.scene.state)
        if len(lines) + len(gate) + 1 <= height:
            lines += [BLANK] * (height - len(lines) - len(gate))
            lines += [((f" {text}", "grey"),) for text in gate]
        elif len(lines) > height:
            lines[height - 1 :] = [((f" {len(rows) - height + 1} more", "grey"),)]
        return lines


class QueueList(ListPane):
    """The open candidates in the order of merging."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="candidates", heavy=True)
        self.scene: Scene | None = None
        self.rows: tuple[QueueRow, ...] = ()
        self.named = NAME
        """Cells of a candidate's name."""
        self.wanted = ""
        """Only candidates are listed that hold it."""

    def feed(self, scene: Scene) -> None:
        """Take the scene's candidates."""
        self.scene = scene
        self.rows = tuple(row for row in scene.overview.queue if holds(told(row), self.wanted))
        self.named = _name_width(self.rows)

    def head(self) -> tuple[str, str]:
        """Return the titles; on the right how far what passed can be believed, once anything was confirmed."""
        if self.wanted:
            return f"candidates that hold {self.wanted}: {len(self.rows)}", "esc: all"
        found = gate_summary(self.scene.state) if self.scene else None
        if found is None or found.false_share is None:
            return "candidates", "READY first; < > to move"
        return "candidates", f"{fmt.bound(found.false_share)} of {found.passed} that passed are false; < > to move"

    def count(self) -> int:
        """Return the number of candidates."""
        return len(self.rows)

    def header(self, width: int) -> list[Line]:
        """Return the column titles."""
        words = [fit("STATE", 9), fit("CAND", self.named), fit("IDEA", _idea_width(width, self.named))]
        numbers = [("SCORE", 6), ("GAIN", 7), ("σ", 4), ("SEEDS", 5), *_last_columns(width)]
        titles = " ".join([*words, *(flush(title, cells) for title, cells in numbers)])
        return [(((INDENT if self.frame == "box" else INDENT[1:]) + titles, "grey"),)]

    def footer(self, width: int) -> list[Line]:
        """Return what the open ones wait for."""
        waits = why_not_merged(self.scene.state) if self.scene and self.frame == "box" else ""
        return [((clip(f" why not merged yet: {waits}", width), "grey"),)] if waits else []

    def item(self, index: int, width: int) -> Line:
        """Return the line of one candidate."""
        assert self.scene is not None
        row = self.rows[index]
        role = CANDIDATES.get(row.state, ("text", ""))[0]
        last = {
            "±LINES": fmt.change(row.added, row.removed),
            "MEM": fmt.memory(row.memory_mb),
            "BASE": fmt.short(row.base) or fmt.MISSING,
            "WAIT": fmt.age(self.scene.now - row.since),
        }
        line: Line = (
            (_sign(self, index, row.experiment), "bold"),
            (fit(row.state, 9), role),
            (f" {fit(_name(row), self.named)} {fit(marked(row), _idea_width(width, self.named))} ", "text"),
            (f"{flush(fmt.score(row.score), 6)} ", "text"),
            (f"{flush(fmt.gain(row.gain), 7)} {flush(fmt.sigmas(row.z), 4)}", gain_role(row.gain, row.z)),
            (f" {flush(seeds_cell(row), 5)}", "text"),
            *(
                (f" {flush(last[title], cells)}", "text" if title == "±LINES" else "grey")
                for title, cells in _last_columns(width)
            ),
        )
        return self.lit(index, line, width)

    def body(self, width: int, height: int) -> list[Line]:
        """Return the list, or a sentence where it is empty."""
        if not self.rows:
            empty = f"no candidate holds {self.wanted}; esc lists all" if self.wanted else EMPTY
            return [BLANK, *(((f" {part}", "text"),) for part in wrap(empty, width - 2))]
        return super().body(width, height)


class MergedList(ListPane):
    """What was merged, newest first, with the word of its retest; then what has left the queue unmerged."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="merged")
        self.scene: Scene | None = None
        self.rows: tuple[MergedRow | QueueRow, ...] = ()
        self.named = NAME
        self.wanted = self.aside = ""
        self.has_cursor = False
        self._made: tuple[LabState, tuple[MergedRow | QueueRow, ...]] | None = None

    def feed(self, scene: Scene) -> None:
        """Take the scene's merges: they are looked up only for a new state."""
        self.scene = scene
        if self._made is None or self._made[0] is not scene.state:
            left = sorted(queue_rows(scene.state, LEFT), key=lambda row: -row.since)
            self._made = (scene.state, (*merged_rows(scene.state), *left))
        self.rows = tuple(row for row in self._made[1] if holds(told(row), self.wanted))
        self.named = _name_width(self.rows)

    def head(self) -> tuple[str, str]:
        """Return the titles; on the right what the queue does now and next."""
        return "merged", self.aside

    def count(self) -> int:
        """Return how many there are."""
        return len(self.rows)

    def header(self, width: int) -> list[Line]:
        """Return the column titles, where there is room for them."""
        if self.frame != "box":
            return []
        words = [fit("STATE", 9), fit("CAND", self.named), fit("IDEA", _merged_idea_width(self, width))]
        numbers = " ".join(flush(title, cells) for title, cells in (("SCORE", 6), ("GAIN", 7), ("AT", 5)))
        return [((f"{INDENT}{' '.join(words)} {numbers} {fit('BY', 4)} RETEST, OR WHY NOT", "grey"),)]

    def item(self, index: int, width: int) -> Line:
        """Return one merge, or one that came to nothing."""
        row = self.rows[index]
        role = CANDIDATES.get(row.state, ("text", ""))[0]
        merged = isinstance(row, MergedRow)
        at, by = (fmt.clock(row.at), row.by) if isinstance(row, MergedRow) else ("", "")
        when = f" {fit(at, 5)} {fit(by, 4)}" if self.frame == "box" else ""
        line: Line = (
            (_sign(self, index, row.experiment), "bold"),
            (fit(row.state, 9), role),
            (f" {fit(_name(row), self.named)} {fit(marked(row), _merged_idea_width(self, width))} ", "text"),
            (f"{flush(fmt.score(row.score), 6)} ", "text"),
            (flush(fmt.gain(row.gain), 7), gain_role(row.gain, row.z)),
            (f"{when} ", "text"),
            (row.retest if isinstance(row, MergedRow) else row.reason, "text" if merged else "grey"),
        )
        return self.lit(index, line, width)


class HistoryPane(Pane):
    """Trunk's line, newest first."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="history")
        self.state = LabState()

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        return "trunk history", fmt.count(len(self.state.line), "trunk")

    def body(self, width: int, height: int) -> list[Line]:
        """Return as many as fit."""
        return [
            (
                (f" {fmt.short(step.commit)} ", "grey"),
                (f"{fit(step.words, width - 17)} {flush(fmt.score(step.score), 6)} ", "text"),
            )
            for step in islice(history(self.state), height)
        ]


INDENT = "   "

NAME = 9
"""Cells of a candidate's name, at least: `wt0 #1234`."""

LEFT = ("NOISE", "REJECTED", "CANCELLED")
"""States of a candidate that has left the queue and was not merged."""


def told(row: QueueRow | MergedRow) -> str:
    """Return a candidate as it is searched."""
    why = row.reason if isinstance(row, QueueRow) else row.retest
    return f"{row.state} {row.worktree} #{row.experiment} {row.idea} {why}"


def marked(row: QueueRow | MergedRow) -> str:
    """Return a candidate's idea, and before it what sets it apart."""
    said = {"pinned": row.pinned, "forced": row.forced, "simpler": row.simpler, "stacked": bool(row.besides)}
    return fmt.marks(**said, wanted=isinstance(row, QueueRow) and row.wanted) + row.idea


def _name(row: QueueRow | MergedRow) -> str:
    return f"{row.worktree} #{row.experiment}"


def _name_width(rows: Sequence[QueueRow | MergedRow]) -> int:
    """Return the cells of the longest name: `wt12 #10384` is worth more than the last words of an idea."""
    return max([NAME, *(len(_name(row)) for row in rows)])


def _sign(pane: QueueList | MergedList, index: int, experiment: int) -> str:
    return (" " if pane.frame == "box" else "") + pane.sign(index, experiment)


def _last_columns(width: int) -> list[tuple[str, int]]:
    """Return (title, cells) of the columns that stand last, as far as there is room."""
    if width < LEAST:
        return []
    if width < NARROW:
        return [("±LINES", 7)]
    more = [("BASE", 7), ("WAIT", 4)] if width >= WIDE else []
    return [("±LINES", 7), ("MEM", 4), *more]


def _idea_width(width: int, named: int) -> int:
    fixed = 3 + 10 + named + 1 + 7 + 8 + 5 + 6 + 1 + sum(cells + 1 for _, cells in _last_columns(width))
    return max(8, min(100, width - fixed))


def _merged_idea_width(pane: MergedList, width: int) -> int:
    fixed = 2 + 10 + pane.named + 1 + 7 + 8 + RETEST + (13 if pane.frame == "box" else 0)
    return max(12, min(60, width - fixed))


def gate_sentences(state: LabState) -> list[str]:
    """Return what a candidate must prove, and who merges it."""
    gate = state.gate
    who = {"me": "you (m)", "gate": "what passes the gate", "hold": "on hold"}[gate.mode]
    seeds = fmt.count(gate.confirm_seeds, "fresh seed")
    found = gate_summary(state)
    meter = [] if found.false_share is None else [f"false: {fmt.bound(found.false_share)} of {found.passed} passed"]
    return [f"gate: {seeds}, gain at least {found.z_confirm:g}σ", *meter, f"merge policy: {who}"]


def seeds_cell(row: QueueRow) -> str:
    """Return how many of a candidate's fresh seeds have run; nothing before it was rebased."""
    return "-" if row.state in ("NEW", "CONFLICT") else f"{row.seeds_done}/{row.seeds}"


def _summary(row: QueueRow, width: int) -> Line:
    role = CANDIDATES.get(row.state, ("text", ""))[0]
    measured = row.state in ("CONFIRM", "READY", "MERGING") or not row.reason
    tail = f"{flush(fmt.gain(row.gain), 6)} {flush(fmt.sigmas(row.z), 4)}σ {seeds_cell(row)}"
    tail = fit(tail if measured else row.reason, TAIL)
    name = fit(_name(row), max(8, len(_name(row))))
    room = max(4, width - 10 - len(name) - 2 - TAIL - 2)
    return (
        (f" {fit(row.state, 9)} ", role),
        (f"{name} {fit(marked(row), room)} ", "text"),
        (tail, gain_role(row.gain, row.z) if measured else "grey"),
    )
