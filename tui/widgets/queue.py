"""The merge queue: as a summary beside the overview, and as the list of screen 3."""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.overview import QueueRow, gate_summary, is_forced
from agentcore.stacks import besides
from agentcore.state import Candidate, LabState
from tui import format as fmt
from tui.follow import Scene
from tui.lines import BLANK, Line, fit, flush, overlay, wrap
from tui.theme import CANDIDATES, Theme
from tui.widgets.pane import ListPane, Pane
from tui.widgets.rows import gain_role
from tui.widgets.searched import holds

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
        return "merge queue", "3: open"

    def body(self, width: int, height: int) -> list[Line]:
        """Return the candidates, then the gate at the lower edge where there is room."""
        if self.scene is None:
            return []
        rows = self.scene.overview.queue
        lines = [_summary(row, width) for row in rows] or [((f" {part}", "grey"),) for part in wrap(EMPTY, width - 2)]
        gate = gate_sentences(self.scene.state)
        if len(lines) + len(gate) + 1 <= height:
            lines += [BLANK] * (height - len(lines) - len(gate))
            lines += [((f" {text}", "grey"),) for text in gate]
        elif len(lines) > height:
            lines[height - 1 :] = [((f" {len(rows) - height + 1} more", "grey"),)]
        return lines


@dataclass(frozen=True)
class QueueItem:
    """One line of the queue screen: an open candidate, or one that is done with."""

    experiment: int
    worktree: str
    state: str
    idea: str
    open: QueueRow | None
    """The row, while the candidate is open."""
    gain: float | None
    z: float | None
    since: float
    note: str


class QueueList(ListPane):
    """All candidates: open ones in the order of merging, then those that are done with, newest first."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="candidates", heavy=True)
        self.scene: Scene | None = None
        self.items: tuple[QueueItem, ...] = ()
        self.wanted = ""
        """Only candidates are listed that hold it."""

    def feed(self, scene: Scene) -> None:
        """Show the scene's candidates; the cursor stays on its candidate."""
        held = self.selected
        self.scene = scene
        self.items = tuple(item for item in queue_items(scene) if holds(told(item), self.wanted))
        if held:
            self.select(held.experiment)
        self.paint()

    @property
    def selected(self) -> QueueItem | None:
        """The candidate under the cursor."""
        return self.items[self.cursor] if self.cursor < len(self.items) else None

    def select(self, experiment: int) -> None:
        """Put the cursor on the candidate of `experiment`."""
        places = (index for index, item in enumerate(self.items) if item.experiment == experiment)
        self.cursor = next(places, self.cursor)

    def head(self) -> tuple[str, str]:
        """Return the titles; on the right how far what passed can be believed, once anything was confirmed."""
        if self.wanted:
            return f"candidates that hold {self.wanted}: {len(self.items)}", "esc: all"
        found = gate_summary(self.scene.state) if self.scene else None
        if found is None or found.false_share is None:
            return "candidates", "READY first, then in order of arrival"
        return "candidates", f"at most {found.false_share:.0%} of {found.passed} that passed are false"

    def count(self) -> int:
        """Return the number of candidates."""
        return len(self.items)

    def header(self, width: int) -> list[Line]:
        """Return the column titles."""
        words = [fit("STATE", 9), fit("CAND", 9), fit("IDEA", _idea_width(width))]
        numbers = [("BEST", 6), ("GAIN", 7), ("σ", 4), ("SEEDS", 5), ("LINES", 7), ("SINCE", 6)]
        titles = " ".join([*words, *(flush(title, cells) for title, cells in numbers)])
        titles = ("   " if self.frame == "box" else "  ") + titles
        return [((titles, "grey"),)]

    def item(self, index: int, width: int) -> Line:
        """Return the line of one candidate."""
        assert self.scene is not None
        item = self.items[index]
        row = item.open
        role = CANDIDATES.get(item.state, ("text", ""))[0]
        seeds = seeds_cell(row) if row else ""
        lines = fmt.change(row.added, row.removed) if row else ""
        numbers = f"{flush(fmt.score(row.score) if row else '', 6)} "
        sign = self.sign(index, item.experiment)
        line: Line = (
            (f" {sign}" if self.frame == "box" else sign, "bold"),
            (fit(item.state, 9), role),
            (f" {fit(f'{item.worktree} #{item.experiment}', 9)} {fit(item.idea, _idea_width(width))} ", "text"),
            (numbers, "text"),
            (f"{flush(fmt.gain(item.gain), 7)} {flush(fmt.sigmas(item.z), 4)}", gain_role(item.gain, item.z)),
            (f" {flush(seeds, 5)} {flush(lines, 7)} ", "text"),
            (flush(fmt.age(self.scene.now - item.since), 6), "grey"),
            (" " * width, "text"),
        )
        return overlay(line, "selected") if index == self.cursor else line

    def body(self, width: int, height: int) -> list[Line]:
        """Return the list, or a sentence where it is empty."""
        if not self.items:
            empty = f"no candidate holds {self.wanted}; esc lists all" if self.wanted else EMPTY
            return [BLANK, ((f" {empty}", "text"),)]
        return super().body(width, height)


