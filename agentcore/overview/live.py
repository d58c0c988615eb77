"""What is measured now and is not in the journal?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentcore.engine.gone import gone
from agentcore.state import LabState
from worktrees.devices import DeviceSample
from worktrees.metrics import MetricPoint


@dataclass(frozen=True)
class Live:
    """What is measured now and is not in the journal."""

    devices: Mapping[str, DeviceSample] = field(default_factory=dict)
    """The newest sample by slot."""
    stages: Mapping[int, str] = field(default_factory=dict)
    """The stage (train, evaluate) that each active run is in, by run number; missing before its shim has spoken."""
    points: Mapping[int, MetricPoint] = field(default_factory=dict)
    """The newest training metrics of each active run."""
    engine_alive: bool = False


def lost_gpus(state: LabState, live: Live) -> tuple[str, ...]:
    """Return the GPUs that the engine knows to be gone, and those that do not answer just now while others do."""
    if not live.engine_alive:
        return ()
    gpus = [slot.name for slot in state.slots if slot.kind == "cuda" and slot.name in live.devices]
    silent = {name for name in gpus if live.devices[name].memory_mb is None}
    lost = gone(state) | (silent if len(silent) < len(gpus) else set())
    return tuple(slot.name for slot in state.slots if slot.name in lost)


def left(point: MetricPoint | None) -> float | None:
    """Return the seconds of training that are left by the speed so far; None before there is one."""
    if point is None or not point.progress or point.elapsed_s is None:
        return None
    return point.elapsed_s / point.progress * (1 - point.progress)
