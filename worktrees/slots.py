"""Where can a run happen on this machine?

A slot is one GPU or one CPU core. GPUs are addressed by UUID, because NVML counts in PCI order and CUDA by default in
order of speed; a CPU slot is one core and one thread, so that two runs never compete for the same arithmetic.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from worktrees import devices

SlotKind = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Slot:
    """One place where a run can happen."""

    name: str
    """``cpu0`` or ``gpu0``: shown to people, unique in a lab."""
    kind: SlotKind
    model: str
    """The device class, e.g. ``NVIDIA H100 80GB HBM3``; runs are only compared within one."""
    cores: tuple[int, ...] = ()
    """CPU cores that a run on this slot is bound to; empty means any."""
    uuid: str = ""
    """NVML's UUID of the GPU; empty for a CPU slot."""
    nodes: tuple[str, ...] = ()
    """Device files that a run on this GPU needs, and no other GPU's."""


def discover(limit: int | None = None) -> tuple[Slot, ...]:
    """Find the slots of this machine: its NVIDIA GPUs or, where there are none, one slot per CPU core.

    Only cores that this process may use count, so a container's limit by affinity is respected; at most `limit` slots.
    """
    slots = _gpus() or _cores()
    return slots[:limit] if limit else slots


def _gpus() -> tuple[Slot, ...]:
    return tuple(
        Slot(name=f"gpu{gpu.index}", kind="cuda", model=gpu.model, uuid=gpu.uuid, nodes=gpu.nodes)
        for gpu in devices.list_gpus()
    )


def _cores() -> tuple[Slot, ...]:
    model = devices.cpu_model()
    return tuple(
        Slot(name=f"cpu{index}", kind="cpu", model=model, cores=(core,))
        for index, core in enumerate(sorted(os.sched_getaffinity(0)))
    )
