"""How does a command run for an agent, and how does it end?

Every process that an agent causes is started here: behind the walls of a room, in the agent's folder, in a session of
its own, with an environment that is given and not inherited. It ends by itself, by time, by printing too much or by
holding too much memory; whatever it leaves running is ended with it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from worktrees import memory, processes, sandbox
from worktrees.sandbox import Backend, Policy

TICK_S = 0.05
"""How often limits are looked at."""
KILL_TICK_S = 0.005
WEIGH_S = 0.5
"""How often memory is: it costs 0.1 ms a process."""
GRACE_S = 1.0
"""Between SIGTERM and SIGKILL."""

EndedBy = Literal["exit", "time", "output", "memory"]


@dataclass(frozen=True)
class Command:
    """What is run, where, and within which limits."""

    argv: Sequence[str]
    folder: Path
    """Its working directory, and what it may change."""
    environment: Mapping[str, str]
    wall_s: float
    output_bytes: int
    policy: Policy
    using: Backend
    memory_mb: float = 0.0
    """What all its processes may hold together (MiB); 0 for no limit."""


@dataclass(frozen=True)
class Finished:
    """How a command ended. Its output, both streams in order, is in the file that was given for it."""

    ended_by: EndedBy
    code: int | None
    """Exit code, minus the signal where one killed it; None where it was ended here."""
    wall_s: float
    output_bytes: int


class CannotStart(Exception):
    """The program is not there, or not executable, or no walls can be put around it."""


async def run(command: Command, output: Path) -> Finished:
    """Run a command to its end; `output` takes what it prints.

    Nothing of it runs any more afterwards, also where this coroutine is cancelled. Raises CannotStart.
    """
    began = time.monotonic()
    output.unlink(missing_ok=True)  # the folder is the command's: a link that an earlier one left would lead outside
    with output.open("x+b") as file:
        process = await _start(command, file)
        leader = processes.stat(process.pid)
        try:
            ended_by = await _watch(process, command, file, began)
        finally:
            await _surely(_end(process, command.folder, leader.start_ticks if leader else 0))
        code = process.returncode if ended_by == "exit" else None
        size = os.fstat(file.fileno()).st_size
        if not _is_same(file, output):
            await asyncio.to_thread(_put_back, file, output)
    return Finished(ended_by, code, time.monotonic() - began, size)


async def end_all(folder: Path) -> int:
    """End what commands in `folder` have left running, e.g. under an engine that was killed; return how many."""
    count, end = 0, time.monotonic() + processes.KILL_LIMIT_S
    while (pids := await asyncio.to_thread(processes.tagged, _tag(folder))) and time.monotonic() < end:
        count = max(count, len(pids))
        processes.send(pids, signal.SIGKILL)
        await asyncio.sleep(TICK_S)
    return count


def environment(folder: Path, scratch: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a command finds in its environment: nothing of the researcher's but what `extra` hands on."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "CUDA_VISIBLE_DEVICES": "",  # the GPU belongs to the run that is being measured
        "PWD": str(folder),
        **(extra or {}),
    }


async def _start(command: Command, file: BinaryIO) -> asyncio.subprocess.Process:
    """Raises CannotStart, also for what no argument can hold (a NUL, half a character: models write such things)."""
    program = command.argv[0]
    try:
        found = sandbox.find(program, command.environment.get("PATH", os.defpath), command.folder)
        if command.using != "none":
            await asyncio.to_thread(sandbox.prepare, command.policy)  # what we wrote since the last one is ours
        return await asyncio.create_subprocess_exec(
            *sandbox.wrap([found, *command.argv[1:]], command.policy, command.using),
            cwd=command.folder,
            env={**command.environment, processes.TAG: _tag(command.folder)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError, sandbox.Uncontained) as error:
        raise CannotStart(f"{program} cannot be started: {error}") from error
    except asyncio.CancelledError:  # between the fork and its answer: asyncio ends the process, but not its children
        await _surely(end_all(command.folder))
        raise


def _is_same(file: BinaryIO, output: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), output.lstat())
    except OSError:
        return False


def _put_back(file: BinaryIO, output: Path) -> None:
    """Write the output again: the command may have emptied its scratch, or have put a pipe in its place."""
    if output.parent.is_symlink() or output.parent.is_file():
        output.parent.unlink()
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.is_dir() and not output.is_symlink():
        shutil.rmtree(output)
    else:
        output.unlink(missing_ok=True)
    file.seek(0)
    with output.open("xb") as again:
        shutil.copyfileobj(file, again)


async def _watch(
    process: asyncio.subprocess.Process,
    command: Command,
    file: BinaryIO,
    began: float,
) -> EndedBy:
    ending = asyncio.ensure_future(process.wait())
    weigh_at = began
    try:
        while True:
            await asyncio.wait({ending}, timeout=TICK_S)
            size = os.fstat(file.fileno()).st_size
            if size > command.output_bytes:
                return "output"
            if ending.done():
                return "exit"
            if command.memory_mb and time.monotonic() > weigh_at:
                weigh_at = time.monotonic() + WEIGH_S
                if _held_mb(process.pid, command.memory_mb) > command.memory_mb:
                    return "memory"
            if time.monotonic() - began > command.wall_s:
                return "time"
    finally:
        ending.cancel()


async def _end(process: asyncio.subprocess.Process, folder: Path, ticks: int) -> None:
    """End the command's session, then whoever left it; a few milliseconds where nobody did."""
    if process.returncode is None:
        processes.send(processes.in_session(process.pid, ticks), signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), GRACE_S)
        except TimeoutError:
            process.kill()
            await process.wait()
    end = time.monotonic() + processes.KILL_LIMIT_S
    while (pids := processes.in_session(process.pid, ticks)) and time.monotonic() < end:
        processes.send(pids, signal.SIGKILL)
        await asyncio.sleep(KILL_TICK_S)  # one that is killed has no environment any more, and lives for a moment
    await end_all(folder)


async def _surely(work: Coroutine[Any, Any, object]) -> None:
    """Do the work to its end, however often whoever waits is cancelled meanwhile; then be cancelled."""
    task, cancelled = asyncio.ensure_future(work), None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled


def _held_mb(pid: int, limit_mb: float) -> float:
    return memory.held_mb((pid, *processes.descendants(pid)), limit_mb)


def _tag(folder: Path) -> str:
    return str(folder.resolve())
