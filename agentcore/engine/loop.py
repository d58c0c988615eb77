"""What does the engine do, round after round? Collect what ended, plan, act, wait.

It is the one process of a lab that writes journal, refs and worktrees (serving.py is its life as a process). Everything
that it knows is in the journal, so it may be killed at any instant; SIGTERM ends it in order and leaves runs to their
shims.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from agentcore import events as ev
from agentcore.agents.roster import Roster
from agentcore.away import limits as away
from agentcore.brief import prompts
from agentcore.engine import housekeeping, running
from agentcore.engine.bounds import Bounds
from agentcore.engine.lab import Lab
from agentcore.engine.reserve import is_full
from agentcore.engine.telemetry import publish
from agentcore.journal.rows import Unwritable
from agentcore.notices.courier import Courier
from agentcore.plan import (
    Action,
    Judge,
    JudgeStack,
    MoveWorktree,
    Promote,
    Propose,
    Rebase,
    RebaseExperiment,
    Record,
    Settle,
    Stack,
    StartRun,
    plan,
)
from agentcore.queue import promoter, stacking
from agentcore.report import reporting
from agentcore.retest import retesting
from agentcore.worktree import proposing, questions
from worktrees.executor import NotReadyError
from worktrees.repository import RepositoryError

LOG = logging.getLogger("nightlab.engine")

TICK_S = 0.25
"""How often the engine looks whether a run has ended; a look costs about 0.1 ms per run."""


BURST_S = 0.25
"""After so long at one plan's actions the engine looks again: a trunk that moves makes every waiting experiment of 500
worktrees be rebased, and results must not wait for that."""

Rest = Callable[[asyncio.Event], Awaitable[None]]
"""How an engine with nothing to do waits: until the event is set, or until it is time to look again."""


async def tick(wake: asyncio.Event) -> None:
    """Rest for TICK_S, or until somebody wakes the engine."""
    try:
        async with asyncio.timeout(TICK_S):
            await wake.wait()
    except TimeoutError:
        return


@dataclass(frozen=True)
class Stop:
    """Why the engine leaves, and whether runs are ended too."""

    reason: str
    now: bool = False


class Engine:
    """The loop over one lab. It leaves when its bounds are reached and nothing is left to do.

    `rest`: how it waits; a lab whose time is not the machine's has a way of its own. `courier`: who tells a person what
    concerns them; None in a lab of which nobody has to be told.
    """

    def __init__(
        self,
        lab: Lab,
        roster: Roster,
        carried: Path,
        bounds: Bounds,
        rest: Rest = tick,
        courier: Courier | None = None,
    ) -> None:
        self.lab = lab
        self._roster = roster
        self._carried = carried
        self._bounds = bounds
        self._rest = rest
        self._courier = courier
        self._wake = asyncio.Event()
        self._stop: Stop | None = None
        self._last: list[Action] = []
        self._thinking: dict[str, asyncio.Task[None]] = {}

    def stop(self, reason: str, now: bool = False) -> None:
        """Leave: start nothing new, and with `now` end the runs in progress first."""
        self._stop = Stop(reason, now)
        self._wake.set()

    def drain(self, reason: str) -> None:
        """Start nothing new, and leave when the runs in progress have ended and counted."""
        self._bounds.drain(reason)
        self._wake.set()

    async def end_agent(self, name: str) -> None:
        """End the turn that the agent of a worktree has open, and wait until it has."""
        task = self._thinking.get(name)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    async def run(self) -> str:
        """Work until a limit is reached or `stop` is called; return why it ended. Raises JournalError, OSError.

        Whoever was told to leave, or has nothing left to do, does not wait for room on a full disk.
        """
        reason = ""
        try:
            await promoter.recover(self.lab)
            await self._work()
            reason = self._stop.reason if self._stop else self._bounds.why()
            await self._leave(reason)
        except (Unwritable, OSError) as error:
            reason = reason or self._told
            if not reason or not is_full(error):
                raise
            LOG.error("%s; it leaves as after a kill, the next engine goes on all the same", error)
            if self._stop and self._stop.now:
                running.cancel_all(self.lab)
        return reason

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                besides = [
                    tasks.create_task(publish(self.lab)),
                    tasks.create_task(housekeeping.keep(self.lab)),
                    tasks.create_task(prompts.watch(self.lab, self._carried)),
                ]
                while not self._is_over():
                    self._wake.clear()  # before the look: what happens during it must not be slept over
                    if not await self._act(tasks):
                        await self._rest(self._wake)
                for task in (*besides, *self._thinking.values()):
                    task.cancel()
        except BaseExceptionGroup as group:  # what ended one of the engine's tasks is what ended the engine
            raise group.exceptions[0] from group

    async def _leave(self, reason: str) -> None:
        if self._stop and self._stop.now:
            await self._end_runs()
        self.lab.record(ev.EngineStopped(reason))
        if not self._stop:
            await reporting.conclude(self.lab)
        if self._courier:
            await self._courier.finish()

    @property
    def _told(self) -> str:
        """Why a person wants it to leave; empty where nobody does."""
        return self._stop.reason if self._stop else self._bounds.asked

    async def _act(self, tasks: asyncio.TaskGroup) -> bool:
        """Collect what ended and carry out what is due; True where that may have made more due."""
        self._bounds.look()
        await reporting.catch_up(self.lab)
        if self._courier:
            self._courier.look()
        self._end_thinking()
        actions: list[Action] = []
        try:
            await running.collect(self.lab)
            await promoter.follow(self.lab)
            actions = plan(self.lab.state, self._bounds.limits)
            end = time.monotonic() + BURST_S
            for action in actions:
                await self._carry_out(action, tasks)
                if time.monotonic() > end:
                    break  # the rest is still due at the next plan, after what has ended meanwhile
        except (RepositoryError, NotReadyError) as error:
            self.lab.say("work", str(error))
        except OSError as error:
            if not is_full(error):
                raise
            self.lab.say("work", f"{error}: tried again until there is room")
        else:
            self.lab.say("work", "")
        repeated, self._last = actions == self._last, actions
        return bool(actions) and not repeated  # what was refused is tried again after a tick, not at once

    async def _carry_out(self, action: Action, tasks: asyncio.TaskGroup) -> None:
        lab = self.lab
        match action:
            case Record(event):
                await self._record(event)
            case StartRun():
                await running.start(lab, action)
            case MoveWorktree(name, base):
                await proposing.move(lab, name, base)
            case Propose(name):
                agent = self._roster.choose(lab.state, name)
                task = tasks.create_task(proposing.propose(lab, agent, self._carried, name), name=f"agent {name}")
                task.add_done_callback(lambda _: self._wake.set())
                self._thinking[name] = task
                await asyncio.sleep(0)  # the turn announces itself before the next plan
            case RebaseExperiment(number, base):
                await proposing.rebase(lab, number, base)
            case Rebase(number):
                await promoter.rebase(lab, number)
            case Stack(numbers):
                await stacking.rebase(lab, numbers)
            case Judge(number):
                await promoter.conclude(lab, number)
            case JudgeStack(numbers):
                await stacking.conclude(lab, numbers)
            case Settle():
                await retesting.settle(lab)
            case Promote(number, by):
                try:
                    await promoter.promote(lab, number, by)
                except promoter.Refused as refusal:
                    is_busy = lab.state.intent is not None  # a person's move came first: it is tried again after that
                    if lab.state.candidates[number].state == "READY" and not is_busy:  # else its new state says it
                        lab.record(ev.CandidateMoved(number, "HELD", str(refusal), by="gate"))

    async def _record(self, event: ev.Event) -> None:
        if isinstance(event, ev.ExperimentDecided) and event.outcome == "keep":
            commit = self.lab.state.experiments[event.experiment].commit
            await self.lab.git(self.lab.repository.pin, "kept", event.experiment, commit)
        self.lab.record(event)

    def _is_over(self) -> bool:
        if self._stop:
            return True
        if self.lab.state.active or any(not task.done() for task in self._thinking.values()):
            return False
        if not self._bounds.limits.stopping and questions.are_open(self.lab.state):
            return False  # it is answered, or parked, and the agent goes on
        return self._bounds.is_bounded and not plan(self.lab.state, self._bounds.limits)

    def _end_thinking(self) -> None:
        """End agents whose proposal nobody will run, or that only wait for a provider they may not pay any more."""
        is_over = self._bounds.is_late or bool(self._bounds.reason or away.over(self.lab.state))
        is_spent = self._bounds.spent or away.spent(self.lab.state)
        for name, task in self._thinking.items():
            thinking = self.lab.state.worktrees[name].thinking
            if thinking and (is_over or (is_spent and thinking.state == "LIMIT")):
                task.cancel()

    async def _end_runs(self) -> None:
        while self.lab.state.active:
            running.cancel_all(self.lab)
            await asyncio.sleep(TICK_S)
            await running.collect(self.lab)
