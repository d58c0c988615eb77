"""How does a lab of ten thousand experiments open as fast as a new one?

To fold its journal takes more than a second, and gives the same state each time. So whoever had to fold many entries
leaves the state in `.lab/state`, and whoever comes next folds only what came after. The journal stays the truth: a
state is taken only where it was made by exactly this code, from a journal that still has the row it goes up to, and a
file that is missing, torn or foreign is no loss. Views and commands use it; the engine folds its journal itself, and
has it left anew now and then: ``python -m agentcore.journal.snapshot LAB``.

The file holds pickled nouns. Nothing but our own dataclasses is ever made of it, and no type stays changed by it: a lab
may come from somebody else.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import os
import pickle
import sys
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from immutables import Map

import agentcore
import worktrees
from agentcore.fold import fold
from agentcore.journal.rows import Reader
from agentcore.state import LabState
from worktrees.layout import LabPaths

WORTH = 10_000
"""Entries that must have been folded for the state to be kept: a quarter of a second."""

_NOUNS = ("agentcore.state", "agentcore.events", "agentcore.brief.spending", "worktrees.")
"""Where the types of a state are."""


def load(path: Path, reader: Reader) -> LabState:
    """Return the state that was left at `path`, or an empty one where it is not this journal's by this code's fold."""
    try:
        with path.open("rb") as file:
            if file.readline().rstrip() != _made_by():
                return LabState()
            row, state = file.readline().rstrip(), _unpickled(file)
    except (OSError, pickle.UnpicklingError, EOFError, AttributeError, ImportError, LookupError, TypeError, ValueError):
        return LabState()  # pickle names most of these for a torn file
    if isinstance(state, LabState) and row and row == reader.hash_of(state.seq):
        return state
    return LabState()


def save(path: Path, reader: Reader, state: LabState) -> None:
    """Leave `state` at `path` for the next one; where that cannot be, they fold as we did."""
    row = reader.hash_of(state.seq)
    if not row:
        return
    own = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        own.write_bytes(b"\n".join((_made_by(), row, pickle.dumps(state, 5))))
        own.replace(path)
    except OSError:
        own.unlink(missing_ok=True)


def renew(paths: LabPaths) -> None:
    """Bring what is left of a lab up to its newest row. Raises JournalError where the journal cannot be read."""
    with closing(Reader(paths.journal)) as reader:
        left = load(paths.state, reader)
        state = fold(reader.after(left.seq), left)
        if state.seq > left.seq:
            save(paths.state, reader, state)


@cache
def _made_by() -> bytes:
    """Name the code of which this state is the fold: all of it, since nobody remembers to count up a version."""
    digest = sha256()
    for package in (agentcore, worktrees):
        for file in sorted(Path(package.__path__[0]).rglob("*.py")):
            digest.update(b"%s %d\n" % (file.name.encode(), file.stat().st_size))
            digest.update(file.read_bytes())
    return digest.hexdigest().encode()


def _unpickled(file: BinaryIO) -> object:
    """Return what is pickled there. Raises UnpicklingError, and whatever else pickle does for a torn file."""
    nouns, collects = _Nouns(file), gc.isenabled()
    gc.disable()  # nothing that is made here is garbage, and to look for it takes a third of the time
    try:
        return nouns.load()
    finally:
        nouns.put_right()
        if collects:
            gc.enable()


class _Nouns(pickle.Unpickler):
    """Makes dataclasses of ours and persistent maps, and refuses everything else."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._were: dict[type, Mapping[str, Any]] = {}
        """{type that was given: its attributes by then}."""

    def put_right(self) -> None:
        """Give the types their attributes again: BUILD sets those of a type as well as those of its objects."""
        for kind, were in self._were.items():
            now = dict(vars(kind))
            for name in now.keys() - were.keys():
                delattr(kind, name)
            for name, value in were.items():
                if now.get(name) is not value:
                    setattr(kind, name, value)

    def find_class(self, module: str, name: str) -> Any:
        """Return the type of that name. Raises UnpicklingError where it is none of a state's."""
        if (module, name) == (Map.__module__, Map.__name__):
            return Map
        if f"{module}.".startswith(_NOUNS) and "." not in name:
            found = getattr(importlib.import_module(module), name)
            if isinstance(found, type) and dataclasses.is_dataclass(found):
                self._were.setdefault(found, dict(vars(found)))
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a state")


if __name__ == "__main__":
    os.nice(10)  # no run, and no view, waits for it
    renew(LabPaths(Path(sys.argv[1])))
