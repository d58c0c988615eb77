"""A command sees its own files and the programs of the host, and nothing of the researcher's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.worktrees.walls.inside import reads
from tests.worktrees.walls.rooms import Room


@pytest.mark.parametrize("attempt", reads.attempts("", 0))
def test_nothing_else_is_read(tries: Callable[[str], dict[str, str]], attempt: str) -> None:
    """Keys, validation text, other worktrees, journal, socket and repository cannot be read in any way."""
    assert "refused" == tries("reads")[attempt]


def test_what_is_granted_is_read(room: Room) -> None:
    """The worktree and the training data are there, under the names that they have outside."""
    done = room.run("cat", "data.py", str(room.lab.root / "lab/data/train/tokens.bin"))
    assert "frozentrain" == done.stdout, done.stderr


def test_what_is_hidden_inside_the_interpreter_cannot_be_imported(room: Room) -> None:
    """A package that gives the validation text away can be hidden, and its neighbours are still there."""
    package = Path(msgspec.__file__).parent
    script = "import pluggy\ntry:\n    from msgspec import json\nexcept (ImportError, PermissionError): print('hidden')"
    done = room.run(sys.executable, "-c", script, hidden=(package,))
    assert "hidden\n" == done.stdout, done.stderr


def test_the_environment_is_the_one_that_was_given(room: Room) -> None:
    """A command finds the variables that it was started with, and no other but its folder's name."""
    done = room.run("env", environment={"MARK": "1"})
    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert {"MARK", "PATH", "LC_ALL", "PYTHONPATH"} == names - {"PWD", "LC_CTYPE"}, done.stderr
