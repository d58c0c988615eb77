"""A machine's slots are its GPUs or, without any, the cores that this process may use."""

from __future__ import annotations

import os

import pytest

from worktrees import devices, slots

no_gpu = pytest.mark.skipif(bool(devices.list_gpus()), reason="this machine has a GPU")


@no_gpu
def test_without_a_gpu_each_core_is_a_slot() -> None:
    """One slot per core that this process may use, bound to it."""
    cores = sorted(os.sched_getaffinity(0))
    assert [(f"cpu{index}", "cpu", (core,)) for index, core in enumerate(cores)] == [
        (slot.name, slot.kind, slot.cores) for slot in slots.discover()
    ]


@no_gpu
def test_a_limit_by_affinity_is_respected() -> None:
    """Cores that this process may not use are no slots."""
    before = os.sched_getaffinity(0)
    core = max(before)
    os.sched_setaffinity(0, {core})
    try:
        found = slots.discover()
    finally:
        os.sched_setaffinity(0, before)
    assert [(core,)] == [slot.cores for slot in found]


def test_a_limit_keeps_the_first() -> None:
    """`limit` takes the first slots."""
    assert slots.discover()[:1] == slots.discover(limit=1)


@pytest.mark.gpu
def test_gpu_slots_are_addressed_by_uuid() -> None:
    """Each GPU is a slot with its model and UUID."""
    assert [(gpu.model, gpu.uuid) for gpu in devices.list_gpus()] == [
        (slot.model, slot.uuid) for slot in slots.discover()
    ]
