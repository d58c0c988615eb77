"""An engine may come and go: each run is started once, found again, and can be cancelled or started anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worktrees.running import DAEMON, HANGS, living_daemons, make_run, start_shim, wait_for
from worktrees import processes
from worktrees.executor import LocalExecutor, NotReadyError
from worktrees.runs import RunFolder, RunResult, RunStatus, write_json

WAITS = """
    import os, time
    print("started", flush=True)
    while not os.path.exists("../go"): time.sleep(0.01)
"""


@pytest.fixture(autouse=True)
def _nothing_survives_a_failed_test(tmp_path: Path) -> Iterator[None]:
    yield
    processes.send(processes.tagged(str(tmp_path / "000001")), signal.SIGKILL)


def result_of(folder: RunFolder) -> RunResult:
    """Wait for the result of a run."""
    wait_for(folder.result.exists)
    result = folder.read_result()
    assert result is not None
    return result


def shim_pid(folder: RunFolder, stage: str = "train") -> int:
    """Wait until the shim is at `stage` and return its pid."""
    wait_for(lambda: (status := folder.read_status()) and status.stage == stage)
    status = folder.read_status()
    assert status is not None
    return status.pid


def lose(folder: RunFolder, executor: LocalExecutor, train_started: Path) -> None:
    """Start the run, and kill its shim while it trains."""
    executor.submit(folder)
    wait_for(train_started.exists)
    os.kill(shim_pid(folder), signal.SIGKILL)
    wait_for(lambda: executor.look(folder) != "running")


def test_a_run_that_nobody_started_is_absent(tmp_path: Path) -> None:
    """A folder with a spec only is absent."""
    assert "absent" == LocalExecutor().look(make_run(tmp_path))


def test_a_run_that_was_just_submitted_is_running(tmp_path: Path) -> None:
    """Between its start and its first status a shim counts as running."""
    folder, executor = make_run(tmp_path), LocalExecutor()
    executor.submit(folder)
    life = executor.look(folder)
    result_of(folder)
    assert "running" == life


def test_a_run_ends_with_its_result(tmp_path: Path) -> None:
    """A submitted run ends ok."""
    folder, executor = make_run(tmp_path), LocalExecutor()
    executor.submit(folder)
    assert ("ok", "ended") == (result_of(folder).ending, executor.look(folder))


def test_a_run_submitted_twice_trains_once(tmp_path: Path) -> None:
    """Submitting again changes nothing, neither at once nor later."""
    folder, executor = make_run(tmp_path, "print('started')"), LocalExecutor()
    executor.submit(folder)
    executor.submit(folder)
    result_of(folder)
    executor.submit(folder)
    wait_for(lambda: executor.look(folder) == "ended")
    assert "started\n" == folder.log.read_text()


def test_two_engines_that_submit_at_once_train_once(tmp_path: Path) -> None:
    """Two executors that know nothing of each other start one training."""
    folder = make_run(tmp_path, "print('started')")
    first, second = LocalExecutor(), LocalExecutor()
    first.submit(folder)
    second.submit(folder)
    result_of(folder)
    assert "started\n" == folder.log.read_text()


def test_a_shim_that_has_not_spoken_yet_is_running(tmp_path: Path) -> None:
    """An engine that has just started recognises a shim by its lock before there is a status."""
    folder = make_run(tmp_path)
    lock = processes.try_lock(folder.lock)
    assert lock is not None
    life = LocalExecutor().look(folder)
    os.close(lock)
    assert "running" == life


def test_a_shim_that_cannot_start_is_lost(tmp_path: Path) -> None:
    """A shim that dies before its first status is not taken for one that was never started."""
    folder, executor = make_run(tmp_path), LocalExecutor()
    folder.lock.mkdir()  # so that it cannot be locked
    executor.submit(folder)
    wait_for(lambda: executor.look(folder) != "running")
    assert "lost" == executor.look(folder)


def test_no_zombie_remains(tmp_path: Path) -> None:
    """Looking at runs reaps shims that have ended."""
    folder, executor = make_run(tmp_path), LocalExecutor()
    executor.submit(folder)
    wait_for(folder.read_status)  # at whichever stage: this run may be over before anybody looks
    status = folder.read_status()
    assert status is not None
    pid = status.pid
    result_of(folder)
    wait_for(lambda: executor.look(folder) and not Path(f"/proc/{pid}").exists())
    assert "ended" == executor.look(folder)


def test_a_shim_sees_no_variable_of_the_engine(tmp_path: Path) -> None:
    """Keys in the engine's environment do not reach the shim."""
    folder, executor = make_run(tmp_path, WAITS), LocalExecutor()
    executor.submit(folder)
    environment = Path(f"/proc/{shim_pid(folder)}/environ").read_bytes().split(b"\0")
    (folder.path / "go").touch()
    result_of(folder)
    assert [b"", b"PATH", b"PYTHONPATH"] == sorted(line.partition(b"=")[0] for line in environment)


