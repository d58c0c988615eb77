"""The engine's hand on a lab: its files, its project, its git, its journal and the state that they add up to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import ParamSpec, TypeVar

from agentcore import events as ev
from agentcore.brief.scrub import Scrubber
from agentcore.engine.contention import Sharing
from agentcore.engine.gone import Watch
from agentcore.engine.reserve import Reserve
from agentcore.engine.walls import BARE, Containment
from agentcore.events import Event
from agentcore.fold import apply, fold
from agentcore.journal.rows import Journal, JournalError, Reader, Unwritable
from agentcore.state import LabState
from worktrees.devices import Nvml
from worktrees.executor import Executor
from worktrees.layout import LabPaths
from worktrees.project import Profile, Project
from worktrees.repository import Repository
from worktrees.slots import Slot

AUDIT = "audit"
"""Topic of the warning that the journal was changed behind the engine's back."""

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
        walls: Containment = BARE,
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
        self.walls = walls
        self.sharing = Sharing()
        self.watch = Watch()
        self.nvml: Nvml | None = None
        """How its GPUs are asked; None is the driver of this machine."""
        self.breach = ""
        """Which wall did not stand when it was tried; then nothing new starts until the engine is started again."""
        self.frozen: Mapping[str, bytes] = {}
        """{path: bytes} of the harness by which everything is measured, as trunk had it when the engine started."""
        self.numbering = asyncio.Lock()
        """Held while an experiment is given its number, pinned under it and announced."""
        self.trunk = asyncio.Lock()
        """Held by whatever reads trunk and then acts on what it read: two merges at once, or a merge in the middle of a
        rebase, would each be right alone."""
        self.reserve = Reserve(paths.reserve)
        self.pruning = asyncio.Lock()
        """Held while leftovers are removed: what two find at once is told once."""
        self._git = ThreadPoolExecutor(1, thread_name_prefix="git")
        _refuse_lost(paths)
        self.journal = Journal(paths.journal)
        self.state = folded(paths)
        self._look_back()

    def record(self, event: Event, *, durable: bool = False) -> None:
        """Append an event to the journal and fold it. Raises JournalError; the state is then unchanged."""
        try:
            entry = self.journal.append(self.clock(), event, durable=durable)
        except Unwritable:
            if not self.reserve.free():
                raise
            entry = self.journal.append(self.clock(), event, durable=durable)
        self.state = apply(self.state, entry)

    def say(self, topic: str, message: str) -> None:
        """Raise a warning, or clear it with an empty message, where it is not so already."""
        known = self.state.warnings.get(topic, "")
        if message and message != known:
            self.record(ev.WarningRaised(topic, message))
        elif known and not message:
            self.record(ev.WarningCleared(topic))

    async def git(self, work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
        """Do git work on the one thread that owns the repository, off the engine's loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._git, lambda: work(*arguments, **options))

    def _look_back(self) -> None:
        """Write down what is wrong with the journal's end, before the next head covers it up; raise the alarm once."""
        if self.journal.doubt:
            message = f"{self.journal.doubt}; nightlab audit verify tells more"
            self.record(ev.WarningRaised(AUDIT, message), durable=True)
        elif AUDIT in self.state.warnings:
            self.record(ev.WarningCleared(AUDIT))

    def close(self) -> None:
        """Let go of the journal and the git thread."""
        self._git.shutdown()
        self.journal.close()


def _refuse_lost(paths: LabPaths) -> None:
    """Raise JournalError where the lab has run and its journal holds nothing: begun anew in silence, run 1 would take
    the folder of run 1 and experiment 1 the pin of experiment 1. Before the journal is opened, which makes a new one.
    """
    with closing(Reader(paths.journal)) as reader:
        has_run = paths.runs.is_dir() and any(paths.runs.iterdir())
        if has_run and next(reader.after(0), None) is None:
            raise JournalError(
                f"{paths.journal} is empty or gone, and this lab has run: put journal.sqlite, audit.key and audit.head "
                f"back from a copy, or begin anew: mv {paths.dot} {paths.dot}-old"
            )


def folded(paths: LabPaths) -> LabState:
    """Return the state that follows from the whole journal.

    Raises JournalError where rows are missing or contradict each other: no state follows from them.
    """
    with closing(Reader(paths.journal)) as reader:
        try:
            return fold(reader.after(0))
        except (ValueError, LookupError) as error:
            raise JournalError(f"{paths.journal} makes no sense ({error}): nightlab audit verify says where") from error


def _profile(project: Project, slots: tuple[Slot, ...]) -> tuple[str, Profile]:
    return project.profile_for(slots[0].kind if slots else "cpu")
