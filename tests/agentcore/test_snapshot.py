"""A state that was left beside the journal saves a fold and never shows what the journal does not say."""

from __future__ import annotations

import os
import pickle
import shutil
import sqlite3
from pathlib import Path

import pytest

from agentcore.journal import snapshot
from agentcore.journal.rows import Journal, Reader
from agentcore.overview.observer import Observer
from agentcore.state import LabState
from tests.agentcore.tales import CONFIG, Tale, calibrated
from worktrees.layout import LabPaths


def told(root: Path, tale: Tale) -> LabPaths:
    """Write a tale's entries into the journal of a lab."""
    paths = LabPaths(root)
    paths.dot.mkdir(parents=True, exist_ok=True)
    with Journal(paths.journal) as journal:
        for entry in tale.entries:
            journal.append(entry.at, entry.event)
    return paths


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    """A lab with a merge, and the state of it that was left."""
    tale = calibrated()
    tale.merge(tale.ready("wt0", "t1"))
    paths = told(tmp_path / "lab", tale)
    snapshot.save(paths.state, Reader(paths.journal), tale.state)
    return paths


def loaded(paths: LabPaths) -> LabState:
    """Return the state that is taken from the file."""
    return snapshot.load(paths.state, Reader(paths.journal))


def folded(paths: LabPaths) -> LabState:
    """Return the fold of the whole journal."""
    observer = Observer(LabPaths(paths.root))
    paths.state.unlink(missing_ok=True)
    observer.refresh()
    return observer.state


def test_what_was_left_is_the_fold(paths: LabPaths) -> None:
    """Nothing of the state is lost or changed on the way through the file."""
    assert loaded(paths) == folded(paths)


def test_only_what_came_after_is_folded(paths: LabPaths) -> None:
    """The rows before it are not even read: here they cannot be."""
    left = loaded(paths)
    with Journal(paths.journal) as journal:
        journal.append(1000.0, CONFIG)
    with sqlite3.connect(paths.journal) as db:
        db.execute("UPDATE events SET body = '{' WHERE seq = 1")
    observer = Observer(paths)
    assert observer.refresh()
    assert (left.seq + 1, left.experiments) == (observer.state.seq, observer.state.experiments)


def test_another_journal_is_folded_from_its_start(paths: LabPaths, tmp_path: Path) -> None:
    """A journal put back from a backup has not the row that the state goes up to."""
    other = told(tmp_path / "other", calibrated())
    shutil.copy(paths.state, other.state)
    observer = Observer(other)
    observer.refresh()
    assert (LabState(), calibrated().state) == (loaded(other), observer.state)


def test_other_code_folds_for_itself(paths: LabPaths) -> None:
    """After an update the state may hold something else."""
    _, rest = paths.state.read_bytes().split(b"\n", 1)
    paths.state.write_bytes(b"0" * 64 + b"\n" + rest)
    assert LabState() == loaded(paths)


@pytest.mark.parametrize("kept", [0, 70, 200, -1])
def test_a_torn_file_is_no_loss(paths: LabPaths, kept: int) -> None:
    """Cut anywhere, it is as if there were none."""
    paths.state.write_bytes(paths.state.read_bytes()[:kept])
    assert LabState() == loaded(paths)


class Harm:
    """What a pickle can do that nobody looks through."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harmed",)


def test_a_foreign_file_makes_nothing_but_nouns(paths: LabPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab may come from somebody else: what is pickled in it must not run."""
    monkeypatch.chdir(paths.root)
    made_by, row, _ = paths.state.read_bytes().split(b"\n", 2)
    paths.state.write_bytes(b"\n".join((made_by, row, pickle.dumps(Harm()))))
    assert LabState() == loaded(paths)
    assert not Path("harmed").exists()


def test_a_foreign_file_changes_no_noun(paths: LabPaths) -> None:
    """A pickle can set attributes of the types that it is given, before anybody looks at what it holds."""
    before = dict(vars(LabState))
    made_by, row, _ = paths.state.read_bytes().split(b"\n", 2)
    for name in (b"broken", b"ours__"):  # one that there is, and one that there is not
        setting = b"\x80\x05cagentcore.state\nLabState\nN}\x8c\x06" + name + b"\x8c\x04mines\x86b."
        paths.state.write_bytes(b"\n".join((made_by, row, setting)))
        assert (LabState(), before) == (loaded(paths), dict(vars(LabState)))


def test_a_folder_that_cannot_be_written_is_no_trouble(paths: LabPaths) -> None:
    """A view only reads, and so does one of somebody else's lab."""
    state = loaded(paths)
    snapshot.save(paths.root / "missing" / "state", Reader(paths.journal), state)
    assert state == loaded(paths)
