"""A run behind walls: its rooms are tried, its score counts, and what gets no walls does not start."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worktrees.running import DAEMON, SCORES, make_run, run_shim, start_shim, wait_for
from tests.worktrees.walls.rooms import without
from worktrees import processes
from worktrees.runs import RunFolder, RunResult, Walls, write_json
from worktrees.sandbox import Backend

SCORED = """
    import json, os, subprocess, sys
    room = json.loads(os.environ["NIGHTLAB_ROOM"])
    asked = "import os; print(os.access('text', os.R_OK), os.access(os.environ['RUN'] + '/text', os.R_OK))"
    answer = subprocess.run([*room, sys.executable, "-S", "-c", asked], stdout=subprocess.PIPE, text=True, check=True)
    run = os.environ["RUN"]
    scored = {"score": 1.5, "inside": answer.stdout, "outside": os.access(f"{run}/text", os.R_OK)}
    json.dump(scored, open(f"{run}/scores/score.json", "w"))
"""


@pytest.fixture(params=("full", "reduced"))
def walls(request: pytest.FixtureRequest, tmp_path: Path) -> Walls:
    """Each backend; of the folder of all runs only the run itself is to be seen."""
    backend: Backend = request.param
    return Walls(backend, absent=(str(tmp_path),))


def test_a_run_that_goes_well_tells_what_contained_it(tmp_path: Path, walls: Walls) -> None:
    """Its score, the backend, and that walls were tried in each of its rooms."""
    result = run_shim(make_run(tmp_path, walls=walls))
    assert ("ok", 1.25, walls.backend, True) == (result.ending, result.score, result.walls, result.checks > 20)


def test_a_training_cannot_leave_a_score(tmp_path: Path, walls: Walls) -> None:
    """There is no way to the folder of scores."""
    result = run_shim(make_run(tmp_path, train=SCORES, walls=walls))
    assert "crash" == result.ending
    assert any(word in result.reason for word in ("Read-only", "Permission denied", "No such file")), result.reason


def test_a_trusted_evaluation_opens_the_room_of_the_model(tmp_path: Path, walls: Walls) -> None:
    """It sees the lab's text itself; what it starts there does not."""
    folder = make_run(tmp_path, evaluate=SCORED, walls=walls)
    (folder.path / "text").write_text("validation")
    spec = folder.read_spec()
    assert spec is not None
    train, evaluate = spec.stages
    write_json(folder.spec, replace(spec, stages=(train, replace(evaluate, is_trusted=True))))
    result = run_shim(folder)
    assert ("ok", {"inside": "False False\n", "outside": True}) == (result.ending, result.extra), result.reason


def test_a_daemon_does_not_outlive_its_room(tmp_path: Path, walls: Walls) -> None:
    """It made itself a daemon and forgot its environment: it ends with the training all the same."""
    work = f"""{DAEMON}
    import json
    def hide():
        open("../out/daemon", "w").close()
        os.execve("/usr/bin/sleep", ["sleep", "12345.678"], {{}})
    daemonise(hide)
    import time
    while not os.path.exists("../out/daemon"): time.sleep(0.01)
    """
    result = run_shim(make_run(tmp_path, train=work, walls=walls))
    alive = [each.pid for each in processes.every() if b"12345.678" in Path(f"/proc/{each.pid}/cmdline").read_bytes()]
    assert ("ok", []) == (result.ending, alive)


def test_a_training_that_holds_too_much_memory_is_ended(tmp_path: Path, walls: Walls) -> None:
    """With the figure, however many processes hold it."""
    hoard = """
    import os, time
    for _ in range(4):
        if os.fork() == 0:
            held = bytearray(b"x") * (64 << 20)
            time.sleep(600)
    time.sleep(600)
    """
    result = run_shim(make_run(tmp_path, train=hoard, walls=replace(walls, memory_mb=150)))
    assert ("crash", "its limit is 150 MiB") == (result.ending, result.reason[-20:])


def test_a_cancelled_training_may_tidy_up(tmp_path: Path, walls: Walls) -> None:
    """The signal reaches it inside."""
    train = """
    import signal, sys, time
    signal.signal(signal.SIGTERM, lambda *_: (open("../out/clean", "w"), sys.exit()))
    open("../out/ready", "w")
    time.sleep(600)
    """
    folder = make_run(tmp_path, train=train, walls=walls)
    shim = start_shim(folder)
    wait_for((folder.out / "ready").exists)
    shim.send_signal(signal.SIGTERM)
    shim.wait()
    assert ("cancelled", True) == (result_of(folder).ending, (folder.out / "clean").exists())


def test_a_killed_shim_takes_its_room_along(tmp_path: Path) -> None:
    """Nobody trains on where nobody will collect the result."""
    folder = make_run(tmp_path, train="open('../out/ready', 'w'); import time; time.sleep(600)", walls=Walls("full"))
    shim = start_shim(folder)
    wait_for((folder.out / "ready").exists)
    shim.kill()
    shim.wait()
    wait_for(lambda: not processes.tagged(str(folder.path)))


def test_a_slot_keeps_to_its_cores(tmp_path: Path, walls: Walls) -> None:
    """A training cannot take another slot's."""
    folder = make_run(tmp_path, train="import os; os.sched_setaffinity(0, range(os.cpu_count()))", walls=walls)
    assert "PermissionError: [Errno 1] Operation not permitted" == run_shim(folder).reason


def test_without_bubblewrap_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there as the engine chose its walls and is gone now: a breach, and the training has not begun."""
    monkeypatch.setenv("PATH", without(tmp_path / "programs", "bwrap"))
    folder = make_run(tmp_path, train="open('../out/ran', 'w')", walls=Walls("full"))
    result = run_shim(folder)
    assert ("breach", False) == (result.ending, (folder.out / "ran").exists())
    assert "bwrap is not installed" in result.reason


def test_a_room_that_shows_too_much_does_not_open(tmp_path: Path, walls: Walls) -> None:
    """A folder that was to be absent is what the training reads: the reason names it."""
    folder = make_run(tmp_path, train="open('../out/ran', 'w')", walls=walls)
    write_json(folder.spec, replace_absent(folder, str(folder.checkout)))
    result = run_shim(folder)
    assert ("breach", False) == (result.ending, (folder.out / "ran").exists())
    assert f"look into {folder.checkout}" in result.reason


def replace_absent(folder: RunFolder, path: str) -> object:
    """Return the run's spec with another folder that must show nothing."""
    spec = json.loads(folder.spec.read_text())
    spec["walls"]["absent"] = [path]
    return spec


def result_of(folder: RunFolder) -> RunResult:
    """Return how the run ended."""
    result = folder.read_result()
    assert result is not None
    return result
