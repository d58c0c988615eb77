"""The worktrees, one line each, in the order of their slots: rows never move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agentcore import format as fmt
from agentcore.overview import REMEDIES, WorktreeRow
from tui.follow import Scene
from tui.lines import Line, cells, centre, clip, fit, flush, spread
from tui.theme import STATES, Theme
from tui.widgets.detail import agent_words, heading, sentence
from tui.widgets.pane import ListPane
from worktrees.runs import SCORING

IDEA_MIN = 8
"""The idea keeps this many cells; other columns go before it gets narrower."""


@dataclass(frozen=True)
class Column:
    """One column: its title, its cells, how it is set, and when it goes (the highest `spare` first; 0 never)."""

    title: str
    width: int
    align: Callable[[str, int], str]
    cell: Callable[[WorktreeRow, Scene], tuple[str, str]]
    spare: int = 0


class RowsTable(ListPane):
    """The list of worktrees; one widget, however many there are."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="rows", heavy=True)
        self.scene: Scene | None = None
        self._shown: list[Column] = []

    @property
    def selected(self) -> WorktreeRow | None:
        """The row under the cursor."""
        rows = self.scene.overview.rows if self.scene else ()
        return rows[self.cursor] if self.cursor < len(rows) else None

    def select(self, worktree: str) -> None:
        """Put the cursor on `worktree`."""
        rows = self.scene.overview.rows if self.scene else ()
        self.cursor = next((i for i, row in enumerate(rows) if row.worktree == worktree), self.cursor)

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        kind = "slot" if self._on_cpu() else "GPU"
        return "worktrees", f"in {kind} order; rows never move"

    def count(self) -> int:
        """Return the number of worktrees."""
        return len(self.scene.overview.rows) if self.scene else 0

    def header(self, width: int) -> list[Line]:
        """Return the column titles."""
        gap = " " * self._gap()
        self._shown = self._columns(width)
        titles = [column.align(column.title, column.width) for column in self._shown]
        lead = "   " if self.frame == "box" else "  "
        return [((lead + gap.join(titles), "grey"),)]

    def item(self, index: int, width: int) -> Line:
        """Return the line of one worktree."""
        assert self.scene is not None
        row = self.scene.overview.rows[index]
        sign = self.sign(index, row.worktree)
        line: list[tuple[str, str]] = [(f" {sign}" if self.frame == "box" else sign, "bold")]
        gap = " " * self._gap()
        for column in self._shown:
            text, role = column.cell(row, self.scene)
            line.append((column.align(text, column.width), role))
            line.append((gap, "text"))
        return self.lit(index, tuple(line[:-1]), width)

    def footer(self, width: int) -> list[Line]:
        """Return the selected row's hypothesis, where the pane has a frame of its own."""
        row = self.selected
        if self.frame != "box" or row is None or self.scene is None:
            return []
        name = heading(row, self.scene)
        label, text = sentence(row, self.scene)
        head, beside = f" {name}  {label}: ", agent_words(row, self.scene) if row.run is not None else ""
        right: Line = ((f"  agent {clip(beside, width // 2)} ", "grey"),) if beside else ()
        left: Line = ((head, "bold"), (clip(text, width - len(head) - cells(right) - 1), "text"))
        return [spread(left, right, width) if right else left]

    def _on_cpu(self) -> bool:
        return bool(self.scene and self.scene.state.slots and self.scene.state.slots[0].kind == "cpu")

    def _gap(self) -> int:
        return 2 if self.inner()[0] >= 100 else 1

    def _columns(self, width: int) -> list[Column]:
        """Return the columns that fit into `width`."""
        rows = self.scene.overview.rows if self.scene else ()
        name = max([4, *(len(row.worktree) for row in rows)])
        slot = max([3, *(len(slot_label(row.slot)) for row in rows)])
        memory = "MEM" if self._on_cpu() else "VRAM"
        columns = [
            Column("SLOT" if self._on_cpu() else "GPU", slot, centre, lambda row, _: (slot_label(row.slot), "text")),
            Column("WT", name, fit, lambda row, _: (row.worktree, "bold")),
            Column("STATE", 9, fit, lambda row, _: state_cell(row)),
            Column("RUN", 11, fit, run_cell),
            Column("BEST", 6, flush, lambda row, _: (fmt.score(row.best), "text")),
            Column("GAIN", 6, flush, lambda row, _: (fmt.gain(row.gain), gain_role(row.gain, row.z))),
            Column("σ", 4, flush, lambda row, _: (fmt.sigmas(row.z), gain_role(row.gain, row.z))),
            Column("UTIL", 4, flush, lambda row, scene: (fmt.percent(_fresh(row.utilisation, scene)), "text"), spare=2),
            Column(memory, 4, flush, lambda row, scene: (fmt.memory(_fresh(row.memory_mb, scene)), "text"), spare=3),
            Column("EXP", 4, flush, lambda row, _: (str(row.experiments), "text"), spare=4),
        ]
        if self.scene and self.scene.overview.cost.model:
            columns.append(Column("COST", 6, flush, lambda row, _: (cost_text(row), "text"), spare=5))
        lead, gap = 3 if self.frame == "box" else 2, self._gap()
        wish = 15 if gap == 2 else 17

        def left() -> int:
            return width - lead - sum(column.width + gap for column in columns)

        while any(column.spare for column in columns) and left() < (wish if _spare(columns) >= 4 else IDEA_MIN):
            columns.remove(max(columns, key=lambda column: column.spare))
        title, room = "IDEA NOW" if gap == 2 else "IDEA", min(100, max(4, left()))
        return [*columns, Column(title, room, fit, lambda row, _: idea_cell(row))]


