"""The torture finds what is wrong where something is; and a short night of it, of which nothing is."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pygit2
import pytest

from tests.agentcore import labs
from tests.agentcore.labs import desk
from tests.torture.evidence import gather
from tests.torture.faults import KINDS
from tests.torture.invariants import check
from tests.torture.schedule import drawn
from worktrees import processes
from worktrees.layout import LabPaths
from worktrees.repository import TRUNK

ROOT = Path(__file__).parents[2]
WEIGHTS = {kind: often for kind, (often, _) in KINDS.items()}


EDITS = (
    ("wt0", "RATE = 0.1", "RATE = 0.3"),
    ("wt1", "DEPTH = 4", "DEPTH = 5"),
    ("wt1", "DEPTH = 4", "DEPTH = 3"),
    ("wt0", "RATE = 0.3", "RATE = 0.6"),
)


@pytest.fixture(scope="module")
def worked_off(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """A lab after four experiments in peace, two of them merged; its runs end at once."""
    root = tmp_path_factory.mktemp("torture") / "base" / "lab"

    async def work() -> LabPaths:
        async with desk(root, mode="gate") as open_desk:
            lab = open_desk.lab
            for worktree, old, new in EDITS:
                await open_desk.work({worktree: [(old, new)]})
            for candidate in lab.state.candidates:  # which the engine does as it keeps one
                lab.repository.pin("kept", candidate, lab.state.experiments[candidate].commit)
            assert 2 == len(lab.state.merges)
            return lab.paths

    root.parent.mkdir()
    return asyncio.run(work())


@pytest.fixture
def lab(worked_off: LabPaths, tmp_path: Path) -> Iterator[LabPaths]:
    """The same lab, to do something to."""
    root = worked_off.root.parent
    kept = tmp_path / "kept"
    shutil.copytree(root, kept, symlinks=True)
    yield worked_off
    shutil.rmtree(root)
    shutil.copytree(kept, root, symlinks=True)


def truth(source: str, seed: int, scale: int) -> float:
    """Return what the lab's runs score, see `labs`."""
    return labs.truth(source, seed)


def kinds(paths: LabPaths) -> set[str]:
    """Return the kinds of what is wrong with a lab that was worked off."""
    return {each.kind for each in check(gather(paths, truth), is_over=True)}


def rows(paths: LabPaths, statement: str) -> None:
    """Change the journal behind the engine's back."""
    with closing(sqlite3.connect(paths.journal)) as db, db:
        assert db.execute(statement).rowcount > 0


def doubled(kind: str) -> str:
    """Return the statement that tells the newest row of a type again."""
    return (
        "INSERT INTO events SELECT (SELECT max(seq) + 1 FROM events), at, type, body, previous, hash FROM events "
        f"WHERE seq = (SELECT max(seq) FROM events WHERE type = '{kind}')"
    )


def unmeasured(paths: LabPaths) -> None:
    """Put a commit on trunk that no run has seen."""
    repo = pygit2.Repository(str(paths.root))
    old = repo.references[TRUNK].peel(pygit2.Commit)
    index = pygit2.Index()
    index.read_tree(old.tree)
    index.add(pygit2.IndexEntry("train.py", repo.create_blob(b"RATE = 0.9\nDEPTH = 1\n"), pygit2.enums.FileMode.BLOB))
    who = pygit2.Signature("somebody", "some@body")
    repo.create_commit(TRUNK, who, who, "A better idea\n", index.write_tree(repo), [old.id])


def without_its_runs(paths: LabPaths) -> None:
    """Let the runs that confirmed what trunk got never have been told."""
    rows(paths, "DELETE FROM events WHERE type = 'RunStarted' AND CAST(body AS TEXT) LIKE '%\"purpose\":\"confirm\"%'")


def ref(name: str, change: Callable[[pygit2.Repository, str], None]) -> Callable[[LabPaths], None]:
    """Return what does something to the first ref whose name begins so."""

    def act(paths: LabPaths) -> None:
        repo = pygit2.Repository(str(paths.root))
        change(repo, next(each for each in sorted(repo.references) if each.startswith(name)))

    return act


def forget(repo: pygit2.Repository, name: str) -> None:
    """Delete a ref."""
    repo.references.delete(name)


def _object(root: Path, name: str) -> Path:
    """Return the file of a loose object."""
    words = ["git", "-C", str(root), "rev-parse", name]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    return root / ".git/objects" / found[:2] / found[2:]