def test_modules_of_the_current_folder_do_not_hide_ours(tmp_path: Path) -> None:
    """An engine that was started in a folder with its own worktrees.py starts our shim."""
    folder = make_run(tmp_path)
    (tmp_path / "worktrees.py").write_text("raise SystemExit(1)")
    code = f"""
from pathlib import Path
import sys
sys.path = [entry for entry in sys.path if entry]
from worktrees.executor import LocalExecutor
from worktrees.runs import RunFolder
LocalExecutor().submit(RunFolder(Path({str(folder.path)!r})))
"""
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True, timeout=15)
    assert "ok" == result_of(folder).ending


def test_cancel_ends_a_run(tmp_path: Path) -> None:
    """A cancelled run has a result that says so."""
    folder, executor = make_run(tmp_path, HANGS), LocalExecutor()
    executor.submit(folder)
    wait_for((folder.out / "hangs").exists)
    executor.cancel(folder)
    assert "cancelled" == result_of(folder).ending


def test_cancel_right_after_submit_still_has_a_result(tmp_path: Path) -> None:
    """A cancel that comes while the shim's Python starts is not lost, and does not lose the run."""
    folder, executor = make_run(tmp_path, HANGS), LocalExecutor()
    executor.submit(folder)
    executor.cancel(folder)
    assert "cancelled" == result_of(folder).ending


def test_another_engine_can_cancel(tmp_path: Path) -> None:
    """An engine that did not start the run cancels it by what the status says."""
    folder = make_run(tmp_path, HANGS)
    LocalExecutor().submit(folder)
    wait_for((folder.out / "hangs").exists)
    shim_pid(folder)
    LocalExecutor().cancel(folder)
    assert "cancelled" == result_of(folder).ending


def test_cancel_without_a_shim_does_nothing(tmp_path: Path) -> None:
    """Cancelling a run that nobody started is no error."""
    folder, executor = make_run(tmp_path), LocalExecutor()
    executor.cancel(folder)
    assert "absent" == executor.look(folder)


def test_a_run_outlives_its_engine(tmp_path: Path) -> None:
    """kill -9 of the engine's process: the training goes on, the next engine sees it and its result."""
    folder = make_run(tmp_path, WAITS)
    code = f"""
import time
from pathlib import Path
from worktrees.executor import LocalExecutor
from worktrees.runs import RunFolder
LocalExecutor().submit(RunFolder(Path({str(folder.path)!r})))
time.sleep(600)
"""
    engine = subprocess.Popen([sys.executable, "-c", code])
    wait_for(lambda: folder.log.exists() and "started" in folder.log.read_text())
    engine.kill()
    engine.wait(timeout=15)
    adopted = LocalExecutor()
    between = adopted.look(folder)
    (folder.path / "go").touch()
    assert ("running", "ok", "ended") == (between, result_of(folder).ending, adopted.look(folder))


def test_a_run_whose_shim_was_killed_is_lost(tmp_path: Path) -> None:
    """kill -9 of the shim leaves no result: the run is lost, for its engine and for the next one."""
    folder, executor = make_run(tmp_path, HANGS), LocalExecutor()
    lose(folder, executor, folder.out / "hangs")
    assert ("lost", "lost") == (executor.look(folder), LocalExecutor().look(folder))


@pytest.mark.parametrize("name", ["status.json", "result.json"])
@pytest.mark.parametrize("kept", [0, 20])
def test_a_run_with_a_torn_file_is_lost_and_can_be_cleared(tmp_path: Path, name: str, kept: int) -> None:
    """A disk that failed costs the run, and no engine that looks at it: it is ended, and made ready anew."""
    folder, executor = make_run(tmp_path, HANGS), LocalExecutor()
    lose(folder, executor, folder.out / "hangs")
    (folder.path / name).write_text('{"ending":"ok","score":0.5'[:kept])
    life = LocalExecutor().look(folder)
    executor.clear(folder)
    left = processes.tagged(str(folder.path))
    assert ("lost", "absent", []) == (life, executor.look(folder), left)


def test_a_lost_run_is_not_submitted_before_it_is_cleared(tmp_path: Path) -> None:
    """Nothing trains twice on a slot: what the dead shim left must go first."""
    folder, executor = make_run(tmp_path, HANGS), LocalExecutor()
    lose(folder, executor, folder.out / "hangs")
    with pytest.raises(NotReadyError):
        executor.submit(folder)


def test_clear_ends_what_a_lost_run_left(tmp_path: Path) -> None:
    """The training and its daemons, which lost their shim, are found and ended."""
    folder, executor = make_run(tmp_path, DAEMON + "\n    daemonise(linger); time.sleep(600)"), LocalExecutor()
    executor.submit(folder)
    wait_for(lambda: living_daemons(folder))
    os.kill(shim_pid(folder), signal.SIGKILL)
    wait_for(lambda: executor.look(folder) == "lost")
    left = processes.tagged(str(folder.path))
    executor.clear(folder)
    assert (2, []) == (len(left), [pid for pid in left if processes.stat(pid) is not None])


