"""What do this machine's devices do right now?

GPUs are asked through NVML, cores through /proc. A value that cannot be had is None, never a guess: a driver that is
missing, a GPU that fell off the bus and a run that has just ended are normal. One thread calls a `Sampler`, about once
a second.
"""

from __future__ import annotations

import functools
import importlib
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from worktrees import processes

if TYPE_CHECKING:
    from worktrees.slots import Slot

T = TypeVar("T")

_MIB = 1 << 20
_TEMPERATURE_GPU = 0  # NVML_TEMPERATURE_GPU: the sensor on the die


class Utilisation(Protocol):
    """NVML's nvmlUtilization_t."""

    gpu: int


class Memory(Protocol):
    """NVML's nvmlMemory_t, in bytes."""

    used: int
    total: int


class ComputeProcess(Protocol):
    """NVML's nvmlProcessInfo_t; the memory is in bytes, None where the driver does not tell it."""

    pid: int
    usedGpuMemory: int | None


class Nvml(Protocol):
    """The part of the pynvml module that is used here."""

    @property
    def NVMLError(self) -> type[Exception]: ...
    def nvmlInit(self) -> object: ...
    def nvmlShutdown(self) -> object: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> object: ...
    def nvmlDeviceGetHandleByUUID(self, uuid: str, /) -> object: ...
    def nvmlDeviceGetName(self, handle: object, /) -> str: ...
    def nvmlDeviceGetUUID(self, handle: object, /) -> str: ...
    def nvmlDeviceGetMinorNumber(self, handle: object, /) -> int: ...
    def nvmlDeviceGetUtilizationRates(self, handle: object, /) -> Utilisation: ...
    def nvmlDeviceGetMemoryInfo(self, handle: object, /) -> Memory: ...
    def nvmlDeviceGetPowerUsage(self, handle: object, /) -> int: ...
    def nvmlDeviceGetTemperature(self, handle: object, sensor: int, /) -> int: ...
    def nvmlDeviceGetComputeRunningProcesses(self, handle: object, /) -> Sequence[ComputeProcess]: ...


def load_nvml() -> Nvml:
    """Import pynvml; here and not above, because a shim needs none."""
    return cast("Nvml", importlib.import_module("pynvml"))


SHARED_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
"""Device files that every GPU needs."""


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU."""

    model: str
    uuid: str
    nodes: tuple[str, ...]
    """Its device files: its own, by the driver's minor number, and those that all share."""
    index: int = 0
    """NVML's number for it, which stays where another one is gone."""


