"""How does a synthetic lab work through its ideas? As any lab does: the real engine, on a clock that jumps.

Virtual time stands still while the engine acts and agents write, and jumps to the next end of a run when it has nothing
to do: slots are as busy as in a real lab, and nobody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentcore.engine.bounds import Bounds
from agentcore.engine.lab import Lab
from agentcore.engine.lock import locked
from agentcore.engine.loop import Engine, Rest, tick
from agentcore.engine.opening import make_ready
from agentcore.engine.walls import Containment
from agentcore.plan import Limits
from agentcore.project import seed
from agentcore.state import LabState
from agentcore.synthetic.agent import SyntheticAgent, SyntheticRoster
from agentcore.synthetic.runs import Clock, SyntheticExecutor
from agentcore.synthetic.world import World
from worktrees.layout import LabPaths
from worktrees.project import load
from worktrees.slots import Slot

NOTHING_RUNS = Containment("full", "runs are formulas: there is nothing to contain")
EPOCH = 1_700_000_000.0
"""When virtual time begins (Unix time)."""


def slots(count: int) -> tuple[Slot, ...]:
    """Return that many slots of one device class."""
    return tuple(Slot(f"cpu{index}", "cpu", "synthetic") for index in range(count))


@asynccontextmanager
async def opened(
    paths: LabPaths, world: World, clock: Clock, *, slot_count: int = 8, mode: str = "gate"
) -> AsyncIterator[tuple[Lab, SyntheticExecutor, Callable[[Limits, Rest], Engine]]]:
    """Hold the lab at `paths`; yield it, its executor, and what makes an engine for it.

    `clock` goes on to where the lab's journal ends. Raises EngineRunning, and whatever `make_ready` raises.
    """
    with locked(paths.lock):
        executor = SyntheticExecutor(world, clock)
        lab = Lab(paths, load(paths.config), slots(slot_count), executor, clock, walls=NOTHING_RUNS)
        clock.go_to(lab.state.at)
        carried, roster = seed.prompts_folder(), SyntheticRoster(lab.project, SyntheticAgent(world))
        await make_ready(lab, roster, mode, carried)
        try:
            yield lab, executor, lambda limits, rest: Engine(lab, roster, carried, Bounds(lab, limits, None), rest)
        finally:
            lab.close()


async def work(paths: LabPaths, world: World, *, experiments: int, slot_count: int = 8, mode: str = "gate") -> LabState:
    """Let the lab at `paths` go on until it has so many experiments, all decided; return its state.

    Raises whatever `opened` raises.
    """
    clock = Clock(EPOCH)
    async with opened(paths, world, clock, slot_count=slot_count, mode=mode) as (lab, executor, engine):
        await engine(Limits(experiments=experiments), Jump(lab, clock, executor)).run()
        return lab.state


@dataclass(frozen=True)
class Jump:
    """A rest that takes no time: the clock goes to the next end of a run, or stands still while an agent writes."""

    lab: Lab
    clock: Clock
    executor: SyntheticExecutor

    async def __call__(self, wake: asyncio.Event) -> None:
        """Rest until something has happened."""
        while not wake.is_set():
            is_writing = any(worktree.thinking for worktree in self.lab.state.worktrees.values())
            end = self.executor.next_end()
            if not is_writing and end is not None:
                self.clock.go_to(end)
                return
            await tick(wake)
            if not is_writing:
                return
