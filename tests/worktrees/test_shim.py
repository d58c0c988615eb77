"""A run ends with exactly one result, whatever its training does, and none of its processes survives it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worktrees.running import (
    DAEMON,
    HANGS,
    SCORES,
    SLOT,
    do,
    living_daemons,
    make_run,
    run_shim,
    shim_command,
    start_shim,
    wait_for,
)
from worktrees import processes
from worktrees.endings import Ended, read_score
from worktrees.runs import write_json


@pytest.fixture(autouse=True)
def _nothing_survives_a_failed_test(tmp_path: Path) -> Iterator[None]:
    yield
    processes.send(processes.tagged(str(tmp_path / "000001")), signal.SIGKILL)


def test_a_run_that_goes_well_has_its_score(tmp_path: Path) -> None:
    """Both stages exit 0 and a finite score is there: the run is ok."""
    result = do(tmp_path)
    assert ("ok", 1.25, "", 0) == (result.ending, result.score, result.reason, result.exit_code)


def test_the_rest_of_the_score_file_is_kept(tmp_path: Path) -> None:
    """What score.json holds besides the score reaches the result."""
    assert {"bits": 10} == do(tmp_path).extra


def test_cpu_time_counts_descendants(tmp_path: Path) -> None:
    """The CPU seconds of a child that left its parent count too."""
    work = (
        DAEMON
        + """
    def burn():
        while time.process_time() < 0.3: pass
        open("../out/burnt", "w").close()
    daemonise(burn)
    while not os.path.exists("../out/burnt"): time.sleep(0.01)
    """
    )
    assert do(tmp_path, train=work).stage_cpu_s["train"] >= 0.3


def test_peak_memory_is_that_of_the_largest_process(tmp_path: Path) -> None:
    """A training that holds 48 MiB has a peak above that."""
    assert do(tmp_path, train="data = bytearray(b'x') * (48 << 20)").peak_mb >= 48


def test_a_gpu_run_reports_the_memory_that_it_measured(tmp_path: Path) -> None:
    """On a GPU slot the peak is the training's own figure of device memory."""
    slot = type(SLOT)(name="gpu0", kind="cuda", model="test", uuid="GPU-0")
    train = """open("../out/metrics.jsonl", "w").write('{"step": 1, "peak_mb": 45000.5}\\n')"""
    assert 45000.5 == run_shim(make_run(tmp_path, train, slot=slot)).peak_mb


def test_stages_are_timed_by_name(tmp_path: Path) -> None:
    """The result says how long each stage took."""
    assert ["train", "evaluate"] == list(do(tmp_path).stage_s)


def test_a_crash_is_explained_by_its_exception(tmp_path: Path) -> None:
    """The reason is the exception's line, though a warning follows the traceback."""
    train = """
    import atexit
    atexit.register(print, "warning: the process group was not destroyed", flush=True)
    raise ValueError("shapes (3,) and (4,) differ")
    """
    result = do(tmp_path, train)
    assert ("crash", "ValueError: shapes (3,) and (4,) differ", 1) == (result.ending, result.reason, result.exit_code)


def test_a_crash_without_a_word_says_so(tmp_path: Path) -> None:
    """A training that prints nothing and fails is named with its exit code."""
    assert "train ended with exit code 7 and printed nothing" == do(tmp_path, "raise SystemExit(7)").reason


def test_a_failed_training_is_not_evaluated(tmp_path: Path) -> None:
    """After a stage that failed no other starts."""
    assert ["train"] == list(do(tmp_path, "raise SystemExit(7)").stage_s)


def test_a_loss_that_is_not_finite_is_nan(tmp_path: Path) -> None:
    """Exit code 3 of the training means nan, with its last line as the reason."""
    result = do(tmp_path, "print('loss is nan at step 12'); raise SystemExit(3)")
    assert ("nan", "loss is nan at step 12") == (result.ending, result.reason)


def test_a_broken_rule_is_invalid(tmp_path: Path) -> None:
    """Exit code 4 of the evaluation means invalid; the line that starts so is the reason."""
    result = do(tmp_path, evaluate="print('invalid: logits see the future'); print('bye'); raise SystemExit(4)")
    assert ("invalid", "invalid: logits see the future") == (result.ending, result.reason)


