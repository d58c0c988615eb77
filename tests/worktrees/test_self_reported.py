"""Where no evaluation says the score, the last line of the training's output that matches a pattern does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.worktrees.running import SCORES, make_run, run_shim
from worktrees.endings import Ended, read_printed
from worktrees.runs import Reading, RunResult, write_json

PATTERN = r"^val_bpb:\s+(\S+)"


def printed(path: Path, train: str, **changes: object) -> RunResult:
    """Do a run of a training alone, whose score is read by `PATTERN`."""
    folder = make_run(path, train)
    spec = folder.read_spec()
    assert spec is not None
    changed = replace(spec, stages=spec.stages[:1], printed=PATTERN, **changes)  # type: ignore[arg-type]
    write_json(folder.spec, changed)
    return run_shim(folder)


def test_the_last_match_is_the_score_and_is_marked(tmp_path: Path) -> None:
    """It says itself that the training reported it."""
    result = printed(tmp_path, "print('val_bpb:  1.5\\nval_bpb:  0.9979\\npeak: 3')")
    assert ("ok", 0.9979, True) == (result.ending, result.score, result.self_reported)


@pytest.mark.parametrize(
    ("train", "reason"),
    [
        ("print('loss 3')", "no line of the training's output matches '^val_bpb:\\\\s+(\\\\S+)' (score)"),
        ("print('val_bpb: nan')", "'^val_bpb:\\\\s+(\\\\S+)' (score) found 'nan', which is no finite number"),
        ("print('val_bpb: -inf')", "'^val_bpb:\\\\s+(\\\\S+)' (score) found '-inf', which is no finite number"),
        ("print('val_bpb: ---')", "'^val_bpb:\\\\s+(\\\\S+)' (score) found '---', which is no finite number"),
    ],
)
def test_what_is_no_number_is_no_score(tmp_path: Path, train: str, reason: str) -> None:
    """The sentence names the pattern: either the training failed, or the pattern is wrong."""
    result = printed(tmp_path, train)
    assert ("no_score", None, reason) == (result.ending, result.score, result.reason)


def test_a_training_that_fails_after_its_line_has_no_score(tmp_path: Path) -> None:
    """Only what has ended well says anything."""
    result = printed(tmp_path, "print('val_bpb: 0.1', flush=True); raise SystemExit(1)")
    assert ("crash", None) == (result.ending, result.score)


def test_a_guard_is_read_in_the_same_way(tmp_path: Path) -> None:
    """Each by its own pattern."""
    result = printed(tmp_path, "print('val_bpb: 1.0\\nspeed 12')", guards={"speed": Reading(r"^speed (\d+)")})
    assert {"speed": 12.0} == result.guards


def test_a_guard_that_is_missing_is_no_score(tmp_path: Path) -> None:
    """Else an edit would leave the guard out and be free of it."""
    result = printed(tmp_path, "print('val_bpb: 1.0')", guards={"speed": Reading(r"^speed (\d+)")})
    assert ("no_score", None, {}) == (result.ending, result.score, result.guards)


def test_a_guard_may_stand_in_the_score_file(tmp_path: Path) -> None:
    """Under its key, beside the score of an evaluation."""
    folder = make_run(tmp_path, evaluate=SCORES)
    spec = folder.read_spec()
    assert spec is not None
    write_json(folder.spec, replace(spec, guards={"size": Reading(key="bits")}))
    result = run_shim(folder)
    assert (1.25, False, {"size": 10.0}) == (result.score, result.self_reported, result.guards)


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(b"step 1\rstep 2\rval_bpb: 0.5\r\n", id="a line that redraws itself"),
        pytest.param(b"\x1b[32mval_bpb: 0.5\x1b[0m\n", id="colours"),
        pytest.param(b"\xff\xfe\nval_bpb: 0.5", id="bytes that are no text, and no last newline"),
        pytest.param(b"x" * (3 << 20) + b"\nval_bpb: 0.5\n" + b"y" * (2 << 20), id="lines of megabytes"),
    ],
)
def test_a_log_of_any_kind_is_read(tmp_path: Path, log: bytes) -> None:
    """As a terminal would have shown it, in bounded memory."""
    (tmp_path / "log.txt").write_bytes(log)
    assert 0.5 == read_printed(tmp_path / "log.txt", PATTERN, "score", 0)


def test_what_an_earlier_stage_printed_does_not_count(tmp_path: Path) -> None:
    """The log is of the whole run."""
    (tmp_path / "log.txt").write_bytes(b"val_bpb: 0.1\nlater\n")
    with pytest.raises(Ended):
        read_printed(tmp_path / "log.txt", PATTERN, "score", 13)
