"""Telemetry tells what can be known and None for the rest; it never raises for a device."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.worktrees.running import wait_for
from worktrees import devices, processes
from worktrees.devices import DeviceSample, Gpu, Sampler, list_gpus
from worktrees.slots import Slot

GPU = Slot(name="gpu0", kind="cuda", model="Test", uuid="GPU-0")
MIB = 1 << 20
# for a child whose parent goes on as a new process, so that the tree is two deep
TREE = "import os, sys, time; os.fork(); data = bytearray(b'x') * (24 << 20); os.write(1, b'ready\\n'); time.sleep(600)"


class FakeNvml:
    """A driver with one GPU; `broken` names the calls that fail."""

    class NVMLError(Exception):
        """The base of everything that NVML refuses."""

    def __init__(self, *broken: str, processes: tuple[tuple[int, int | None], ...] = ()) -> None:
        self.broken = set(broken)
        self.opened = 0
        self.processes = [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in processes]

    def _answer(self, call: str, value: Any) -> Any:
        if call in self.broken:
            raise self.NVMLError(call)
        return value

    def nvmlInit(self) -> None:
        self._answer("nvmlInit", None)
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self._answer("nvmlShutdown", None)
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        return int(self._answer("nvmlDeviceGetCount", 1))

    def nvmlDeviceGetHandleByIndex(self, index: int) -> object:
        return self._answer("nvmlDeviceGetHandleByIndex", f"handle {index}")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> object:
        return self._answer("nvmlDeviceGetHandleByUUID", f"handle {uuid}")

    def nvmlDeviceGetName(self, handle: object) -> str:
        return str(self._answer("nvmlDeviceGetName", "NVIDIA Test"))

    def nvmlDeviceGetMinorNumber(self, handle: object) -> int:
        return int(str(self._answer("nvmlDeviceGetMinorNumber", 3)))

    def nvmlDeviceGetUUID(self, handle: object) -> str:
        return str(self._answer("nvmlDeviceGetUUID", "GPU-0"))

    def nvmlDeviceGetUtilizationRates(self, handle: object) -> Any:
        return self._answer("nvmlDeviceGetUtilizationRates", SimpleNamespace(gpu=98, memory=50))

    def nvmlDeviceGetMemoryInfo(self, handle: object) -> Any:
        return self._answer("nvmlDeviceGetMemoryInfo", SimpleNamespace(used=44 * MIB, total=80 * MIB))

    def nvmlDeviceGetPowerUsage(self, handle: object) -> int:
        return int(self._answer("nvmlDeviceGetPowerUsage", 650_500))

    def nvmlDeviceGetTemperature(self, handle: object, sensor: int) -> int:
        return int(self._answer("nvmlDeviceGetTemperature", 61))

    def nvmlDeviceGetComputeRunningProcesses(self, handle: object) -> Any:
        return self._answer("nvmlDeviceGetComputeRunningProcesses", self.processes)


def gpu_sample(nvml: FakeNvml, run_pid: int | None = None) -> DeviceSample:
    """Sample the fake's GPU once."""
    run_pids = {} if run_pid is None else {"gpu0": run_pid}
    (sample,) = Sampler(nvml, clock=lambda: 5.0).sample([GPU], run_pids)
    return sample


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for a shim, with a child and a grandchild of 24 MiB each."""
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {TREE!r}])"
    process = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert [b"ready\n"] * 2 == [process.stdout.readline() for _ in range(2)]
    yield process
    os.killpg(process.pid, 9)
    process.wait(timeout=15)
    process.stdout.close()


def test_gpus_are_listed_with_model_and_uuid() -> None:
    """Each GPU has its model and the UUID that addresses it."""
    nodes = ("/dev/nvidia3", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
    assert [Gpu("NVIDIA Test", "GPU-0", nodes)] == list_gpus(FakeNvml())


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetUUID"])
def test_a_driver_that_fails_has_no_gpus(call: str) -> None:
    """No library, no driver, no permission: there are no GPUs, and no error."""
    assert [] == list_gpus(FakeNvml(call))


def test_listing_lets_go_of_the_driver() -> None:
    """After listing, NVML is closed as often as it was opened."""
    nvml = FakeNvml("nvmlDeviceGetCount")
    list_gpus(nvml)
    assert 0 == nvml.opened


def test_the_processor_has_a_name() -> None:
    """The CPU's model is one line of text."""
    assert devices.cpu_model().strip() == devices.cpu_model() != ""


def test_a_gpu_is_sampled() -> None:
    """Load in percent, memory in MiB, power in watts, temperature in degrees."""
    assert DeviceSample("gpu0", 5.0, 98.0, 44.0, 80.0, 650.5, 61.0, 0.0) == gpu_sample(FakeNvml())