PLANTED: dict[str, tuple[Callable[[LabPaths], object], str]] = {
    "a proposal told twice": (lambda lab: rows(lab, doubled("ExperimentProposed")), "double"),
    "an outcome told twice": (lambda lab: rows(lab, doubled("ExperimentDecided")), "double"),
    "the end of a run told twice": (lambda lab: rows(lab, doubled("RunEnded")), "double"),
    "a merge told twice": (lambda lab: rows(lab, doubled("TrunkMoved")), "double"),
    "an outcome that is missing": (
        lambda lab: rows(lab, "DELETE FROM events WHERE type = 'ExperimentDecided' AND seq % 2"),
        "lost",
    ),
    "a run without an end": (lambda lab: rows(lab, "DELETE FROM events WHERE type = 'RunEnded' AND seq % 2"), "lost"),
    "a commit that is not pinned": (ref("refs/lab/experiments/", forget), "lost"),
    "a kept commit that is not pinned": (ref("refs/lab/kept/", forget), "git"),
    "trunk moved by nobody": (unmeasured, "unmeasured_trunk"),
    "trunk without its runs": (without_its_runs, "unmeasured_trunk"),
    "a changed row": (lambda lab: rows(lab, "UPDATE events SET at = at + 1 WHERE seq = 9"), "journal"),
    "a score that nobody measured": (
        lambda lab: rows(
            lab,
            "UPDATE events SET body = CAST(replace(CAST(body AS TEXT), '\"score\":1.', '\"score\":7.') AS BLOB) "
            "WHERE type = 'RunEnded'",
        ),
        "score",
    ),
    "a broken object": (
        lambda lab: _object(lab.root, "refs/heads/lab/trunk:lab.toml").unlink(),
        "git",
    ),
    "a lock": (lambda lab: (lab.root / ".git/refs/heads/lab/wt0.lock").touch(), "git"),
    "a researcher's file": (lambda lab: (lab.root / "train.py").write_text("RATE = 0.9\n"), "git"),
    "a folder too many": (lambda lab: (lab.worktrees / "wt9").mkdir(), "worktree"),
    "a folder too few": (lambda lab: shutil.rmtree(lab.worktree("wt1")), "worktree"),
    "a checkout": (lambda lab: lab.run(1).checkout.mkdir(), "worktree"),
    "a file outside": (lambda lab: (lab.root.parent / "left").touch(), "outside"),
}


def test_of_a_lab_in_peace_nothing_is_wrong(lab: LabPaths) -> None:
    """So whatever is found below was planted."""
    assert [] == check(gather(lab, truth), is_over=True)


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found(lab: LabPaths, what: str) -> None:
    """Each thing that must not be makes the check say so."""
    plant, kind = PLANTED[what]
    plant(lab)
    assert kind in kinds(lab)


def test_a_process_that_was_left_is_found(lab: LabPaths) -> None:
    """By its tag, though it is nobody's child and works elsewhere."""
    argv = [sys.executable, "-S", "-c", "import sys; print(flush=True); sys.stdin.read()"]
    environment = {**os.environ, processes.TAG: str(lab.run(1).path)}
    with subprocess.Popen(
        argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as left:
        assert left.stdout is not None
        left.stdout.readline()
        found = [each for each in check(gather(lab), is_over=True) if each.kind == "orphan"]
        left.kill()
    assert [True] == [f"process {left.pid} " in each.text for each in found]


def test_the_same_seed_is_the_same_night() -> None:
    """And another one another; each kind comes once before any comes twice."""
    night = drawn(7, 200, WEIGHTS, 0.3)
    assert (True, False) == (night == drawn(7, 200, WEIGHTS, 0.3), night == drawn(8, 200, WEIGHTS, 0.3))
    assert set(WEIGHTS) == {fault.kind for fault in night}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_night_loses_nothing(tmp_path: Path) -> None:
    """`make torture` in small: kills and faults over a real lab, and all of it counted once."""
    argv = [sys.executable, "-P", "-m", "tests.torture", "--faults", "6", "--experiments", "3", "--seed", "5"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    figures = json.loads(done.stdout)
    wrong = {name: figures[name] for name in ("lost", "double", "orphans", "unmeasured_trunks", "other")}
    assert {"lost": 0, "double": 0, "orphans": 0, "unmeasured_trunks": 0, "other": []} == wrong, done.stderr
    assert (0, 6, True) == (done.returncode, figures["faults"], figures["experiments"] >= 3)
