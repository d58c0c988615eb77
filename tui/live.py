"""Which change does the selected worktree hold right now, what does its run print, what does its agent do?

One watcher on the folder of all worktrees (many watchers starve the thread pool, and a worktree that is made anew would
be missed); a change is only a hint to read again. Reading happens in threads, at most a few times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agentcore.brief.transcript import Tail
from agentcore.overview.observer import Observer
from tui.pace import Pace
from tui.steps import StepTold, tell_step

if TYPE_CHECKING:
    from worktrees.diff import Diff
    from worktrees.printed import Printed
    from worktrees.project import Sources

PAUSE_S = 1.0
"""Least time between two readings of a worktree: a file that is saved is seen at once, one that is written all the time
once a second.
"""

LOG_PAUSE_S = 1.0
"""The same for a log, which grows all the time."""

BLIND_S = 2.0
"""How often a worktree is read where the system gives no watcher."""

LOG_LINES, LOG_WIDTH = 5000, 2000
"""What is kept of a log; the file on disk has the rest."""

STEPS = 2000
"""What is kept of a transcript; the file on disk has all of it."""

RESCAN_S = 10.0
"""A file in a folder made a moment before can be missed by the watcher: so often is read without a hint."""


class LiveDiff:
    """Keeps the diff of one worktree current and tells `changed` when it is another one."""

    def __init__(self, observer: Observer, changed: Callable[[], None]) -> None:
        self.diff: Diff | None = None
        self.of = ("", "")
        """The worktree that `diff` belongs to, and the commit that it is against."""
        self.sources: Sources | None = None
        """Which files may be changed; None before the lab's settings were read."""
        self.edited: float | None = None
        """When the newest of the changed files was written, Unix time."""
        self._observer = observer
        self._changed = changed
        self._wanted = ("", "")
        self._rescan_s = RESCAN_S
        self._pace = Pace(PAUSE_S)

    def want(self, worktree: str, base: str) -> None:
        """Follow `worktree` from now on, against the commit `base`; another one is a reason to read again."""
        if (worktree, base) != self._wanted:
            self._wanted = worktree, base
            self._pace.ask()

    async def run(self) -> None:
        """Watch and read until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._read())

    async def _watch(self) -> None:
        folder = self._observer.paths.worktrees
        while not folder.is_dir():
            await asyncio.sleep(1)
        from watchfiles import awatch  # 60 ms of import, after the first paint

        try:
            async for changes in awatch(folder, step=50, debounce=200):
                if any(self._concerns(Path(path).relative_to(folder)) for _, path in changes):
                    self._pace.hint()
        except (OSError, RuntimeError):  # the user's 128 inotify instances are taken, or the folder went away
            self._rescan_s = BLIND_S

    def _concerns(self, path: Path) -> bool:
        return path.parts[:1] == self._wanted[:1]

    async def _read(self) -> None:
        while True:
            await self._pace.turn(self._rescan_s)
            if (wanted := self._wanted)[0]:
                diff, edited = await asyncio.to_thread(self._look, *wanted)
                if (wanted, diff, edited) != (self.of, self.diff, self.edited):
                    self.of, self.diff, self.edited = wanted, diff, edited
                    self._changed()

    def _look(self, worktree: str, base: str) -> tuple[Diff | None, float | None]:
        """Read the diff; None where the worktree is being made, moved or removed just now."""
        from worktrees.diff import Unreadable

        try:
            diff = self._observer.diff_of(worktree, base)
            self.sources = self._observer.sources()
        except (Unreadable, OSError):
            return None, None
        folder = self._observer.paths.worktree(worktree)
        written = [_written(folder / file.path) for file in diff.files]
        return diff, max((at for at in written if at), default=None)


class RunLog:
    """Keeps the end of one run's log current while somebody looks at it."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.subject = ""
        self.lines: tuple[str, ...] = ()
        self.dropped = 0
        """Lines that came before those."""
        self.path: Path | None = None
        self.is_wanted = False
        self._printed: Printed | None = None
        self._read: tuple[int, int] | None = None
        self._known: tuple[int, int] | None = None
        """The stamp of what `lines` hold."""
        self._changed = changed
        self._pace = Pace(LOG_PAUSE_S)

    @property
    def is_current(self) -> bool:
        """True where nobody looks, or what they see is what the file holds."""
        return not self.is_wanted or self.path is None or self._known == stamp(self.path)

    def follow(self, path: Path | None, subject: str) -> None:
        """Read the log at `path`, if it was written since the last time; to be called every tick."""
        if subject != self.subject:
            self.subject, self.lines, self.dropped, self._read, self._printed = subject, (), 0, None, None
            self._known = None
            self._pace.ask()
        self.path = path
        if self.is_wanted and path and stamp(path) != self._read:
            self._pace.hint()

    async def run(self) -> None:
        """Read whenever asked, in a thread, until cancelled."""
        from worktrees.printed import Printed

        while True:
            await self._pace.turn()
            if self.is_wanted and (path := self.path):
                self._read = stamp(path)
                printed = self._printed = self._printed or Printed(path, LOG_LINES, LOG_WIDTH)
                lines = await asyncio.to_thread(_read_on, printed)
                if printed is self._printed:
                    self._known = self._read
                if printed is self._printed and lines != self.lines:
                    self.lines, self.dropped = lines, printed.dropped
                    self._changed()


