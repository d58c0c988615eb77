"""A command changes what it may edit, and nothing else, by any way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worktrees.walls.inside import writes
from tests.worktrees.walls.rooms import INSIDE, Lab, Room

GAPS = {"the mode of a frozen file", "the times of a frozen file", "the mode of a key"}
"""Landlock does not look at modes and times: an ordinary user's command owns the user's files."""


@pytest.mark.parametrize("attempt", writes.attempts(""))
def test_nothing_outside_is_changed(room: Room, tries: Callable[[str], dict[str, str]], attempt: str) -> None:
    """Neither by path, link, rename, mount, /proc nor device can a command change what it may not edit."""
    is_gap = (room.backend, room.user) == ("reduced", "user") and attempt in GAPS
    assert ("done" if is_gap else "refused") == tries("writes")[attempt]


def test_the_lab_is_as_it_was(room: Room, tries: Callable[[str], dict[str, str]]) -> None:
    """After all attempts every file outside has the content that it had."""
    room.lab.worktree.joinpath("data.py").chmod(0o644)
    room.lab.root.joinpath("home/.ssh/id_ed25519").chmod(0o644)
    tries("writes")
    assert {name: text for name, (_, text) in room.lab.snapshot().items()} == EXPECTED


EXPECTED = {
    "home/.config/nightlab/keys": "key",
    "home/.ssh/id_ed25519": "key",
    "lab/data/train/tokens.bin": "train",
    "lab/data/validation/tokens.bin": "validation",
    "lab/journal.db": "rows",
    "lab/repository/config": "[core]",
    "lab/scratch/wt1/notes": "other",
    "lab/worktrees/wt0/.git": "gitdir: ../../repository",
    "lab/worktrees/wt0/answers/validation.txt": "text",
    "lab/worktrees/wt0/data.py": "frozen",
    "lab/worktrees/wt0/train.py": "lr = 1",
    "lab/worktrees/wt1/train.py": "lr = 2",
}


def test_the_editable_file_can_be_changed(room: Room) -> None:
    """What is writable is written, and seen outside."""
    text = (room.lab.worktree / "train.py").read_text()
    done = room.run("bash", "-c", "echo 'lr = 3' >train.py")
    changed = (room.lab.worktree / "train.py").read_text()
    (room.lab.worktree / "train.py").write_text(text)
    assert (0, "lr = 3\n") == (done.returncode, changed), done.stderr


def test_what_it_makes_in_its_scratch_is_seen_outside(room: Room) -> None:
    """A folder that is writable takes new files, and the lab reads them."""
    done = room.run("bash", "-c", f"mkdir {room.lab.scratch}/made && echo 1 >{room.lab.scratch}/made/file")
    assert "1\n" == (room.lab.scratch / "made/file").read_text(), done.stderr


def test_without_walls_all_of_it_is_possible(tmp_path: Path) -> None:
    """The attempts are real: what harms only this lab succeeds where nothing stands in the way."""
    lab = Lab(tmp_path)
    lab.make()
    facts = json.dumps({"root": str(tmp_path), "only": HARMLESS})
    command = [sys.executable, "-I", "-S", str(INSIDE / "writes.py"), facts]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert dict.fromkeys(HARMLESS, "done") == json.loads(done.stdout)


HARMLESS = [
    "a frozen file",
    "a new file beside it",
    "another worktree",
    "the journal",
    "a link to a frozen file",
    "a path that climbs",
    "a folder's descriptor",
    "a second name",
    "the root of this process",
    "a set-id file",
    "the mode of a frozen file",
    "the times of a frozen file",
    "renaming onto a frozen file",
    "emptying a frozen file",
    "moving the repository away",
]
