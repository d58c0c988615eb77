"""Real engine processes for tests: started, watched through the journal, killed, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agentcore.fold import fold
from agentcore.journal.rows import Reader
from agentcore.state import LabState
from worktrees.layout import LabPaths

PATIENCE_S = 60.0


def nightlab(*words: str, lab: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would, and return what it printed."""
    where = ["--lab", str(lab)] if lab else []
    argv = [sys.executable, "-m", "tui.cli", words[0], *where, *words[1:]]
    return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def spawn(paths: LabPaths) -> subprocess.Popen[bytes]:
    """Start an engine as `nightlab start` does, but as a child that the test can kill."""
    paths.dot.mkdir(exist_ok=True)
    with paths.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "agentcore", str(paths.root)], stdout=log, stderr=log, start_new_session=True
        )


def state_of(paths: LabPaths) -> LabState:
    """Return the lab's state from its journal."""
    reader = Reader(paths.journal)
    try:
        return fold(reader.after(0))
    finally:
        reader.close()


def wait_for(paths: LabPaths, condition: Callable[[LabState], bool], what: str) -> LabState:
    """Wait until the journal says so. Fails with the engine's log where it never does."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        state = state_of(paths)
        if condition(state):
            return state
        time.sleep(0.02)
    log = paths.log.read_text() if paths.log.exists() else ""
    raise AssertionError(f"never: {what}\n{log[-2000:]}")


def end_lab(paths: LabPaths, engine: subprocess.Popen[bytes] | None = None) -> None:
    """End an engine and every shim of its lab, by their own process ids."""
    if engine is not None and engine.poll() is None:
        engine.kill()
        engine.wait()
    for run in state_of(paths).active.values():
        status = paths.run(run.number).read_status()
        if status is not None:
            _kill(status.pid)
            _kill(status.stage_pid)


def _kill(pid: int) -> None:
    if pid > 0:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
