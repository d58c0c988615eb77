"""What do the GPUs of a scenario say? What NVML would: busy where a run trains, and one may be lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentcore.state import LabState
from worktrees.devices import ComputeProcess, Memory, Utilisation
from worktrees.slots import Slot

MODEL = "NVIDIA H100 80GB HBM3"
_GIB = 1 << 30


class Lost(Exception):
    """The GPU does not answer."""


@dataclass
class _Utilisation:
    gpu: int


@dataclass
class _Memory:
    used: int
    total: int = 80 * _GIB


def slots(kind: str, count: int) -> tuple[Slot, ...]:
    """Return a scenario's slots."""
    if kind == "cpu":
        return tuple(Slot(f"cpu{index}", "cpu", "AMD EPYC 9654", (index,)) for index in range(count))
    return tuple(Slot(f"gpu{index}", "cuda", MODEL, uuid=f"gpu{index}") for index in range(count))


class PlayedGpus:
    """Answers as pynvml does. `lost`: the name of a GPU that is gone."""

    NVMLError: type[Exception] = Lost

    def __init__(self, state: Callable[[], LabState], lost: str) -> None:
        self._state = state
        self.lost = lost

    def nvmlInit(self) -> object:  # noqa: N802 - NVML's own names, here and below
        """Begin."""
        return None

    def nvmlShutdown(self) -> object:  # noqa: N802
        """End."""
        return None

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        """Return how many there are."""
        return len(self._state().slots)

    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> object:  # noqa: N802
        """Return one by its place."""
        return self.nvmlDeviceGetHandleByUUID(f"gpu{index}")

    def nvmlDeviceGetHandleByUUID(self, uuid: str, /) -> object:  # noqa: N802
        """Return one by its name."""
        if uuid == self.lost:
            raise Lost(f"{uuid} is lost")
        return uuid

    def nvmlDeviceGetName(self, handle: object, /) -> str:  # noqa: N802
        """Return its model."""
        return MODEL

    def nvmlDeviceGetUUID(self, handle: object, /) -> str:  # noqa: N802
        """Return its name."""
        return str(handle)

    def nvmlDeviceGetMinorNumber(self, handle: object, /) -> int:  # noqa: N802
        """Return the number of its device file."""
        return int(str(handle).removeprefix("gpu"))

    def nvmlDeviceGetUtilizationRates(self, handle: object, /) -> Utilisation:  # noqa: N802
        """Return how busy it is."""
        return _Utilisation(98 if self._runs(handle) else 0)

    def nvmlDeviceGetMemoryInfo(self, handle: object, /) -> Memory:  # noqa: N802
        """Return what is used of its memory."""
        if handle == self.lost:
            raise Lost(f"{handle} is lost")
        return _Memory((71 if self._is_large(handle) else 44 if self._runs(handle) else 1) * _GIB)

    def nvmlDeviceGetPowerUsage(self, handle: object, /) -> int:  # noqa: N802
        """Return its power (mW)."""
        return 612_000 if self._runs(handle) else 97_000

    def nvmlDeviceGetTemperature(self, handle: object, sensor: int, /) -> int:  # noqa: N802
        """Return its temperature."""
        return 64 if self._runs(handle) else 37

    def nvmlDeviceGetComputeRunningProcesses(self, handle: object, /) -> Sequence[ComputeProcess]:  # noqa: N802
        """Return who else is on it: nobody."""
        return ()

    def _runs(self, handle: object) -> bool:
        return any(run.slot == handle for run in self._state().active.values())

    def _is_large(self, handle: object) -> bool:
        return any(run.slot == handle and run.scale > 1 for run in self._state().active.values())
