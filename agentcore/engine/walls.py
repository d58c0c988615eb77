"""Which walls stand around what this lab's agents run, and may it work behind them while nobody watches?

With ``full`` always. With ``reduced`` while a view is open, unless lab.toml accepts it. With ``none`` only where that
was asked for as the engine was started, and then nothing moves trunk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from worktrees import memory, rooms, sandbox
from worktrees.layout import LabPaths
from worktrees.project import Project
from worktrees.rooms import Desk
from worktrees.sandbox import BLOCK, Backend, Policy, Uncontained

TOPIC = "walls"
"""Of the warnings about them."""
SHARE = 0.75
"""Part of the machine's memory that trainings may hold together."""
COMMAND_SHARE = 0.25
"""What an agent's command may hold, as a share of what a training may."""


@dataclass(frozen=True)
class Containment:
    """Which walls one lab has, and why these."""

    backend: Backend
    why: str
    needs_person: bool = False
    """True where nothing new may start while no view is open."""

    @property
    def banner(self) -> str:
        """What a person must know of them; empty where they are whole."""
        if self.backend == "none":
            return "NO SANDBOX (--no-sandbox): agents' code can do what you can, and nothing moves trunk"
        if self.backend == "reduced":
            return f"the sandbox is {self.why}; nightlab doctor says what is missing"
        return ""


BARE = Containment("none", "--no-sandbox")


def choose(project: Project, paths: LabPaths, *, bare: bool) -> Containment:
    """Return the best walls that can stand on this machine, once they were tried on this lab's files.

    `bare`: do without. Raises Uncontained where none can stand.
    """
    if bare:
        return BARE
    backend, why = sandbox.backend(), sandbox.why()
    if backend == "none":
        raise Uncontained(
            f"no sandbox can be made here ({why}). Install bubblewrap (apt-get install bubblewrap), or start with "
            "--no-sandbox: agents' code can then do what you can, and nothing moves trunk"
        )
    _try(backend, project, paths)
    return Containment(backend, why, needs_person=backend == "reduced" and not project.sandbox.accept_reduced)


def _try(backend: Backend, project: Project, paths: LabPaths) -> None:
    """Prove them once before anything is written. Raises Uncontained."""
    for path in shown(project):
        if not path.exists():
            raise Uncontained(f"lab.toml [sandbox] read names what is not there: {path}")
        if paths.root.is_relative_to(path.resolve()) or path.resolve().is_relative_to(paths.dot.resolve()):
            raise Uncontained(f"lab.toml [sandbox] read: {path} would show the lab itself to the code that it judges")
    policy = Policy(readable=(paths.config, *shown(project)), hidden=hidden(project))
    try:
        rooms.enter(policy, backend, absent(paths))
    except rooms.Breach as breach:
        raise Uncontained(f"{breach}. Nothing runs behind such walls: nightlab doctor") from breach


def hidden(project: Project) -> tuple[Path, ...]:
    """Return the files of the packages that no room shows: those that hold the corpus, held-out text and all."""
    return tuple(path for name in project.sandbox.hide_packages for path in _installed(name))


def shown(project: Project) -> tuple[Path, ...]:
    """Return what lies outside of the project and every room shows."""
    return tuple(Path(os.path.abspath(Path(each).expanduser())) for each in project.sandbox.read)


def absent(paths: LabPaths) -> tuple[str, ...]:
    """Return the folders that show nothing in a room but what the room is given there."""
    home = Path(os.path.expanduser("~"))
    known = (paths.root, paths.dot, paths.data, paths.worktrees, paths.runs)
    return tuple(str(path) for path in (*([home] if len(home.parts) > 1 else []), *known))


def desk(project: Project, paths: LabPaths, worktree: str) -> Desk:
    """Return where the agent of a worktree works; each has a user of its own."""
    return Desk(
        worktree=paths.worktree(worktree),
        scratch=paths.scratch_of(worktree),
        edit=project.project.edit,
        data=paths.data / "train",
        shown=shown(project),
        hidden=hidden(project),
        uid=agent_uid(paths, worktree),
    )


def agent_uid(paths: LabPaths, worktree: str) -> int:
    """Return the user of the agent in a worktree."""
    half = BLOCK // 2
    return sandbox.users(paths.root) + half + int(worktree.removeprefix("wt")) % half


def run_uid(paths: LabPaths, slots: Sequence[str], slot: str) -> int:
    """Return the user of the runs on a slot."""
    return sandbox.users(paths.root) + (slots.index(slot) if slot in slots else 0) % (BLOCK // 2)


def memory_mb(project: Project, slots: int) -> float:
    """Return what a training may hold with all its processes (MiB)."""
    return project.limits.memory_gb * 1024 or SHARE * memory.total_mb() / max(1, slots)


def _installed(name: str) -> Iterator[Path]:
    """Yield the folders and files of an installed package, its metadata among them; none where it is not installed."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    tops = {PurePosixPath(file).parts[0] for file in found.files or ()} - {"..", "__pycache__"}
    for top in sorted(tops):
        path = Path(str(found.locate_file(top)))
        if path.exists():
            yield path
