"""When was a person here last, and what should be told of the time since? Known by the keys that are pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore import format as fmt
from agentcore.away.absence import is_absence
from agentcore.away.presence import forget, last_key, remember, touch, unread

if TYPE_CHECKING:
    from tui.view import View


class Presence:
    """A person at this view, or none."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._touched: float | None = None
        self._absent: tuple[float, float] | None = None
        """When nobody was here last: the report tells of the time since, and `8` draws a line there."""
        self._has_looked = True

    def arrive(self) -> None:
        """Ask when somebody was here last: in this view's time, else by what the last one left, else by away mode."""
        if self._view.follower.observer.label:
            return  # the clock of a recording is nobody's
        away = self._view.scene.state.away
        known = last_key(self._view.paths.watchers)
        self._touched = known if known is not None else away.since if away else None
        if found := unread(self._view.paths.absence):
            self._absent, self._has_looked = found, False
        self._look_back(self._view.clock())

    def touched(self) -> None:
        """Remember when a person was last here; after an absence, what they may want to look at first."""
        view = self._view
        if view.follower.observer.label:
            view.paint()
            return
        now = view.clock()
        self._look_back(now)
        if view.front and view.front.NAME == "report":
            self._has_looked = True
            forget(view.paths.absence)
        self._touched = now
        touch(view.paths.watchers, now)
        view.paint()

    @property
    def left_at(self) -> float | None:
        """When the last absence began that this view knows of, Unix time."""
        return self._absent[0] if self._absent else None

    @property
    def absence(self) -> str:
        """How long nobody was here and which key tells what happened; empty once that was looked at."""
        if self._absent is None or self._has_looked:
            return ""
        since, until = self._absent
        return f"away {fmt.duration(until - since)}: {self._view.look.keys['report']} for the report"

    def _look_back(self, now: float) -> None:
        """Remember the absence that is over now, if there was one."""
        last = self._touched
        if last is not None and is_absence(now - last, self._view.scene.state.away):
            self._absent, self._has_looked = (last, now), False
            remember(self._view.paths.absence, last, now)