def test_exit_4_of_the_training_is_a_crash(tmp_path: Path) -> None:
    """Only the evaluation can call a run invalid."""
    assert "crash" == do(tmp_path, "raise SystemExit(4)").ending


def test_no_score_file_is_no_score(tmp_path: Path) -> None:
    """An evaluation that prints and writes nothing leaves no score."""
    result = do(tmp_path, train="", evaluate="")
    assert ("no_score", "the evaluation wrote no score.json") == (result.ending, result.reason)


def test_a_score_that_is_not_finite_is_no_score(tmp_path: Path) -> None:
    """A score of NaN, as Python's json writes it, ends in no score with the value as the reason."""
    result = do(tmp_path, evaluate="""open("../scores/score.json", "w").write('{"score": NaN}')""")
    assert ("no_score", "score.json holds no finite score but nan") == (result.ending, result.reason)


@pytest.mark.parametrize("score", ["-Infinity", "1e999", "true", "null", '"0.9"', "[]", "1" + "0" * 400])
def test_a_score_must_be_a_finite_number(tmp_path: Path, score: str) -> None:
    """A score that is no finite number is none."""
    (tmp_path / "score.json").write_text(f'{{"score": {score}}}')
    with pytest.raises(Ended, match="no finite score"):
        read_score(tmp_path / "score.json")


@pytest.mark.parametrize("text", ["", "1.25", "{", "[" * 100_000, r'{"score": 1, "n": "\ud800"}', "\x00\xff"])
def test_a_score_file_must_be_an_object_that_can_be_kept(tmp_path: Path, text: str) -> None:
    """A torn, foreign or absurd score.json is no score, not an error of the shim."""
    (tmp_path / "score.json").write_text(text, encoding="latin-1")
    with pytest.raises(Ended):
        read_score(tmp_path / "score.json")


def test_a_score_that_the_training_wrote_is_not_believed(tmp_path: Path) -> None:
    """Only the evaluation's score counts."""
    assert "no_score" == do(tmp_path, train=SCORES, evaluate="").ending


def test_a_daemon_of_the_training_cannot_write_the_score(tmp_path: Path) -> None:
    """What the training left running is ended before the evaluation starts."""
    forge = (
        DAEMON
        + """
    def forge():
        open("../out/forging", "w").close()
        while True:
            open("../scores/score.json", "w").write('{"score": 0.1}')
    daemonise(forge)
    while not os.path.exists("../out/forging"): time.sleep(0.01)
    """
    )
    assert "no_score" == do(tmp_path, train=forge, evaluate="import time; time.sleep(0.1)").ending


def test_a_folder_in_place_of_the_score_is_a_crash(tmp_path: Path) -> None:
    """What cannot be removed before the evaluation ends the run instead of the shim."""
    assert "crash" == do(tmp_path, train="import os; os.mkdir('../scores/score.json')").ending


def test_endless_output_ends_the_run(tmp_path: Path) -> None:
    """A training that prints without end is stopped before it fills the disk, and its log is cut to the limit."""
    folder = make_run(tmp_path, train="import os\nwhile True: os.write(1, bytes(1 << 20))")
    reason = run_shim(folder).reason
    assert ("train printed more than 64 MiB", 64 << 20) == (reason, folder.log.stat().st_size)


def test_garbage_in_the_output_does_not_reach_the_reason(tmp_path: Path) -> None:
    """The reason is plain text: no escape sequences, no control characters, no earlier text of the same line."""
    train = r"""
    import os
    os.write(1, bytes(range(256)) * 40 + b"\n")
    os.write(1, b"10%\r20%\r\x1b]0;title\x07\x1b[31mbad\x1b[0m thing\x07\n")
    raise SystemExit(1)
    """
    assert "bad thing" == do(tmp_path, train).reason


def test_a_reason_has_a_bounded_length(tmp_path: Path) -> None:
    """One endless line is cut."""
    assert 300 == len(do(tmp_path, "print('x' * 100_000); raise SystemExit(1)").reason)