class AgentSteps:
    """Keeps the steps of a worktree's agent current while somebody looks at it.

    They begin with its newest transcript. The next one is appended, so that what is being read does not go away when
    the agent is asked again.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.subject = ""
        """Whose steps they are."""
        self.steps: tuple[StepTold, ...] = ()
        self.dropped = 0
        """Steps that came before those."""
        self.is_wanted = False
        self._tails: list[Tail] = []
        """The newest transcript last; before it those whose end is not read yet."""
        self._read: tuple[int, int] | None = None
        self._known: tuple[int, int] | None = None
        """The stamp of what `steps` hold."""
        self._changed = changed
        self._pace = Pace(LOG_PAUSE_S)

    @property
    def is_current(self) -> bool:
        """True where nobody looks, or what they see is what the file holds."""
        return not (self.is_wanted and self._tails) or self._known == stamp(self._tails[-1].path)

    def follow(self, path: Path | None, subject: str) -> None:
        """Follow the transcript at `path`, if it was written since the last time; to be called every tick."""
        if subject != self.subject:
            self.subject, self.steps, self._tails, self.dropped = subject, (), [], 0
            self._pace.ask()
        if path and path not in [tail.path for tail in self._tails[-1:]]:
            if not self.is_wanted:  # nobody reads: what came in between need not be caught up with
                self.dropped += len(self.steps)
                self.steps, self._tails = (), []
            self._tails, self._read = [*self._tails, Tail(path)], None
        if self.is_wanted and path and stamp(path) != self._read:
            self._pace.hint()

    async def run(self) -> None:
        """Read whenever asked, in a thread, until cancelled."""
        while True:
            await self._pace.turn()
            if self.is_wanted and self._tails:
                await self._read_steps(self.subject)

    async def _read_steps(self, subject: str) -> None:
        tails, newest = tuple(self._tails), self._tails[-1]
        self._read = stamp(newest.path)
        told = await asyncio.to_thread(_told, tails)
        if subject != self.subject:
            return
        self._known = self._read
        self._tails = [tail for tail in self._tails if tail is newest or tail not in tails]
        if told:
            steps = (*self.steps, *told)
            self.steps, self.dropped = steps[-STEPS:], self.dropped + len(steps[:-STEPS])
            self._changed()


class Changes:
    """The changes between commits that were looked at: read once each, in a thread."""

    def __init__(
        self, repository: Path, changed: Callable[[], None], start: Callable[[Coroutine[None, None, None]], object]
    ) -> None:
        self.loading = 0
        """How many are being read just now."""
        self._repository = repository
        self._changed = changed
        self._start = start
        self._known: dict[tuple[str, str], Diff | None] = {}

    def get(self, old: str, new: str) -> Diff | None:
        """Return the change, without `old` that of a commit against its parent.

        None until it is read (`changed` is called then) and where a commit is gone.
        """
        if (old, new) not in self._known:
            self._known[old, new] = None
            self.loading += 1
            self._start(self._load(old, new))
        return self._known[old, new]

    async def _load(self, old: str, new: str) -> None:
        self._known[old, new] = await asyncio.to_thread(self._read, old, new)
        self.loading -= 1
        self._changed()

    def _read(self, old: str, new: str) -> Diff | None:
        from worktrees.diff import Unreadable, between, of_commit

        try:
            return between(self._repository, old, new) if old else of_commit(self._repository, new)
        except (Unreadable, OSError):
            return None


def _told(tails: Iterable[Tail]) -> list[StepTold]:
    """Return the next steps in words; what a model turn cost is summed up elsewhere."""
    return [tell_step(step) for tail in tails for step in tail.read() if step.kind != "usage"]


def _read_on(printed: Printed) -> tuple[str, ...]:
    while printed.read():  # a long log comes in parts
        pass
    return printed.lines


def stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes whenever a file is written; None where there is none."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def _written(path: Path) -> float | None:
    try:
        return path.lstat().st_mtime
    except OSError:
        return None