def _fresh(value: float | None, scene: Scene) -> float | None:
    """Return a measurement only while the engine, which takes it, is running."""
    return value if scene.live.engine_alive else None


def _spare(columns: list[Column]) -> int:
    return max(column.spare for column in columns)


def slot_label(slot: str) -> str:
    """Return a GPU's index or a core's name."""
    return slot.removeprefix("gpu")


def state_cell(row: WorktreeRow) -> tuple[str, str]:
    """Return glyph and word of a row's state."""
    glyph, role, _ = STATES.get(row.state, (" ", "text", ""))
    return f"{glyph} {row.state}", "you" if row.needs_you and role not in ("bad", "you") else role


def run_cell(row: WorktreeRow, scene: Scene) -> tuple[str, str]:
    """Return the one thing to know now: how far the run is, or how long the state lasts."""
    if row.run is not None and row.state != "EVAL" and scene.live.stages.get(row.run) in SCORING:
        return "scoring", "text"
    if row.progress is not None and row.state != "EVAL":
        left = "" if row.left_s is None else f" {fmt.duration(row.left_s)}"
        return fmt.share(row.progress) + left, "text"
    if row.run is None and scene.last_sign is not None:
        return f"as of {fmt.clock(scene.last_sign)}", "grey"
    if row.state == "LIMIT" and row.agent_until is not None:
        return f"back {fmt.clock(row.agent_until)}", "text"
    if row.state == "LIMIT" and row.agent_text in REMEDIES:
        return row.agent_text, "text"
    worktree = scene.state.worktrees.get(row.worktree)
    if row.state == "CRASH" and worktree and worktree.failures > 1:
        return f"{worktree.failures} in a row", "text"
    return fmt.age(scene.now - row.since), "text"


def idea_cell(row: WorktreeRow) -> tuple[str, str]:
    """Return what the row speaks of; where nothing is proposed yet, what its agent works on, or why it waits."""
    if row.idea:
        return row.idea, "text"
    return row.agent_text or (f"on {row.direction}" if row.direction else ""), "grey"


def cost_text(row: WorktreeRow) -> str:
    """Return what a worktree's agents have cost; nothing where no model has worked."""
    return fmt.money(row.usd) if row.usd else fmt.MISSING


def gain_role(gain: float | None, z: float | None) -> str:
    """Return how a gain is shown: only from two standard errors on it is called good."""
    if gain is None or z is None:
        return "grey"
    return "good" if z >= 2 else "text"