def test_a_value_that_the_driver_refuses_is_none() -> None:
    """One missing value does not cost the others."""
    sample = gpu_sample(FakeNvml("nvmlDeviceGetPowerUsage"))
    assert (98.0, None, 61.0) == (sample.utilisation, sample.power_w, sample.temperature_c)


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetHandleByUUID"])
def test_a_gpu_that_is_gone_has_no_values(call: str) -> None:
    """Without a driver or with a lost GPU there is a sample of None."""
    assert DeviceSample("gpu0", 5.0) == gpu_sample(FakeNvml(call))


def test_a_gpu_that_comes_back_is_sampled_again() -> None:
    """A GPU that was lost and reset has values again."""
    nvml = FakeNvml()
    sampler = Sampler(nvml)
    sampler.sample([GPU], {})
    nvml.broken = {"nvmlDeviceGetMemoryInfo", "nvmlDeviceGetHandleByUUID"}
    lost = [sampler.sample([GPU], {})[0].memory_mb for _ in range(2)]
    nvml.broken = set()
    assert [None, None, 44.0] == [*lost, sampler.sample([GPU], {})[0].memory_mb]


def test_closing_lets_go_of_the_driver() -> None:
    """A sampler opens NVML once and closes it once."""
    nvml = FakeNvml()
    sampler = Sampler(nvml)
    sampler.sample([GPU], {})
    sampler.sample([GPU], {})
    opened = nvml.opened
    sampler.close()
    assert (1, 0) == (opened, nvml.opened)


def test_gpu_memory_of_others_is_told_apart(tree: subprocess.Popen[bytes]) -> None:
    """What does not belong to the run's tree belongs to others."""
    grandchild = processes.descendants(tree.pid)[-1]
    nvml = FakeNvml(processes=((grandchild, 40 * MIB), (1, 3 * MIB)))
    assert 3.0 == gpu_sample(nvml, tree.pid).other_mb


def test_without_a_run_all_gpu_memory_is_of_others() -> None:
    """On a free slot every process on the GPU is somebody else's."""
    assert 3.0 == gpu_sample(FakeNvml(processes=((1, 3 * MIB),))).other_mb


def test_pids_of_a_container_tell_nothing(tree: subprocess.Popen[bytes]) -> None:
    """Where NVML gives the host's pids, whose memory it is stays unknown."""
    assert None is gpu_sample(FakeNvml(processes=((1, 3 * MIB),)), tree.pid).other_mb


def test_unknown_memory_of_another_is_unknown() -> None:
    """A driver that does not tell the memory of a process makes the sum unknown."""
    assert None is gpu_sample(FakeNvml(processes=((1, None),))).other_mb


def test_memory_of_a_cpu_slot_is_that_of_the_run(tree: subprocess.Popen[bytes]) -> None:
    """Resident memory counts the run's processes below the shim."""
    (sample,) = Sampler().sample([core_slot()], {"cpu0": tree.pid})
    assert sample.memory_mb is not None
    assert 48 <= sample.memory_mb < 120


def test_a_run_that_has_ended_has_no_memory() -> None:
    """A pid without processes is unknown, not zero."""
    (sample,) = Sampler().sample([core_slot()], {"cpu0": 2**22 + 1})
    assert None is sample.memory_mb


def test_the_first_sample_of_a_core_has_no_load() -> None:
    """Load is a difference of counters: the first sample has none."""
    (sample,) = Sampler().sample([core_slot()], {})
    assert None is sample.utilisation


def test_a_busy_core_is_busy() -> None:
    """A core that computes without pause is loaded."""
    core = min(os.sched_getaffinity(0))
    command = f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-S", "-c", command]) as burner:
        wait_for(lambda: os.sched_getaffinity(burner.pid) == {core})
        sampler, start = Sampler(), time.monotonic()
        sampler.sample([core_slot(core)], {})
        wait_for(lambda: time.monotonic() - start > 0.5)
        (sample,) = sampler.sample([core_slot(core)], {})
        burner.kill()
    assert sample.utilisation is not None
    assert 80 <= sample.utilisation <= 100


def test_a_core_that_is_not_there_has_no_load() -> None:
    """An offline core is unknown."""
    sampler = Sampler()
    sampler.sample([core_slot(9999)], {})
    (sample,) = sampler.sample([core_slot(9999)], {})
    assert None is sample.utilisation


@pytest.mark.gpu
def test_a_real_gpu_is_sampled() -> None:
    """The first GPU of this machine tells its memory."""
    model, uuid = list_gpus()[0].model, list_gpus()[0].uuid
    sampler = Sampler()
    (sample,) = sampler.sample([Slot("gpu0", "cuda", model, uuid=uuid)], {})
    sampler.close()
    assert sample.memory_total_mb is not None
    assert sample.memory_total_mb > 1000


def core_slot(core: int = 0) -> Slot:
    """A CPU slot of one core."""
    return Slot(name="cpu0", kind="cpu", model="test", cores=(core,))
