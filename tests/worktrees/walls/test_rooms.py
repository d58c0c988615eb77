"""Each room shows what its command needs and no more, whichever backend makes it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worktrees.running import make_run
from worktrees import rooms, sandbox
from worktrees.rooms import Desk
from worktrees.runs import RunFolder, RunSpec, Walls
from worktrees.sandbox import Backend, Policy

BACKENDS: tuple[Backend, ...] = ("full", "reduced")


def files(root: Path) -> None:
    """Write a lab."""
    for name in ("worktrees/wt0/train.py", "worktrees/wt0/pack/net.py", "worktrees/wt0/pack/frozen.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("RATE = 1\n")
    for name in ("worktrees/wt0/evaluate.py", "worktrees/wt0/docs/read.md", "worktrees/wt0/.git", "journal.sqlite"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("kept\n")
    for split in ("train", "validation"):
        (root / "data" / split).mkdir(parents=True)
        (root / "data" / split / "text").write_text(f"{split}\n")
    (root / "scratch").mkdir()


def shell(policy: Policy, using: Backend, script: str) -> str:
    """Return what a script prints in a room, its errors among it."""
    rooms.enter(policy, using)
    argv = sandbox.wrap(["/bin/bash", "-c", script], policy, using)
    done = subprocess.run(
        argv, env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
        stderr=subprocess.DEVNULL, text=True, timeout=60,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(params=BACKENDS)
def using(request: pytest.FixtureRequest) -> Backend:
    """Each backend."""
    backend: Backend = request.param
    return backend


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A place to work with one file and one file in a folder to edit."""
    files(tmp_path)
    edit = ("train.py", "pack/net.py")
    return Desk(tmp_path / "worktrees/wt0", tmp_path / "scratch", edit, tmp_path / "data/train")


def tried(desk: Desk, using: Backend, *scripts: str) -> list[bool]:
    """Run commands one after the other; tell which of them succeeded."""
    script = "\n".join(f"({each}) && echo yes || echo no" for each in scripts)
    return [line == "yes" for line in shell(rooms.think(desk, using), using, script).split()]


def test_an_agent_changes_what_it_may_edit(desk: Desk, using: Backend) -> None:
    """In place, also in a folder."""
    assert [True, True] == tried(desk, using, "echo RATE = 2 > train.py", "echo RATE = 3 > pack/net.py")
    assert "RATE = 2\n" == (desk.worktree / "train.py").read_text()


def test_an_agent_may_save_by_renaming(desk: Desk) -> None:
    """As `sed -i` and most editors do; with namespaces only."""
    assert [True] == tried(desk, "full", "sed -i s/1/4/ train.py pack/net.py")
    assert ["RATE = 4\n"] * 2 == [(desk.worktree / name).read_text() for name in desk.edit]


def test_an_agent_changes_nothing_else(desk: Desk, using: Backend) -> None:
    """Neither the harness nor what lies beside it, whatever way is tried."""
    attempts = (
        "echo > evaluate.py",
        "rm evaluate.py",
        "mv train.py evaluate.py",
        "echo > docs/read.md",
        "mv docs gone",
        "echo > pack/frozen.py",
        "chmod 777 evaluate.py",
        "cp train.py docs/more.py",
        "ln evaluate.py alias && echo > alias",
    )
    assert [False] * len(attempts) == tried(desk, using, *attempts)
    assert "kept\n" == (desk.worktree / "evaluate.py").read_text()


def test_an_agent_reads_the_training_text_and_no_other(desk: Desk, using: Backend) -> None:
    """Not the validation text, the journal or git."""
    attempts = (
        "grep -q train {0}/data/train/text",
        "cat {0}/data/validation/text",
        "cat {0}/journal.sqlite",
        "cat .git",
    )
    root = desk.worktree.parents[1]
    assert [True, False, False, False] == tried(desk, using, *(each.format(root) for each in attempts))


