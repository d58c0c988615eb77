"""Real runs for the tests: small scripts as training and evaluation, real shims, real processes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from worktrees import processes
from worktrees.runs import RunFolder, RunResult, RunSpec, Stage, Walls, write_json
from worktrees.slots import Slot

SLOT = Slot(name="cpu0", kind="cpu", model="test")
SCORES = """
    import json, os
    json.dump({"score": 1.25, "bits": 10}, open(os.path.join(os.environ["RUN"], "scores/score.json"), "w"))
"""
HANGS = "import time; open('../out/hangs', 'w').close(); time.sleep(600)"
DAEMON = """
    import os, sys, time
    def daemonise(work):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                work()
            os._exit(0)
    def linger():
        open(f"../out/daemon.{os.getpid()}", "w").close()
        time.sleep(600)
"""


def make_run(
    path: Path,
    train: str = "print('step 1')",
    evaluate: str = SCORES,
    wall_s: float = 20,
    slot: Slot = SLOT,
    walls: Walls = Walls("none"),  # noqa: B008  # frozen
) -> RunFolder:
    """Write the folder of a run whose two stages are the given scripts."""
    folder = RunFolder(path / "000001")
    folder.checkout.mkdir(parents=True)
    env = {"PATH": "/usr/bin:/bin", "RUN": str(folder.path)}
    stages = []
    for name, script in (("train", train), ("evaluate", evaluate)):
        (folder.checkout / f"{name}.py").write_text(textwrap.dedent(script))
        stages.append(Stage(name, (sys.executable, "-S", f"{name}.py"), env, wall_s))
    spec = RunSpec(1, "screen", "c" * 40, "t" * 40, 0, 1, "10s", slot, tuple(stages), walls)
    write_json(folder.spec, spec)
    return folder


def shim_command(folder: RunFolder) -> list[str]:
    """Return the command that starts a shim by hand."""
    return [sys.executable, "-m", "worktrees.shim", str(folder.path)]


def start_shim(folder: RunFolder) -> subprocess.Popen[bytes]:
    """Start a shim as an executor does."""
    return subprocess.Popen(shim_command(folder), start_new_session=True)


def run_shim(folder: RunFolder) -> RunResult:
    """Do the run in `folder` to its end."""
    subprocess.run(shim_command(folder), start_new_session=True, check=True, timeout=30)
    result = folder.read_result()
    assert result is not None
    return result


def do(path: Path, train: str = "print('step 1')", evaluate: str = SCORES, wall_s: float = 20) -> RunResult:
    """Make a run and do it."""
    return run_shim(make_run(path, train, evaluate, wall_s))


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as `condition` holds; fail when it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.01)


def living_daemons(folder: RunFolder) -> list[int]:
    """Return the daemons of `DAEMON` that still live."""
    pids = [int(path.suffix[1:]) for path in folder.out.glob("daemon.*")]
    return [pid for pid in pids if processes.stat(pid) is not None]
