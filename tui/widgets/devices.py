"""What the devices did in the last minute, one line each."""

from __future__ import annotations

from collections.abc import Sequence

from agentcore import format as fmt
from tui.follow import Scene
from tui.lines import Line, clip, flush
from tui.theme import Theme
from tui.widgets.pane import Pane
from tui.widgets.rows import slot_label
from worktrees.devices import DeviceSample

BARS = "▁▂▃▄▅▆▇█"
BAR_S = 5
"""Seconds that one bar stands for."""
COUNT = 12

STALE_S = 60
"""A sample of that age says nothing about now."""

IDLE_S = 60
"""From then on a slot without a run is worth a word."""

SHARED_MB = 500
"""From this much memory of other processes on it is worth a word."""


class DevicesPane(Pane):
    """Utilisation over a minute, memory, power and temperature of every slot."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="devices")
        self.scene: Scene | None = None

    def head(self) -> tuple[str, str]:
        """Return what the machine has."""
        slots = self.scene.state.slots if self.scene else ()
        if not slots:
            return "devices", ""
        kind = "GPUs" if slots[0].kind == "cuda" else "CPU"
        model = slots[0].model.removeprefix("NVIDIA ").split(" HBM")[0]
        return clip(f"{kind}: {len(slots)}x {model}", 40), "last 60 s"

    def body(self, width: int, height: int) -> list[Line]:
        """Return one line for each slot."""
        if self.scene is None:
            return []
        slots = [slot.name for slot in self.scene.state.slots]
        name = max([1, *(len(slot_label(slot)) for slot in slots)])
        lines = [self._line(slot, name, width) for slot in slots]
        if len(lines) > height:
            lines[height - 1 :] = [((f" {len(slots) - height + 1} more", "grey"),)]
        return lines

    def _line(self, slot: str, name: int, width: int) -> Line:
        assert self.scene is not None
        samples = self.scene.history.get(slot, ())
        head = f" {flush(slot_label(slot), name)} "
        if not samples:
            return ((head, "text"), ("not measured yet", "grey"))
        last = samples[-1]
        if self.scene.now - last.at > STALE_S:
            return ((head, "text"), (f"not measured since {fmt.clock(last.at)}", "grey"))
        bars = history(samples, self.scene.now)
        text = f" {flush(fmt.percent(last.utilisation), 4)}  {_memory(last)}"
        if last.power_w is not None:
            text += f"  {flush(f'{last.power_w:.0f}W', 4)}"
        if last.temperature_c is not None:
            text += f" {last.temperature_c:.0f}C"
        if last.other_mb is not None and last.other_mb >= SHARED_MB:
            return ((head, "text"), (bars, "run"), (text, "text"), (f"   other {fmt.memory(last.other_mb)}", "you"))
        idle = next((use.idle_s for use in self.scene.overview.slots if use.slot == slot), None)
        note = f"   idle {fmt.age(idle)}" if idle is not None and idle >= IDLE_S else ""
        return ((head, "text"), (bars, "run"), (text, "text"), (note, "grey"))


def history(samples: Sequence[DeviceSample], now: float) -> str:
    """Return one bar for each five seconds of the last minute, oldest first; blank where nothing was measured."""
    buckets: dict[int, list[float]] = {}
    for sample in samples:
        if sample.utilisation is not None:
            buckets.setdefault(int(sample.at // BAR_S), []).append(sample.utilisation)
    newest = int(now // BAR_S)
    last = samples[-1] if samples else None
    if (
        last and last.utilisation is not None and now - last.at < BAR_S
    ):  # else the bar goes and comes every five seconds
        buckets.setdefault(newest, [last.utilisation])
    bars = ""
    for bucket in range(newest - COUNT + 1, newest + 1):
        values = buckets.get(bucket)
        bars += BARS[min(7, int(max(values) / 100 * 7.99))] if values else " "
    return bars


def _memory(sample: DeviceSample) -> str:
    if sample.memory_mb is None or sample.memory_total_mb is None or sample.power_w is None:  # a share of a machine
        return flush(fmt.memory(sample.memory_mb), 4)
    return flush(f"{sample.memory_mb / 1024:.0f}/{sample.memory_total_mb / 1024:.0f}G", 6)