def told(item: QueueItem) -> str:
    """Return a candidate as it is searched."""
    return f"{item.state} {item.worktree} #{item.experiment} {item.idea} {item.note}"


def _idea_width(width: int) -> int:
    return max(8, min(100, width - 66))


def queue_items(scene: Scene) -> tuple[QueueItem, ...]:
    """Return every candidate of the scene."""
    opened = [
        QueueItem(row.experiment, row.worktree, row.state, marked(row), row, row.gain, row.z, row.since, row.reason)
        for row in scene.overview.queue
    ]
    known = {item.experiment for item in opened}
    closed = [_closed(scene.state, one) for number, one in scene.state.candidates.items() if number not in known]
    return (*opened, *sorted(closed, key=lambda item: -item.since))


def marked(row: QueueRow) -> str:
    """Return a candidate's idea, and before it what sets it apart."""
    said = {"pinned": row.pinned, "forced": row.forced, "simpler": row.simpler}
    return fmt.marks(**said, stacked=bool(row.besides)) + row.idea


def _closed(state: LabState, candidate: Candidate) -> QueueItem:
    experiment = state.experiments[candidate.experiment]
    verdict = candidate.verdict
    z = verdict.z if verdict and verdict.standard_error else None
    number = experiment.number
    said = {"pinned": number in state.pinned, "forced": is_forced(state, number), "simpler": candidate.simpler}
    marks = fmt.marks(**said, stacked=bool(besides(candidate)))
    return QueueItem(
        experiment.number,
        experiment.worktree,
        candidate.state,
        marks + experiment.hypothesis,
        None,
        verdict.gain if verdict else experiment.gain,
        z,
        candidate.since,
        candidate.reason,
    )


def gate_sentences(state: LabState) -> list[str]:
    """Return what a candidate must prove, and who merges it."""
    gate = state.gate
    who = {"me": "you (m)", "gate": "what passes the gate", "hold": "on hold"}[gate.mode]
    seeds = fmt.count(gate.confirm_seeds, "fresh seed")
    found = gate_summary(state)
    meter = [] if found.false_share is None else [f"false: at most {found.false_share:.0%} of {found.passed} passed"]
    return [f"gate: {seeds}, gain at least {found.z_confirm:g}σ", *meter, f"merge policy: {who}"]


def seeds_cell(row: QueueRow) -> str:
    """Return how many of a candidate's fresh seeds have run; nothing before it was rebased."""
    return "-" if row.state in ("NEW", "CONFLICT") else f"{row.seeds_done}/{row.seeds}"


def _summary(row: QueueRow, width: int) -> Line:
    role = CANDIDATES.get(row.state, ("text", ""))[0]
    measured = row.state in ("CONFIRM", "READY", "MERGING") or not row.reason
    tail = f"{flush(fmt.gain(row.gain), 6)} {flush(fmt.sigmas(row.z), 4)}σ {seeds_cell(row)}"
    tail = fit(tail if measured else row.reason, TAIL)
    name = fit(f"{row.worktree} #{row.experiment}", max(8, len(f"{row.worktree} #{row.experiment}")))
    room = max(4, width - 10 - len(name) - 2 - TAIL - 2)
    return (
        (f" {fit(row.state, 9)} ", role),
        (f"{name} {fit(marked(row), room)} ", "text"),
        (tail, gain_role(row.gain, row.z) if measured else "grey"),
    )