def test_a_hanging_run_is_ended_with_its_daemons(tmp_path: Path) -> None:
    """A run past its limit times out, and daemons that left its session end with it."""
    folder = make_run(tmp_path, DAEMON + "\n    daemonise(linger); daemonise(linger); time.sleep(600)", wall_s=0.7)
    ending = run_shim(folder).ending
    assert ("timeout", 2, []) == (ending, len(list(folder.out.glob("daemon.*"))), living_daemons(folder))


def test_a_limit_that_was_passed_is_named(tmp_path: Path) -> None:
    """The reason of a time-out says which stage and which limit."""
    assert "evaluate passed its limit of 0.3 s" == do(tmp_path, evaluate=HANGS, wall_s=0.3).reason


def test_a_run_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """SIGTERM may be ignored, SIGKILL follows."""
    train = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"
    assert "timeout" == do(tmp_path, train, wall_s=0.3).ending


def test_a_run_may_clean_up_on_sigterm(tmp_path: Path) -> None:
    """A stage that is stopped gets SIGTERM and time to react."""
    train = """
    import signal, sys, time
    signal.signal(signal.SIGTERM, lambda *_: (open("../out/clean", "w"), sys.exit()))
    time.sleep(600)
    """
    folder = make_run(tmp_path, train, wall_s=0.3)
    run_shim(folder)
    assert (folder.out / "clean").exists()


def test_leftovers_of_a_good_training_are_ended(tmp_path: Path) -> None:
    """A run that goes well leaves no process either."""
    train = DAEMON + "\n    daemonise(linger)\n    while not os.listdir('../out'): time.sleep(0.01)"
    folder = make_run(tmp_path, train)
    assert ("ok", []) == (run_shim(folder).ending, living_daemons(folder))


