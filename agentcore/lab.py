"""The engine's hand on a lab: its files, its project, its git, its journal and the state that they add up to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import ParamSpec, TypeVar

from agentcore.events import Event
from agentcore.fold import apply, fold
from agentcore.journal import Journal, Reader
from agentcore.scrub import Scrubber
from worktrees.executor import Executor
from worktrees.layout import LabPaths
from worktrees.project import Profile, Project
from worktrees.repository import Repository
from worktrees.slots import Slot

P = ParamSpec("P")
R = TypeVar("R")


class Lab:
    """Everything that the engine's parts share. Only `record` changes the state, and only by an event."""

    def __init__(
        self,
        paths: LabPaths,
        project: Project,
        slots: tuple[Slot, ...],
        executor: Executor,
        clock: Callable[[], float],
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.paths = paths
        self.project = project
        self.slots = slots
        self.executor = executor
        self.clock = clock
        self.secrets = dict(secrets or {})
        """{variable: value} of what was taken out of the environment at the start: keys live here and nowhere else."""
        self.scrubber = Scrubber(self.secrets.values())
        self.profile_name, self.profile = _profile(project, slots)
        self.repository = Repository(paths.root)
        self.numbering = asyncio.Lock()
        """Held while an experiment is given its number, pinned under it and announced."""
        self.trunk = asyncio.Lock()
        """Held by whatever reads trunk and then acts on what it read: two merges at once, or a merge in the middle of a
        rebase, would each be right alone."""
        self._git = ThreadPoolExecutor(1, thread_name_prefix="git")
        self.journal = Journal(paths.journal)
        with closing(Reader(paths.journal)) as reader:
            self.state = fold(reader.after(0))

    def record(self, event: Event, *, durable: bool = False) -> None:
        """Append an event to the journal and fold it. Raises JournalError; the state is then unchanged."""
        self.state = apply(self.state, self.journal.append(self.clock(), event, durable=durable))

    async def git(self, work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
        """Do git work on the one thread that owns the repository, off the engine's loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._git, lambda: work(*arguments, **options))

    def close(self) -> None:
        """Let go of the journal and the git thread."""
        self._git.shutdown()
        self.journal.close()


def _profile(project: Project, slots: tuple[Slot, ...]) -> tuple[str, Profile]:
    return project.profile_for(slots[0].kind if slots else "cpu")