def list_gpus(nvml: Nvml | None = None) -> list[Gpu]:
    """Return the NVIDIA GPUs in NVML's order; none where NVML cannot be used.

    That covers a missing library, a driver that is not loaded or was just updated, and a lack of permission. A GPU that
    is gone is left out; the others are as usable as ever.
    """
    nvml = nvml or load_nvml()
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []
    try:
        found = [_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
        return [gpu for gpu in found if gpu]
    except nvml.NVMLError:
        return []
    finally:
        _ask(nvml, nvml.nvmlShutdown)


def _gpu(nvml: Nvml, index: int) -> Gpu | None:
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        return Gpu(
            model=nvml.nvmlDeviceGetName(handle),
            uuid=nvml.nvmlDeviceGetUUID(handle),
            nodes=(f"/dev/nvidia{nvml.nvmlDeviceGetMinorNumber(handle)}", *SHARED_NODES),
            index=index,
        )
    except nvml.NVMLError:
        return None


@functools.cache
def cpu_model() -> str:
    """Return the processor's name, e.g. ``AMD EPYC``."""
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return " ".join(value.split())
    return platform.machine()  # ARM kernels print no name


@dataclass(frozen=True)
class DeviceSample:
    """One slot at one moment; None is unknown."""

    slot: str
    at: float
    """Unix time."""
    utilisation: float | None = None
    """Percent, of the GPU or of the slot's cores."""
    memory_mb: float | None = None
    """MiB: used on the GPU by anybody; for a CPU slot the resident memory of the run's stages and their descendants
    (pages that they share count once for each)."""
    memory_total_mb: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    other_mb: float | None = None
    """GPU memory (MiB) of processes that are not the run's."""


class Sampler:
    """Samples the devices of slots. Keeps NVML open and the last counters of the cores, so one thread owns it."""

    def __init__(self, nvml: Nvml | None = None, clock: Callable[[], float] = time.time) -> None:
        self._nvml = nvml
        self._clock = clock
        self._is_open = False
        self._handles: dict[str, object] = {}
        self._ticks: dict[int, tuple[int, int]] = {}

    def sample(self, slots: Sequence[Slot], run_pids: Mapping[str, int]) -> tuple[DeviceSample, ...]:
        """Return one sample per slot, in order. `run_pids`: the pid of the shim by slot name, where one runs."""
        now = self._clock()
        busy = self._busy_cores() if any(slot.kind == "cpu" for slot in slots) else {}
        return tuple(
            self._gpu(slot, now, run_pids.get(slot.name))
            if slot.kind == "cuda"
            else _core(slot, now, run_pids.get(slot.name), busy)
            for slot in slots
        )

    def close(self) -> None:
        """Let go of NVML. Call it in the thread that samples: a query in flight during shutdown can crash us."""
        if self._nvml is not None and self._is_open:
            _ask(self._nvml, self._nvml.nvmlShutdown)
        self._is_open = False
        self._handles.clear()

    def _gpu(self, slot: Slot, now: float, run_pid: int | None) -> DeviceSample:
        nvml = self._opened()
        handle = self._handle(nvml, slot.uuid) if nvml else None
        if nvml is None or handle is None:
            return DeviceSample(slot.name, now)
        load = _ask(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
        memory = _ask(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
        power_mw = _ask(nvml, nvml.nvmlDeviceGetPowerUsage, handle)
        heat = _ask(nvml, nvml.nvmlDeviceGetTemperature, handle, _TEMPERATURE_GPU)
        found = _ask(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle)
        if memory is None:
            self._handles.pop(slot.uuid, None)  # lost, or the driver was restarted: look it up anew
        return DeviceSample(
            slot.name,
            now,
            utilisation=None if load is None else float(load.gpu),
            memory_mb=None if memory is None else memory.used / _MIB,
            memory_total_mb=None if memory is None else memory.total / _MIB,
            power_w=None if power_mw is None else power_mw / 1000,
            temperature_c=None if heat is None else float(heat),
            other_mb=None if found is None else _other_mb(found, run_pid),
        )

    def _opened(self) -> Nvml | None:
        if self._nvml is None:
            self._nvml = load_nvml()
        if not self._is_open:
            try:
                self._nvml.nvmlInit()
            except self._nvml.NVMLError:
                return None
            self._is_open = True
        return self._nvml

    def _handle(self, nvml: Nvml, uuid: str) -> object | None:
        if uuid not in self._handles:
            found = _ask(nvml, nvml.nvmlDeviceGetHandleByUUID, uuid)
            if found is None:
                return None
            self._handles[uuid] = found
        return self._handles[uuid]

    def _busy_cores(self) -> dict[int, float]:
        """Return the percent of time that each core has worked since the last call; a core's first call tells none."""
        busy = {}
        ticks = _core_ticks()
        for core, (total, idle) in ticks.items():
            total_before, idle_before = self._ticks.get(core, (total, idle))
            if total > total_before:
                # idle can run backwards by a tick on a sleeping core
                share = 1 - (idle - idle_before) / (total - total_before)
                busy[core] = 100 * min(1.0, max(0.0, share))
        self._ticks = ticks
        return busy


def _ask(nvml: Nvml, query: Callable[..., T], *args: object) -> T | None:
    """Return the answer, or None for whatever NVML refuses: NotSupported, GpuIsLost, NoPermission …"""
    try:
        return query(*args)
    except nvml.NVMLError:
        return None


def _other_mb(found: Sequence[ComputeProcess], run_pid: int | None) -> float | None:
    """Sum the GPU memory (MiB) of those that do not belong to the run; None where that cannot be told.

    In a container NVML gives the host's pids. Then none of them is the run's, and which memory is ours is unknown.
    """
    ours = set() if run_pid is None else {run_pid, *processes.descendants(run_pid)}
    if run_pid is not None and found and not any(process.pid in ours for process in found):
        return None
    others = [process.usedGpuMemory for process in found if process.pid not in ours]
    known = [used for used in others if used is not None]
    return sum(known) / _MIB if len(known) == len(others) else None


def _core(slot: Slot, now: float, run_pid: int | None, busy: Mapping[int, float]) -> DeviceSample:
    loads = [busy[core] for core in slot.cores if core in busy]
    return DeviceSample(
        slot.name,
        now,
        utilisation=sum(loads) / len(loads) if loads else None,
        memory_mb=None if run_pid is None else _resident_mb(run_pid),
        memory_total_mb=_machine_memory_mb(),
    )


def _core_ticks() -> dict[int, tuple[int, int]]:
    """Return (all, idle) clock ticks by core. By number, since an offline core has no line in /proc/stat."""
    ticks = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, _, counters = line.partition(" ")
        if name.startswith("cpu") and name[3:].isdecimal():
            values = [int(value) for value in counters.split()[:8]]  # guest time is already in user
            ticks[int(name[3:])] = (sum(values), values[3] + values[4])
    return ticks


def _resident_mb(shim_pid: int) -> float | None:
    pids = processes.descendants(shim_pid)
    return sum(map(_resident_bytes, pids)) / _MIB if pids else None


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


@functools.cache
def _machine_memory_mb() -> float | None:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) / 1024
    return None