def test_a_link_that_stands_for_an_editable_file_opens_nothing(desk: Desk, using: Backend) -> None:
    """What it leads to stays closed."""
    (desk.worktree / "train.py").unlink()
    (desk.worktree / "train.py").symlink_to(desk.worktree.parents[1] / "journal.sqlite")
    assert [False] == tried(desk, using, "echo > train.py")


def spec_of(folder: RunFolder) -> RunSpec:
    """Read a run's spec."""
    spec = folder.read_spec()
    assert spec is not None
    return spec


@pytest.fixture
def run(tmp_path: Path, using: Backend) -> RunFolder:
    """A run whose training may read the training text, and whose evaluation both."""
    files(tmp_path / "lab")
    folder = make_run(tmp_path / "lab", walls=Walls(using))
    for path in (folder.out, folder.scores, folder.scratch):
        path.mkdir()
    return folder


def in_stage(run: RunFolder, number: int, *, trusted: bool = False, script: str) -> str:
    """Return what a script prints in the room of a stage, with the texts that a lab gives it."""
    spec = spec_of(run)
    data = run.path.parent / "data"
    reads = (str(data / "train"),) if number == 0 else (str(data / "validation"), str(data / "train"))
    stage = replace(spec.stages[number], reads=reads, is_trusted=trusted)
    return shell(rooms.of_stage(run, spec, stage), spec.walls.backend, script)


EVERY_FOLDER = "for name in checkout out scores scratch; do touch ../$name/x && echo $name; done"
EVERY_TEXT = "cat ../../data/train/text ../../data/validation/text"


def test_a_training_writes_what_it_leaves_and_nothing_else(run: RunFolder) -> None:
    """Neither its checkout nor a score."""
    assert "out\n" == in_stage(run, 0, script=EVERY_FOLDER)


def test_a_training_reads_the_training_text(run: RunFolder) -> None:
    """And not what it is scored on."""
    assert "train\n" == in_stage(run, 0, script=EVERY_TEXT)


def test_a_model_that_is_scored_reads_no_text(run: RunFolder) -> None:
    """The room that a trusted evaluation opens."""
    assert "" == in_stage(run, 1, trusted=True, script=EVERY_TEXT)


def test_a_model_that_is_scored_changes_nothing(run: RunFolder, using: Backend) -> None:
    """But temporary files, in its own /tmp where there is one."""
    expected = {"full": "", "reduced": "scratch\n"}[using]
    assert expected == in_stage(run, 1, trusted=True, script=EVERY_FOLDER)


def test_rooms_of_one_evaluation_tell_each_other_nothing(tmp_path: Path) -> None:
    """What one writes to its /tmp or its shared memory the next does not find."""
    files(tmp_path / "lab")
    folder = make_run(tmp_path / "lab", walls=Walls("full"))
    for path in (folder.out, folder.scores, folder.scratch):
        path.mkdir()
    script = "touch /tmp/said /dev/shm/said; ls /tmp /dev/shm | grep -c said"
    assert ["2\n", "2\n"] == [in_stage(folder, 1, trusted=True, script=script) for _ in range(2)]
    assert "0\n" == in_stage(folder, 1, trusted=True, script="ls /tmp /dev/shm | grep -c said")


def test_an_evaluation_that_is_not_trusted_is_contained(run: RunFolder) -> None:
    """It reads the text and writes the score, and cannot change what was trained."""
    assert "train\nvalidation\nscores\nscratch\n" == in_stage(run, 1, script=f"{EVERY_TEXT}; {EVERY_FOLDER}")


def test_a_wall_that_does_not_stand_is_a_breach(tmp_path: Path, using: Backend) -> None:
    """What was to be absent is granted: nothing may start there."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "key").write_text("key")
    policy = Policy(readable=(tmp_path / "home",))
    with pytest.raises(rooms.Breach, match=r"does not stand: look into .*home: shows key"):
        rooms.enter(policy, using, [tmp_path / "home"])


def test_without_walls_nothing_is_tried(tmp_path: Path) -> None:
    """Backend none proves nothing."""
    assert [] == rooms.enter(Policy(readable=(tmp_path,)), "none", [tmp_path])
