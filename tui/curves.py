"""How does the training that is looked at go, and how did the run of trunk go that it is compared with?

Both are read from the runs' metrics as they grow, in a thread, and only while somebody looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tui.live import stamp
from tui.pace import Pace
from worktrees.metrics import MetricPoint, Tail

PAUSE_S = 1.0
"""Least time between two readings."""

POINTS = 4000
"""Of a longer run every second point is left out, and again: no screen has more columns."""

Points = tuple[MetricPoint, ...]


class Course:
    """The points of one run, as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points: Points = ()
        self._tail = Tail(path)
        self._read: tuple[int, int] | None = None

    @property
    def has_news(self) -> bool:
        """True where the file was written since the last reading."""
        return stamp(self.path) != self._read

    def read(self) -> None:
        """Take in what is new; a training that began again takes the place of the one before."""
        self._read = stamp(self.path)
        while new := self._tail.read():
            restarted = self.points and (new[0].progress or 0.0) < (self.points[-1].progress or 0.0)
            self.points = new if restarted else self.points + new
        while len(self.points) > POINTS:
            self.points = self.points[:-1:2] + self.points[-1:]


class Curves:
    """Keeps the curves of one run and of its rival current while somebody looks at them."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.is_wanted = False
        self._own: Course | None = None
        self._rival: Course | None = None
        self._changed = changed
        self._pace = Pace(PAUSE_S)
        self._is_reading = False

    @property
    def is_current(self) -> bool:
        """True where nobody looks, or what they see is what the files hold."""
        courses = (self._own, self._rival)
        return not self.is_wanted or not (self._is_reading or any(each.has_news for each in courses if each))

    @property
    def own(self) -> Points:
        """The points of the run."""
        return self._own.points if self._own else ()

    @property
    def rival(self) -> Points:
        """The points of trunk's run."""
        return self._rival.points if self._rival else ()

    def follow(self, own: Path | None, rival: Path | None) -> None:
        """Read these files where they were written since the last time; to be called every tick."""
        if own != (self._own.path if self._own else None):
            self._own = Course(own) if own else None
            self._pace.ask()
        if rival != (self._rival.path if self._rival else None):
            self._rival = Course(rival) if rival else None
        if self.is_wanted and any(course.has_news for course in (self._own, self._rival) if course):
            self._pace.hint()

    async def run(self) -> None:
        """Read whenever asked, in a thread, until cancelled."""
        while True:
            await self._pace.turn()
            news = [course for course in (self._own, self._rival) if course and self.is_wanted and course.has_news]
            self._is_reading = bool(news)
            for course in news:
                await asyncio.to_thread(course.read)
            self._is_reading = False
            if news:
                self._changed()
