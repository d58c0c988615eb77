"""What lies in `.lab` that a lab makes and may be done with, and how does it go?

Looking follows no link, and what it finds is named by kind, so that somebody who knows the lab can say what is still
needed (agentcore/engine/pruning.py). What goes lies in `.lab`, whatever anybody names. Both take seconds in a lab of
thousands of runs: they are for a thread.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from calendar import timegm
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from worktrees import processes
from worktrees.layout import LabPaths
from worktrees.runs import RunFolder

Kind = Literal["checkout", "checkpoint", "scratch", "worktree", "kept", "transcript"]
"""checkout: the export that a run trained. checkpoint: what it wrote beside its metrics. scratch: temporary files of a
run, of an agent, of a command that was killed. worktree: a retired one's folder in the trash. kept: the ref of what lay
in a retired worktree and in no commit. transcript: what an agent did for one proposal."""

SMALL_BYTES = 1 << 20
"""A single file of a run up to this size is no checkpoint: samples, notes."""

_STAMP = re.compile(r"(?P<name>.+)-(?P<when>\d{8}-\d{6})")
"""Name of a folder in the trash."""


@dataclass(frozen=True)
class Leftover:
    """Something that may go as a whole."""

    kind: Kind
    of: str
    """`run 12`, the worktree's name, or `lab`."""
    number: int
    """Of the run, or of the transcript; else 0."""
    paths: tuple[Path, ...]
    """Its files and folders, or of a ref its name."""
    bytes: int
    """What it takes on the disk."""
    at: float
    """When it was last changed, Unix time."""
    is_held: bool = False
    """True while a process holds it: the shim of a run."""


def find(paths: LabPaths) -> Iterator[Leftover]:
    """Yield all that lies there, needed or not; what vanishes meanwhile is left out."""
    for run in _folders(paths.runs):
        if run.name.isdecimal():
            yield from of_run(RunFolder(Path(run.path)))
    for folder in _folders(paths.scratch):
        yield from _one("scratch", folder.name, (folder,))
    for folder in _folders(paths.trash):
        if named := _STAMP.fullmatch(folder.name):
            at = float(timegm(time.strptime(named["when"], "%Y%m%d-%H%M%S")))
            yield from _one("worktree", named["name"], (folder,), at=at)
    for folder in _folders(paths.transcripts):
        for file in _entries(folder.path):
            number = file.name.removesuffix(".jsonl")
            if number.isdecimal() and file.is_file(follow_symlinks=False):
                yield from _one("transcript", folder.name, (file,), int(number))
    for file in _entries(paths.dot):
        if re.fullmatch(r"state\.\d+", file.name) and file.is_file(follow_symlinks=False):
            yield from _one("scratch", "lab", (file,))


def remove(paths: LabPaths, leftover: Leftover) -> bool:
    """Remove files and folders; False where something of it stays. What is not in `.lab` is never touched."""
    dot = paths.dot.resolve()
    for path in leftover.paths:
        if path.parent.resolve().is_relative_to(dot):
            _remove(path)
    return not any(os.path.lexists(path) for path in leftover.paths)


def of_run(folder: RunFolder) -> Iterator[Leftover]:
    """Yield what a run has left, needed or not; no kind of it twice."""
    number, parts = int(folder.path.name), dict[Kind, list[os.DirEntry[str]]]()
    for file in _entries(folder.path):
        if file.name == folder.checkout.name:
            parts["checkout"] = [file]
        elif file.name in (folder.scratch.name, folder.reserve.name):
            parts.setdefault("scratch", []).append(file)
        elif file.name == folder.out.name:
            parts["checkpoint"] = [each for each in _entries(folder.out) if _is_checkpoint(each, folder)]
    is_held = any(parts.values()) and processes.is_locked(folder.lock)
    for kind, found in parts.items():
        yield from _one(kind, f"run {number}", tuple(found), number, is_held=is_held)


def _is_checkpoint(file: os.DirEntry[str], folder: RunFolder) -> bool:
    if file.name == folder.metrics.name:
        return False
    with suppress(FileNotFoundError):
        found = file.stat(follow_symlinks=False)
        return not stat.S_ISREG(found.st_mode) or found.st_size > SMALL_BYTES or file.name.endswith(".pt")
    return False


def _one(
    kind: Kind,
    of: str,
    found: tuple[os.DirEntry[str], ...],
    number: int = 0,
    *,
    at: float = 0.0,
    is_held: bool = False,
) -> Iterator[Leftover]:
    """Yield a leftover where there is anything of it."""
    with suppress(FileNotFoundError):
        if found:
            changed = at or max(file.stat(follow_symlinks=False).st_mtime for file in found)
            size = sum(map(_bytes, found))
            yield Leftover(kind, of, number, tuple(Path(file.path) for file in found), size, changed, is_held)


def _bytes(file: os.DirEntry[str]) -> int:
    """Return what a file, or a folder with all in it, takes on the disk."""
    if not file.is_dir(follow_symlinks=False):
        return file.stat(follow_symlinks=False).st_blocks * 512
    return sum(map(_bytes, _entries(file.path)))


def _folders(path: Path) -> Iterator[os.DirEntry[str]]:
    return (entry for entry in _entries(path) if entry.is_dir(follow_symlinks=False))


def _entries(path: Path | str) -> list[os.DirEntry[str]]:
    """Return what lies in a folder in the order of names; nothing of a link, or of what is not there or not ours."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return []
        with os.scandir(path) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def _remove(path: Path) -> None:
    """Remove a file, a link itself, or a folder with all in it; a folder that a training locked is opened first."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=_opened)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return  # somebody else's: whoever asked is told that it stays


def _opened(_: object, path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    """Give the owner of a folder its rights back and go on; raise what nothing helps against."""
    if not isinstance(error[1], PermissionError):
        if isinstance(error[1], FileNotFoundError):
            return
        raise error[1]
    folder = path if os.path.isdir(path) and not os.path.islink(path) else os.path.dirname(path)
    os.chmod(folder, stat.S_IRWXU, follow_symlinks=False)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