def test_a_kill_from_outside_hints_at_memory(tmp_path: Path) -> None:
    """A SIGKILL that is not ours most likely came from the kernel."""
    result = do(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert ("crash", "train was killed by SIGKILL (out of memory?)", -9) == (
        result.ending,
        result.reason,
        result.exit_code,
    )


def test_a_kill_inside_a_shell_is_recognised(tmp_path: Path) -> None:
    """A wrapper that passes a signal on as 128 + number does not hide it."""
    result = do(tmp_path, "print('CUDA error: misaligned address'); raise SystemExit(134)")
    assert "train was killed by SIGABRT: CUDA error: misaligned address" == result.reason


def test_sigterm_cancels_the_run(tmp_path: Path) -> None:
    """SIGTERM on the shim ends the run with a result and no process left."""
    folder = make_run(tmp_path, DAEMON + "\n    daemonise(linger); time.sleep(600)")
    shim = start_shim(folder)
    wait_for(lambda: living_daemons(folder))
    shim.terminate()
    shim.wait(timeout=15)
    result = folder.read_result()
    assert result is not None
    assert ("cancelled", "cancelled during train", []) == (result.ending, result.reason, living_daemons(folder))


def test_a_second_shim_leaves_the_run_alone(tmp_path: Path) -> None:
    """Two shims on one folder: the second exits, the first goes on."""
    folder = make_run(tmp_path, HANGS)
    first = start_shim(folder)
    wait_for((folder.out / "hangs").exists)
    second = subprocess.run(shim_command(folder), start_new_session=True, timeout=15, check=False)
    states = (second.returncode, first.poll(), folder.result.exists())
    first.terminate()
    first.wait(timeout=15)
    assert (0, None, False) == states


def test_a_finished_run_is_never_run_again(tmp_path: Path) -> None:
    """A shim on a run that has its result does nothing."""
    folder = make_run(tmp_path)
    first = run_shim(folder)
    assert first == run_shim(folder)


def test_a_stage_gets_exactly_its_environment(tmp_path: Path) -> None:
    """Nothing is inherited: only the stage's variables, the tag, and what the C library's locale adds."""
    folder = make_run(tmp_path, "import json, os; json.dump(sorted(os.environ), open('../out/env', 'w'))")
    run_shim(folder)
    assert ["NIGHTLAB_RUN_DIR", "PATH", "RUN"] == [
        name for name in json.loads((folder.out / "env").read_text()) if name != "LC_CTYPE"
    ]


def test_a_stage_is_bound_to_its_core_and_yields(tmp_path: Path) -> None:
    """A stage runs on the slot's cores, with a lower priority than the terminal."""
    core = max(os.sched_getaffinity(0))
    slot = type(SLOT)(name="cpu0", kind="cpu", model="test", cores=(core,))
    write = "import os; open('../out/where', 'w').write(f'{os.sched_getaffinity(0)} {os.nice(0)}')"
    folder = make_run(tmp_path, write, slot=slot)
    run_shim(folder)
    assert f"{{{core}}} {min(19, os.nice(0) + 10)}" == (folder.out / "where").read_text()


def test_a_core_that_is_not_there_is_a_crash(tmp_path: Path) -> None:
    """A slot of another machine ends the run with a result that names it."""
    slot = type(SLOT)(name="cpu999", kind="cpu", model="test", cores=(999,))
    assert run_shim(make_run(tmp_path, slot=slot)).reason.startswith("cpu999: cores [999] cannot be used")


def test_a_missing_program_is_a_crash(tmp_path: Path) -> None:
    """A command that does not exist is named in the reason."""
    folder = make_run(tmp_path)
    spec = json.loads(folder.spec.read_text())
    spec["stages"][0]["argv"] = ["no-such-program"]
    write_json(folder.spec, spec)
    assert "train cannot start: no command no-such-program in /usr/bin:/bin" == run_shim(folder).reason


def test_a_spec_that_cannot_be_read_is_a_crash(tmp_path: Path) -> None:
    """A torn spec.json ends the run with a result instead of a shim that dies each time."""
    folder = make_run(tmp_path)
    folder.spec.write_text('{"run": 1')
    result = run_shim(folder)
    assert ("crash", True) == (result.ending, result.reason.startswith("spec.json cannot be read"))


def test_the_result_waits_until_it_can_be_written(tmp_path: Path) -> None:
    """A result that the file system refuses is written once it can be."""
    folder = make_run(tmp_path, "import os, time\nwhile not os.path.exists('../go'): time.sleep(0.01)")
    shim = start_shim(folder)
    wait_for(lambda: (status := folder.read_status()) and status.stage == "train")
    # the limit is the shim's alone: what it spawned has its own, and ours is lifted again below
    limits = resource.prlimit(shim.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    (folder.path / "go").touch()
    wait_for(lambda: not folder.reserve.exists())
    refused = folder.result.exists()
    resource.prlimit(shim.pid, resource.RLIMIT_FSIZE, limits)
    shim.wait(timeout=15)
    assert (False, True) == (refused, folder.result.exists())


def test_a_training_that_fills_the_disk_has_a_result(tmp_path: Path) -> None:
    """On a full disk the space set aside at the start takes the result."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only root may mount a disk that is small enough to fill")
    try:
        train = (
            "import os\nfile = os.open('../out/big', os.O_WRONLY | os.O_CREAT)\nwhile True: os.write(file, bytes(4096))"
        )
        assert "the disk is full" == do(disk, train).reason.rpartition(": ")[2]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_the_status_names_the_shim_beyond_its_pid(tmp_path: Path) -> None:
    """Pid, start ticks and boot id of the status are those of the shim, the stage's pid leads a session."""
    folder = make_run(tmp_path, HANGS)
    shim = start_shim(folder)
    wait_for((folder.out / "hangs").exists)
    wait_for(lambda: (status := folder.read_status()) and status.stage == "train")
    status = folder.read_status()
    assert status is not None
    alive = processes.is_alive(status.pid, status.start_ticks, status.boot_id)
    session = processes.in_session(status.stage_pid, status.stage_ticks)
    shim.send_signal(signal.SIGTERM)
    shim.wait(timeout=15)
    assert (shim.pid, True, [status.stage_pid]) == (status.pid, alive, session)
