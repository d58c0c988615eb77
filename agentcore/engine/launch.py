"""How does an engine come to life, in this process or in one of its own, and how does it end?"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from agentcore.engine.codes import FAILED, LIMIT, OK, PRECONDITION, UNREACHABLE
from agentcore.engine.control import Answer, Command, EngineUnreachable, ask
from worktrees import processes
from worktrees.layout import LabPaths

if TYPE_CHECKING:
    from agentcore.engine.opening import Opening
    from agentcore.plan import Limits

START_PATIENCE_S = 20.0

BARE = "--no-sandbox"


class StartError(Exception):
    """The engine did not come to life, or does not end. The message says why; `code` is the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def run_engine(
    paths: LabPaths,
    limits: Limits | None = None,
    until: float | None = None,
    mode: str | None = None,
    *,
    bare: bool = False,
) -> int:
    """Run the lab's engine in this process until it is stopped or done; return an exit code, the cause on stderr.

    `bare`: without a sandbox.
    """
    from agentcore.brief.prompts import PromptError

    # Here: the view starts engines, and its first paint must not wait for pygit2 and all that an engine needs.
    from agentcore.engine.lock import EngineRunning
    from agentcore.engine.opening import open_lab
    from agentcore.engine.reserve import is_full
    from agentcore.engine.serving import serve_lab
    from agentcore.journal.rows import JournalError, Unwritable
    from agentcore.plan import Limits
    from worktrees.project import ProjectError
    from worktrees.repository import RepositoryError
    from worktrees.sandbox import Uncontained

    opened: Opening = open_lab
    if paths.scenario.is_file():  # a demonstration: everything is real but trainings, GPUs and agents
        from agentcore.synthetic.scenarios.stage import open_stage as opened
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line per request, which the journal tells better
    try:
        reason = asyncio.run(
            serve_lab(
                paths, limits=limits or Limits(), until=until, mode=mode, clock=time.time, bare=bare, opened=opened
            ),
        )
    except (ProjectError, PromptError, RepositoryError, EngineRunning, Uncontained) as error:
        print(f"nightlab: {error}", file=sys.stderr)
        return PRECONDITION
    except JournalError as error:
        print(f"nightlab: {error}; runs in progress go on, start the engine again when this is mended", file=sys.stderr)
        return LIMIT if isinstance(error, Unwritable) else PRECONDITION
    except PermissionError as error:
        print(f"nightlab: {error}: this lab is another user's; nightlab --readonly looks at it", file=sys.stderr)
        return PRECONDITION
    except OSError as error:
        if not is_full(error):
            raise
        print(f"nightlab: {error}; make room, then start the engine again: it goes on where it was", file=sys.stderr)
        return LIMIT
    logging.getLogger("nightlab.engine").info("left: %s", reason)
    return OK


def start(paths: LabPaths, *, bare: bool = False) -> int:
    """Start the lab's engine detached, so that it outlives this terminal; return its pid once it answers.

    `bare`: without a sandbox.

    An engine that runs already is left alone. Raises StartError with its last words where it dies.
    """
    if (pid := _answering(paths)) is not None:
        return pid
    paths.dot.mkdir(parents=True, exist_ok=True)
    mark = paths.log.stat().st_size if paths.log.exists() else 0
    engine = processes.detach(
        [sys.executable, "-P", "-m", "agentcore", str(paths.root), *([BARE] if bare else [])],
        {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        paths.log,
    )
    end, ended = time.monotonic() + START_PATIENCE_S, False
    while time.monotonic() < end:
        if (pid := _answering(paths)) is not None:
            if pid != engine:
                _end(engine)
            return pid
        ended = ended or processes.has_ended(engine)
        if ended and not processes.is_locked(paths.lock):  # locked: somebody else's engine is starting just now
            raise StartError(_last_words(paths.log, mark), PRECONDITION)
        time.sleep(0.05)
    raise StartError(f"the engine does not answer after {START_PATIENCE_S:.0f} s; see {paths.log}", UNREACHABLE)


def send(paths: LabPaths, command: Command, patience_s: float = 10.0) -> Answer:
    """Ask the engine from a program without a loop of its own. Raises EngineUnreachable."""
    return asyncio.run(ask(paths.socket, command, patience_s))


def wait_until_gone(paths: LabPaths, patience_s: float = 30.0) -> bool:
    """Wait until no engine answers; True once it is so."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if _answering(paths) is None:
            return True
        time.sleep(0.05)
    return False


def end_silent(paths: LabPaths, patience_s: float = 30.0) -> int | None:
    """Tell an engine that holds the lab and does not answer to leave, as a shutdown does.

    Such a one waits for room, is just starting, or hangs. Return its pid once it has let go of the lab; None where
    nobody holds it. Raises StartError.
    """
    if not processes.is_locked(paths.lock):
        return None
    pid, end = int(paths.lock.read_text() or 0), time.monotonic() + patience_s
    if pid:
        processes.send([pid], signal.SIGTERM)
    while processes.is_locked(paths.lock):
        if time.monotonic() > end:
            raise StartError(
                f"process {pid} holds this lab, does not answer and does not leave; see {paths.log}. "
                f"kill -9 {pid} ends it: nothing is lost",
                UNREACHABLE,
            )
        time.sleep(0.05)
    return pid


def _answering(paths: LabPaths) -> int | None:
    if not paths.socket.exists():
        return None
    try:
        answer = send(paths, Command("ping"))
    except EngineUnreachable:
        return None
    return int(answer.body["pid"])


def _end(engine: int) -> None:
    """End an engine of ours that came second: left alone it would take the lab as soon as the first one leaves."""
    end = time.monotonic() + START_PATIENCE_S
    while not processes.has_ended(engine) and time.monotonic() < end:
        processes.send([engine], signal.SIGTERM)
        time.sleep(0.05)


def _last_words(log: Path, mark: int) -> str:
    with log.open("rb") as file:
        file.seek(mark)
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("nightlab: ") if lines else f"the engine ended without a word; see {log}"
