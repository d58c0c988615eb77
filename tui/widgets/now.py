"""What is the worktree at just now: its run, its agent, the rules?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentcore import format as fmt
from agentcore.overview import WorktreeRow
from tui.follow import Scene
from tui.lines import Line
from tui.theme import Theme
from tui.widgets.detail import agent_words, figures, labelled, sentence
from tui.widgets.pane import Pane
from worktrees.devices import DeviceSample

if TYPE_CHECKING:
    from worktrees.project import Sources


class NowPane(Pane):
    """Three lines: the newest step or what ended it, the agent, the rules."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="now", frame="rule")
        self.scene: Scene | None = None
        self.row: WorktreeRow | None = None
        self.sources: Sources | None = None
        self.broken: Mapping[str, str] | None = None

    def head(self) -> tuple[str, str]:
        """Return the title."""
        return "now", ""

    def body(self, width: int, height: int) -> list[Line]:
        """Return the lines."""
        if self.scene is None or self.row is None:
            return []
        return [self._run(self.row, self.scene), self._agent(self.row, self.scene), rules(self.sources, self.broken)]

    def _run(self, row: WorktreeRow, scene: Scene) -> Line:
        point = scene.live.points.get(row.run) if row.run is not None else None
        if row.run is None:
            label, text = figures(row, scene)
            return labelled(label or "run", text or "none just now")
        if point is None:
            return labelled("run", "no step yet")
        parts = [
            f"step {point.step:05d}" if point.step is not None else "",
            f"loss {point.loss:.4f}" if point.loss is not None else "",
            f"{fmt.rate(point.tokens_per_s)} tok/s" if point.tokens_per_s is not None else "",
            f"mfu {100 * point.mfu:.1f}%" if point.mfu is not None else "",
            _device(scene.live.devices.get(row.slot)) if scene.live.engine_alive else "",
            f"{row.left_s:.0f}s left" if row.left_s is not None else "",
        ]
        return ((" " + "  ".join(part for part in parts if part), "text"),)

    def _agent(self, row: WorktreeRow, scene: Scene) -> Line:
        words = agent_words(row, scene) if row.run is not None else ""
        return labelled("agent", words) if words else labelled(*sentence(row, scene))


def rules(sources: Sources | None, broken: Mapping[str, str] | None) -> Line:
    """Return whether the change that is shown keeps the rules."""
    if broken:
        return ((" rules  ", "grey"), ("BROKEN", "bad"), (f" {'; '.join(broken.values())}", "text"))
    if sources is None:
        return labelled("rules", "not known: lab.toml cannot be read")
    only = ", ".join(sources.edit)
    return labelled("rules", f"only {only} may change" if broken is None else f"kept: only {only} changed")


def _device(sample: DeviceSample | None) -> str:
    if sample is None:
        return ""
    kind = "GPU" if sample.power_w is not None else "CPU"
    load = f"{kind} {fmt.percent(sample.utilisation)}" if sample.utilisation is not None else ""
    if sample.memory_mb is None:
        return load
    total = f"/{fmt.memory(sample.memory_total_mb)}" if kind == "GPU" and sample.memory_total_mb is not None else ""
    return f"{load}  {fmt.memory(sample.memory_mb)}{total}".strip()
