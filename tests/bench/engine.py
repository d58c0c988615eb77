"""Does one engine keep up with 500 slots? How long a result waits for its outcome, and what the engine costs.

    .venv/bin/python -m tests.bench.engine [--quick]

The last line is one JSON object. A synthetic lab with that many slots is brought in virtual time to where queue,
journal and briefs are as in the middle of a night (three experiments per slot); then, in real time, runs of 300 s end
at the rate at which 500 slots make them end (0 to 600 s, so that ends are spread evenly).

    slots             at work at the same time
    decision_p95_s    from a screening run's end to its experiment's outcome in the journal; aim under 1
    decision_max_s    the slowest
    cores             CPU seconds of the engine's process per second of the window, agents that cost nothing included;
                      aim under 1
    idle_share        of the slots, at the end of the window
    results, merges   in the window
    window_s          of the measurement;  warm_s: what it took to get there
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import quantiles

from agentcore.engine.loop import tick
from agentcore.plan import Limits
from agentcore.state import LabState
from agentcore.synthetic import night, project
from agentcore.synthetic.runs import Clock
from agentcore.synthetic.world import World
from worktrees.runs import RunResult

RATE = 500 / 300
"""Results per second: 500 slots, runs of 300 s. With fewer slots runs are shorter."""
WARM = 3
"""Experiments per slot before the measurement."""


class SwitchedClock(Clock):
    """A virtual clock that goes by itself once it is switched to real time."""

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self._since: float | None = None

    def __call__(self) -> float:
        """Return the time."""
        return super().__call__() + (time.monotonic() - self._since if self._since is not None else 0.0)

    def switch(self) -> None:
        """Go in real time from now on."""
        self._since = time.monotonic()


async def measure(folder: Path, slots: int, window_s: float) -> dict[str, float]:
    """Warm a lab up, then watch it in real time; return the figures."""
    world, clock, begin = World(run_s=slots / RATE, run_spread=1.0), SwitchedClock(night.EPOCH), time.monotonic()
    paths = project.make(folder / "lab", world)
    async with night.opened(paths, world, clock, slot_count=slots) as (lab, executor, make):
        jump, is_warm = night.Jump(lab, clock, executor), asyncio.Event()

        async def rest(wake: asyncio.Event) -> None:
            if is_warm.is_set():
                await tick(wake)
                return
            await jump(wake)
            if sum(each.decided is not None for each in lab.state.experiments.values()) >= WARM * slots:
                clock.switch()
                is_warm.set()

        engine = make(Limits(), rest)
        running = asyncio.ensure_future(engine.run())
        await asyncio.wait({running, asyncio.ensure_future(is_warm.wait())}, return_when=asyncio.FIRST_COMPLETED)
        warm_s, before, since = time.monotonic() - begin, lab.state, clock()
        cpu_s, wall = time.process_time(), time.monotonic()
        await asyncio.wait({running}, timeout=window_s)
        cpu_s, wall = time.process_time() - cpu_s, time.monotonic() - wall
        state = lab.state
        engine.stop("measured")
        await running
    waits = waited(state, since, {number: paths.run(number).read_result() for number in state.runs})
    return {
        "slots": float(slots),
        "decision_p95_s": quantiles(waits, n=20, method="inclusive")[-1],
        "decision_max_s": max(waits),
        "cores": cpu_s / wall,
        "idle_share": 1 - len(state.active) / slots,
        "results": float(len(waits)),
        "merges": float(len(state.merges) - len(before.merges)),
        "window_s": wall,
        "warm_s": warm_s,
    }


def waited(state: LabState, since: float, results: Mapping[int, RunResult | None]) -> list[float]:
    """Return how long each screening run that ended after `since` waited for its outcome, in seconds."""
    experiments = [each for each in state.experiments.values() if each.run is not None and each.decided is not None]
    ends = [(each, results[each.run]) for each in experiments]
    return [each.decided - result.ended for each, result in ends if result and result.ended >= since]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="64 slots and 20 seconds")
    slots, window_s = (64, 20.0) if parser.parse_args().quick else (500, 60.0)
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), slots, window_s))
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
