"""What may a command do?

A policy says it, whatever enforces it: which paths it reads and writes, which it must not see though they lie inside
those, its network, its GPU, its limits. What every command needs besides (the programs and libraries of the host, the
interpreter that runs the lab) is in `host`. All else is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FIRST_UID = 64_000
"""User and group that a command has where the lab belongs to root, unless its policy says another; Debian keeps
60000-64999 free of people."""

NO_DUMP = 1
"""Bytes of a core dump; with 0 the kernel would still hand it to a program of the host (core(5))."""

Access = Literal["read", "write", "hide"]


@dataclass(frozen=True)
class Limits:
    """How much one command may use; the kernel's resource limits hold for each of its processes.

    Memory is not among them: torch maps far more address space than it touches, so RLIMIT_AS says nothing.
    """

    processes: int = 512
    """Processes and threads together, of the user that the command runs as."""
    open_files: int = 4096
    file_bytes: int = 16 << 30
    """Size of the largest file that it writes."""
    cpu_s: int | None = None
    """CPU seconds of each process."""
    tmp_bytes: int = 1 << 30
    """Size of its own /tmp, which lies in memory. (Backend full.)"""
    shared_bytes: int = 2 << 30
    """Size of its own /dev/shm: what data-loader workers hand over. (Backend full.)"""


@dataclass(frozen=True)
class Policy:
    """What a command needs; all else is refused. Paths are absolute and are the same inside."""

    readable: tuple[Path, ...] = ()
    """Files and folders that it may read and execute. They must exist."""
    writable: tuple[Path, ...] = ()
    """Files and folders that it may change too. They must exist; a file cannot be replaced by another one (`sed -i`,
    editors that save by renaming), a folder's files can."""
    hidden: tuple[Path, ...] = ()
    """Files and folders that it must not read though they lie inside what it may. One that does not exist is none.
    `.git` right inside a readable or writable folder is always among them."""
    network: bool = False
    """True shares the host's network, with all that listens on it."""
    gpu: str = ""
    """UUID of the GPU that it may use; empty for none."""
    device_nodes: tuple[Path, ...] = ()
    """The GPU's device nodes, which the caller found by the GPU's minor number."""
    folder: Path = Path("/")
    """Where it starts."""
    limits: Limits = Limits()
    uid: int = FIRST_UID
    """User and group that it becomes where the lab belongs to root. One for each command that runs at a time: then
    none of them uses up another's processes, and files of one are foreign to the others."""


@dataclass(frozen=True)
class Layer:
    """One path and what may be done with it, its deeper layers aside."""

    path: Path
    access: Access


def layers(policy: Policy, always: Iterable[Path] = ()) -> list[Layer]:
    """Return what is granted and hidden, outer paths before inner ones; `always` is readable too.

    Where one path is named twice, hiding wins over writing and writing over reading. Raises FileNotFoundError for a
    path that is granted and does not exist, ValueError for one that is not absolute.
    """
    found: dict[Path, Access] = {}
    for path in (*always, *policy.readable):
        found[_granted(path)] = "read"
    for path in policy.writable:
        found[_granted(path)] = "write"
    found |= dict.fromkeys(_hidden(policy, list(found)), "hide")
    kept: list[Layer] = []
    for path in sorted(found, key=lambda path: (len(path.parts), path)):
        around = [layer.access for layer in kept if path.is_relative_to(layer.path)]
        if not around or around[-1] != found[path]:  # what the path around it has already needs no layer
            kept.append(Layer(path, found[path]))
    return kept


def _hidden(policy: Policy, granted: Sequence[Path]) -> Iterator[Path]:
    """Yield what is hidden under each name that it is granted by: folders are reached through links, too."""
    names = {one: one.resolve() for one in granted}
    for path in (*policy.hidden, *(folder / ".git" for folder in (*policy.readable, *policy.writable))):
        real = path.resolve()
        if real.exists():
            yield from (one / real.relative_to(leads) for one, leads in names.items() if real.is_relative_to(leads))


def _granted(path: Path) -> Path:
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{path}: a policy names absolute paths")
    if not path.exists():
        raise FileNotFoundError(f"{path} is to be given to a command and does not exist")
    return path
