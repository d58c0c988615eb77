"""What a night brings, fault by fault, to a lab that has worked: see docs/reliability.md."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agentcore import launch
from agentcore.journal import Journal, JournalError
from agentcore.plan import Limits
from agentcore.state import LabState
from tests import toy
from tests.engines import nightlab, state_of
from worktrees.layout import LabPaths

EXPERIMENTS = 2


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """A toy lab after two experiments."""
    paths = toy.make(tmp_path_factory.mktemp("worked") / "lab")
    assert 0 == launch.run_engine(paths, Limits(experiments=EXPERIMENTS))
    with Journal(paths.journal):  # closed by the last one to have it: all rows are in the one file
        pass
    shutil.copytree(paths.root, paths.root.with_name("kept"), symlinks=True)
    return paths


@pytest.fixture
def lab(worked: LabPaths) -> LabPaths:
    """The same lab, at the same place, as it was then."""
    shutil.rmtree(worked.root)
    shutil.copytree(worked.root.with_name("kept"), worked.root, symlinks=True)
    return worked


def go_on(paths: LabPaths) -> LabState:
    """Let an engine do one experiment more, and return the state."""
    assert 0 == launch.run_engine(paths, Limits(experiments=EXPERIMENTS + 1))
    return state_of(paths)


def refused(paths: LabPaths, capsys: pytest.CaptureFixture[str]) -> str:
    """Return why an engine does not start."""
    assert 4 == launch.run_engine(paths, Limits(experiments=EXPERIMENTS + 1))
    return capsys.readouterr().err


# The journal


def _garbage(paths: LabPaths) -> None:
    paths.journal.write_bytes(b"this is no database " * 1000)


def _half(paths: LabPaths) -> None:
    data = paths.journal.read_bytes()
    paths.journal.write_bytes(data[: len(data) // 2])


def _empty(paths: LabPaths) -> None:
    paths.journal.write_bytes(b"")


def _gone(paths: LabPaths) -> None:
    paths.journal.unlink()


@pytest.mark.parametrize(
    ("hurt", "why"),
    [
        (_garbage, "file is not a database"),
        (_half, "malformed"),
        (_empty, "is empty or gone, and this lab has run: put journal.sqlite, audit.key and audit.head back from a"),
        (_gone, "is empty or gone, and this lab has run: put journal.sqlite, audit.key and audit.head back from a"),
    ],
)
def test_a_broken_journal_is_refused_and_not_written_over(
    lab: LabPaths, capsys: pytest.CaptureFixture[str], hurt: Callable[[LabPaths], None], why: str
) -> None:
    """The engine says which file it is and what to do, with exit code 4; what is left of the file stays as it is."""
    hurt(lab)
    left = lab.journal.read_bytes() if lab.journal.exists() else None
    assert why in refused(lab, capsys)
    assert left == (lab.journal.read_bytes() if lab.journal.exists() else None)
    assert lab.run(1).result.exists(), "run 1 was begun anew over the old one"


def test_a_journal_that_is_put_back_goes_on(lab: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal left nothing behind that the copy could be mixed up with."""
    copy = lab.journal.read_bytes()
    _gone(lab)
    refused(lab, capsys)
    lab.journal.write_bytes(copy)
    state = go_on(lab)
    assert (EXPERIMENTS + 1, {}) == (len(state.experiments), dict(state.warnings))


def test_a_broken_journal_is_no_traceback(lab: LabPaths) -> None:
    """`nightlab run` and `nightlab status` say it in one line each."""
    _garbage(lab)
    done = [nightlab("run", "--experiments", "1", lab=lab.root), nightlab("status", lab=lab.root)]
    lines = [each.stderr.strip().splitlines() for each in done]
    assert [(1, True), (1, True)] == [(len(each), "is not a database" in each[0]) for each in lines], lines


def test_a_lost_key_is_refused(lab: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """Without its key no row can be added that fits: the message names the file."""
    (lab.dot / "audit.key").unlink()
    assert "audit.key; put it back from a copy of the lab" in refused(lab, capsys)


def test_a_journal_of_a_newer_nightlab_is_refused(lab: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """An older program does not write into what it does not understand."""
    with Journal(lab.journal) as journal:
        journal._db.execute("PRAGMA user_version=9")
        journal._named = journal.head.seq
    assert "has format 9, this nightlab writes 2: install the newer one" in refused(lab, capsys)


def test_a_state_that_is_garbage_is_folded_anew(lab: LabPaths) -> None:
    """`.lab/state` is a shortcut: without it the journal says the same."""
    lab.state.write_bytes(b"\x80\x05garbage")
    done = nightlab("status", lab=lab.root)
    assert (0, True) == (done.returncode, f"{EXPERIMENTS} experiments" in done.stdout), done
