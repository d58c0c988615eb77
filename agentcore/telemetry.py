"""What do the slots' devices do? Sampled once a second in a thread and published as one small file for every view."""

from __future__ import annotations

import asyncio

import msgspec

from agentcore.lab import Lab
from worktrees.devices import DeviceSample, Sampler

PERIOD_S = 1.0


async def publish(lab: Lab) -> None:
    """Write the newest sample of every slot to `.lab/devices.json`, for as long as it is not cancelled."""
    sampler = Sampler(lab.nvml)
    while True:
        runs = {run.slot: run.number for run in lab.state.active.values()}
        shims = {slot: _shim(lab, run) for slot, run in runs.items()}
        samples = await asyncio.to_thread(sampler.sample, lab.slots, {slot: pid for slot, pid in shims.items() if pid})
        for sample in samples:
            if shims.get(sample.slot):  # before a run has a shim its own processes could not be told from others
                lab.sharing.see(runs[sample.slot], sample.other_mb)
        _replace(lab, samples)
        await asyncio.sleep(PERIOD_S)


def _shim(lab: Lab, run: int) -> int:
    status = lab.paths.run(run).read_status()
    return status.pid if status else 0


def _replace(lab: Lab, samples: tuple[DeviceSample, ...]) -> None:
    """Replace the file at once but without a sync: a torn second of telemetry costs nothing."""
    temporary = lab.paths.devices.with_suffix(".new")
    try:
        temporary.write_bytes(msgspec.json.encode(samples))
        temporary.replace(lab.paths.devices)
    except OSError:  # a full disk: the view shows old numbers, the engine's disk floor says why
        temporary.unlink(missing_ok=True)