def test_clear_ends_a_process_that_hides_its_environment(tmp_path: Path) -> None:
    """A child without our variable is found by the session of its stage."""
    train = """
    import os
    if os.fork() == 0:
        os.execve("/bin/sh", ["sh", "-c", "echo $$ > ../out/hidden.new; mv ../out/hidden.new ../out/hidden; sleep 600"],
                  {"PATH": "/usr/bin:/bin"})
    os.wait()
    """
    folder, executor = make_run(tmp_path, train), LocalExecutor()
    lose(folder, executor, folder.out / "hidden")
    hidden = int((folder.out / "hidden").read_text())
    executor.clear(folder)
    assert processes.stat(hidden) is None


def test_a_cleared_run_starts_anew(tmp_path: Path) -> None:
    """After clear the folder is as before the first attempt, and the run can be done."""
    folder, executor = make_run(tmp_path, WAITS + "    open('../out/trained', 'w')"), LocalExecutor()
    executor.submit(folder)
    wait_for(lambda: folder.log.exists() and "started" in folder.log.read_text())
    os.kill(shim_pid(folder), signal.SIGKILL)
    wait_for(lambda: executor.look(folder) == "lost")
    executor.clear(folder)
    cleared = executor.look(folder)
    (folder.path / "go").touch()
    executor.submit(folder)
    assert ("absent", "ok") == (cleared, result_of(folder).ending)


def test_clear_keeps_the_old_log(tmp_path: Path) -> None:
    """The log of the lost attempt is log.1.txt, and nothing else of it stays."""
    folder, executor = make_run(tmp_path, "print('first', flush=True)\n" + HANGS), LocalExecutor()
    lose(folder, executor, folder.out / "hangs")
    executor.clear(folder)
    assert (["checkout", "lock", "log.1.txt", "shim.log", "spec.json"], "first\n") == (
        sorted(path.name for path in folder.path.iterdir()),
        folder.old_log.read_text(),
    )


def test_a_live_run_cannot_be_cleared(tmp_path: Path) -> None:
    """Clearing a run that goes on is refused."""
    folder, executor = make_run(tmp_path, WAITS), LocalExecutor()
    executor.submit(folder)
    with pytest.raises(NotReadyError):
        executor.clear(folder)
    (folder.path / "go").touch()
    assert "ok" == result_of(folder).ending


def test_a_pid_that_was_reused_is_not_our_shim(tmp_path: Path) -> None:
    """A living process with the pid of the status but another start is not the shim."""
    folder = make_run(tmp_path)
    write_json(folder.status, RunStatus(os.getpid(), 1, processes.boot_id(), "train", 0.0, 0))
    assert "lost" == LocalExecutor().look(folder)


def test_a_status_of_another_boot_is_stale(tmp_path: Path) -> None:
    """After a reboot the same pid and start ticks name another process."""
    folder = make_run(tmp_path)
    me = processes.stat(os.getpid())
    assert me is not None
    write_json(folder.status, RunStatus(me.pid, me.start_ticks, "another boot", "train", 0.0, 0))
    assert "lost" == LocalExecutor().look(folder)


def test_a_reused_pid_is_not_cancelled(tmp_path: Path) -> None:
    """Cancel sends no signal to a process that only has the shim's old pid."""
    folder = make_run(tmp_path)
    bystander = subprocess.Popen(["sleep", "600"])
    write_json(folder.status, RunStatus(bystander.pid, 1, processes.boot_id(), "train", 0.0, 0))
    LocalExecutor().cancel(folder)
    LocalExecutor().clear(folder)
    state = bystander.poll()
    bystander.kill()
    bystander.wait(timeout=15)
    assert state is None


def test_a_session_of_a_reused_pid_is_not_cleared(tmp_path: Path) -> None:
    """Clear ends no session whose leader only has the pid of the old stage."""
    folder = make_run(tmp_path)
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    write_json(folder.status, RunStatus(1, 1, processes.boot_id(), "train", 0.0, bystander.pid, stage_ticks=1))
    LocalExecutor().clear(folder)
    state = bystander.poll()
    bystander.kill()
    bystander.wait(timeout=15)
    assert state is None


def test_a_dead_shim_that_nobody_reaped_is_dead(tmp_path: Path) -> None:
    """A zombie still has its pid and start ticks, but runs nothing: the run is lost, not running for ever."""
    folder = make_run(tmp_path, HANGS)
    shim = start_shim(folder)
    wait_for((folder.out / "hangs").exists)
    os.kill(shim_pid(folder), signal.SIGKILL)
    wait_for(lambda: LocalExecutor().look(folder) == "lost")
    is_zombie = Path(f"/proc/{shim.pid}/stat").read_text().split()[2] == "Z"
    LocalExecutor().clear(folder)
    shim.wait(timeout=15)
    assert is_zombie
