"""How does an engine live as a process? It holds the lab's lock, hears signals and commands, and waits for room."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from agentcore.agents.roster import Roster
from agentcore.brief.scrub import take_secrets
from agentcore.engine import housekeeping
from agentcore.engine.bounds import Bounds
from agentcore.engine.commands import Desk
from agentcore.engine.control import serve
from agentcore.engine.lab import Lab
from agentcore.engine.lock import locked
from agentcore.engine.loop import Engine
from agentcore.engine.opening import Opening, open_lab
from agentcore.engine.reserve import Reserve, is_full
from agentcore.journal.rows import Unwritable
from agentcore.notices import settings
from agentcore.notices.courier import Courier
from agentcore.plan import (
    Limits,
)
from agentcore.project.seed import prompts_folder
from worktrees.layout import LabPaths
from worktrees.repository import RepositoryError

LOG = logging.getLogger("nightlab.engine")

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

ROOM_S = 1.0
"""How often a full disk is tried."""


async def serve_lab(
    paths: LabPaths,
    *,
    limits: Limits,
    until: float | None,
    mode: str | None,
    clock: Callable[[], float],
    bare: bool = False,
    opened: Opening = open_lab,
) -> str:
    """Hold the lab at `paths` until it is stopped; return why it ended. `bare`: without a sandbox.

    A disk that is full to the last row is waited for: an engine that cannot write is as good as killed, and the next
    one begins here. Raises EngineRunning, and whatever `open_lab` raises where the lab cannot be opened.
    """
    with locked(paths.lock):
        carried, own, is_open = prompts_folder(), settings.location(os.environ), False
        secrets, reserve = take_secrets(also=settings.token_name(own)), Reserve(paths.reserve)
        while True:
            try:
                lab, roster = await opened(paths, mode=mode, clock=clock, secrets=secrets, carried=carried, bare=bare)
                is_open = True
                courier = None if paths.scenario.is_file() else Courier(lab, own)  # of what is played nobody is told
                return await _serve(lab, roster, carried, Bounds(lab, limits, until, time.monotonic), courier)
            except (Unwritable, OSError, RepositoryError) as error:
                # git's own errors do not tell that it was for want of room
                has_room = reserve.hold() if isinstance(error, RepositoryError) else not is_full(error)
                if not is_open or has_room:
                    raise
                LOG.error("%s; the engine goes on when there is room", error)
            if stopped := await _until_room(reserve):
                return stopped


async def _serve(lab: Lab, roster: Roster, carried: Path, bounds: Bounds, courier: Courier | None) -> str:
    try:
        engine = Engine(lab, roster, carried, bounds, courier=courier)
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, engine.stop, f"{number.name} received")
        async with serve(lab.paths.socket, Desk(lab, engine.stop, engine.end_agent, engine.drain, courier).handle):
            return await engine.run()
    finally:
        if courier:
            await courier.close()
        await roster.close()
        housekeeping.leave_last_state(lab)
        lab.close()


async def _until_room(reserve: Reserve) -> str:
    """Wait until the disk takes something again; the journal is whole, and is read anew then.

    Return why it was stopped meanwhile, or an empty string.
    """
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stopped.set)
    try:
        while not reserve.hold():
            try:
                async with asyncio.timeout(ROOM_S):
                    await stopped.wait()
            except TimeoutError:
                continue
            return "stopped while the disk was full"
        return ""
    finally:
        for number in _SIGNALS:  # one that comes while the lab is opened again ends it, as it does the first time
            loop.remove_signal_handler(number)
