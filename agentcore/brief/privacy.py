"""What must never leave this machine?

The content of the files that `[privacy] local_only` of lab.toml names, where an agent's model is a remote one. Rooms
hide them from its commands, its editor does not open them, and what programs that do read them have printed is not
repeated to it: of an error only the name is.

Not covered: what such a model can count on a program's behaviour (exit codes, scores), a gateway on this machine that
hands on what it gets, and what a model on this machine writes into its edits, hypotheses and notes.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from agentcore.state import LabState
from worktrees.project import Privacy

UNSAID = "what it printed is local only"

_TELLING = re.compile(
    r"(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit|Iteration)(?=:|$)"
    r"|\w+ was killed by SIG[A-Z]+|\w+ passed its limit of [0-9.e+]+ s"
    r"|\w+ held [0-9]+ MiB of memory, its limit is [0-9]+ MiB|invalid: [\w-]+"
)
"""What of a run's reason holds nothing that was printed but a name: an exception's or a rule's."""


def stays_here(agent: object) -> bool:
    """Return True where what an agent reads goes to no model, or to one on this machine.

    An agent that does not say where its model is has a remote one: of a program we do not know where it talks to.
    """
    return getattr(agent, "name", "") == "search" or bool(getattr(agent, "is_local", False))


def is_loopback(url: str | None) -> bool:
    """Return True for a server on this machine."""
    try:
        host = urlsplit(url or "").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def found(
    privacy: Privacy, folder: Path, called: str = "", edit: Collection[str] = (), known: Collection[int] = ()
) -> Iterator[Path]:
    """Yield what in a folder is local only, as few paths as say it, links resolved. `called`: its name in the project.

    `known` are inodes that are local only under any name: an agent may have renamed a folder around them. A link that
    leads out of the folder, or to something in `edit`, hides nothing: an agent could take away what the lab needs.
    """
    root = folder.resolve()
    needed = [root / path for path in edit]
    for path in _named(privacy, root, called, known):
        real = path.resolve()
        if root in real.parents and real.exists() and not any(each.is_relative_to(real) for each in needed):
            yield real


def shows(privacy: Privacy, path: Path, root: Path) -> bool:
    """Return True where giving a path to a command could show it what is local only in the lab at `root`."""
    path, root = path.resolve(), root.resolve()
    if path.is_dir():
        return path.is_relative_to(root) or root.is_relative_to(path)
    return path.is_relative_to(root) and privacy.covers(path.relative_to(root).as_posix())


def without_words(state: LabState) -> LabState:
    """Return a state that holds nothing that a run has printed, but the names of errors and rules."""
    experiments = state.experiments
    for number, each in state.experiments.items():
        if each.run is not None and each.reason:
            experiments = experiments.set(number, replace(each, reason=telling(each.reason)))
    return replace(state, experiments=experiments)


def telling(reason: str) -> str:
    """Return what a remote model may know of why a run failed."""
    match = _TELLING.match(reason)
    return f"{match[0]} ({UNSAID})" if match else UNSAID


def _named(privacy: Privacy, folder: Path, called: str, known: Collection[int]) -> Iterator[Path]:
    for entry in os.scandir(folder):
        name = f"{called}{entry.name}"
        if privacy.covers(name) or entry.inode() in known:
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            yield from _named(privacy, Path(entry.path), f"{name}/", known)
