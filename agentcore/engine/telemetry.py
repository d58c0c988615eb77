"""What do the slots' devices do? Sampled once a second in a thread and published as one small file for every view."""

from __future__ import annotations

import asyncio

import msgspec

from agentcore.engine.gone import Watch, told, topic
from agentcore.engine.lab import Lab
from worktrees.devices import DeviceSample, Sampler

PERIOD_S = 1.0


async def publish(lab: Lab) -> None:
    """Write the newest sample of every slot to `.lab/devices.json`, for as long as it is not cancelled."""
    sampler = Sampler(lab.nvml)
    try:
        while True:
            runs = {run.slot: run.number for run in lab.state.active.values()}
            shims = {slot: shim for slot, run in runs.items() if (shim := _shim(lab, run))}
            samples = await asyncio.to_thread(sampler.sample, lab.slots, shims)
            for sample in samples:
                if sample.slot in shims:  # before a run has a shim its own processes could not be told from others
                    lab.sharing.see(runs[sample.slot], sample.other_mb)
            watch(lab, samples)
            _replace(lab, samples)
            await asyncio.sleep(PERIOD_S)
    finally:
        lab.watch = Watch()  # nobody looks any more: whoever ends runs now must not wait for it


def watch(lab: Lab, samples: tuple[DeviceSample, ...]) -> None:
    """Write down which GPUs are gone, and which have come back."""
    for slot, is_gone in lab.watch.see(samples, [each.name for each in lab.slots if each.kind == "cuda"]).items():
        known = lab.state.warnings.get(topic(slot), "")
        lab.say(topic(slot), known or told(lab.state, slot) if is_gone else "")


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
