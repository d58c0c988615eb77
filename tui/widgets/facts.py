"""What does a worktree stand on, and what has it come to? Parent, best gain, cost; where wide, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentcore import format as fmt
from agentcore.overview import WorktreeRow
from tui.follow import Scene
from tui.lines import Line, cells, clip
from tui.theme import Theme
from tui.widgets.detail import agent_words, sentence
from tui.widgets.now import rules
from tui.widgets.pane import Pane
from tui.widgets.rows import cost_text, gain_role

if TYPE_CHECKING:
    from worktrees.project import Sources

GAP = "   "


class FactsPane(Pane):
    """One line, or two where the second has room for the hypothesis and the rules."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="facts", frame="bare")
        self.scene: Scene | None = None
        self.row: WorktreeRow | None = None
        self.sources: Sources | None = None
        self.broken: Mapping[str, str] | None = None

    def body(self, width: int, height: int) -> list[Line]:
        """Return the lines; a part that does not fit is left out whole."""
        if self.scene is None or self.row is None:
            return []
        line: Line = ((" ", "text"),)
        for part in self._parts(self.row, self.scene):
            if cells(line) + len(GAP) + cells(part) < width:
                line = (*line, *(((GAP, "text"),) if len(line) > 1 else ()), *part)
        return [line, self._reasons(self.row, self.scene, width)]

    def _parts(self, row: WorktreeRow, scene: Scene) -> list[Line]:
        """Return the facts, most important first."""
        state, trunk = scene.state, scene.overview.trunk
        worktree = state.worktrees.get(row.worktree)
        base = worktree.base if worktree else ""
        on_trunk = state.trunk is not None and base == state.trunk.commit
        parts: list[Line] = [((f"parent {fmt.short(base)}{', trunk' if on_trunk else ''}", "text"),)]
        if row.best is not None:
            gain = f"{fmt.gain(row.gain)} ({fmt.sigmas(row.z)}σ)"
            parts.append(((f"best {fmt.score(row.best)} ", "text"), (gain, gain_role(row.gain, row.z))))
        if trunk:
            name = "" if on_trunk else f" {fmt.short(trunk.commit)}"
            parts.append(((f"trunk{name} {fmt.score(trunk.score)}", "text"),))
        parts.append(((fmt.count(row.experiments, "experiment"), "text"),))
        if row.usd or row.tokens:
            cost = cost_text(row) if row.usd else f"{fmt.tokens(row.tokens)} tokens"
            parts.append(((cost, "text"),))
        return parts

    def _reasons(self, row: WorktreeRow, scene: Scene, width: int) -> Line:
        """Return why this is tried, what its agent is at meanwhile, and whether the rules are kept."""
        kept = rules(self.sources, self.broken)
        label, text = sentence(row, scene)
        beside = agent_words(row, scene) if row.run is not None else ""
        right: Line = (*((("   agent ", "grey"), (clip(beside, width // 3), "text")) if beside else ()), ("  ", "text"))
        right = (*right, *kept, (" ", "text"))
        room = width - len(label) - 3 - cells(right)
        if room < 20:
            right, room = (), width - len(label) - 3
        return ((f" {label}: ", "grey"), (clip(text, room), "text"), *right)
