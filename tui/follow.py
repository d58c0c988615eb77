"""What does the view know right now?

A scene is everything that the screens paint: the lab's state, the overview, what was measured, and the short history of
the devices. It is made here, without a terminal, at most as often as something changed and once a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from agentcore.journal.rows import JournalError
from agentcore.overview import Live, Overview, WorktreeRow, overview
from agentcore.overview.observer import Observer
from agentcore.results import progress
from agentcore.results.progress import Progress
from agentcore.state import LabState
from tui.story import Told, tell
from worktrees.devices import DeviceSample

HISTORY = 60
"""Device samples kept for the history pane: one a second."""


@dataclass(frozen=True)
class Scene:
    """Everything that the screens paint, at one moment."""

    now: float
    state: LabState
    overview: Overview
    live: Live
    progress: Progress
    told: tuple[Told, ...]
    """The events in words, newest first."""
    history: Mapping[str, tuple[DeviceSample, ...]] = field(default_factory=dict)
    """Device samples by slot, oldest first."""
    trouble: str = ""
    """Why the lab cannot be read just now; empty when it can."""

    def row(self, worktree: str) -> WorktreeRow | None:
        """Return the row of `worktree`."""
        return next((row for row in self.overview.rows if row.worktree == worktree), None)

    @property
    def last_sign(self) -> float | None:
        """When the engine was last known to work, where it no longer runs; None while it runs or never did."""
        engine = self.state.engine
        return None if self.live.engine_alive or engine is None else self.state.at


class Follower:
    """Keeps the newest scene of one lab."""

    def __init__(self, observer: Observer, now: float, refresh_s: float = 1.0) -> None:
        self.observer = observer
        self._refresh_s = refresh_s
        self._history: dict[str, deque[DeviceSample]] = {}
        self._told: deque[Told] = deque(maxlen=500)
        self._told_seq = 0
        empty = LabState()
        self.scene = Scene(now, empty, overview(empty, Live(), now), Live(), Progress(), ())
        self._due = now

    def poll(self, now: float) -> bool:
        """Read what is new; True where there is another scene than before."""
        trouble = ""
        try:
            changed = self.observer.refresh()
        except JournalError as error:
            changed, trouble = False, str(error)
        if not changed and trouble == self.scene.trouble and self._due - self._refresh_s <= now < self._due:
            return False
        self._due = now + self._refresh_s
        self.scene = self._look(now, trouble)
        return True

    def _look(self, now: float, trouble: str) -> Scene:
        state = self.observer.state
        try:
            live = self.observer.live()
        except (msgspec.DecodeError, OSError) as error:
            live, trouble = self.scene.live, trouble or f"cannot read the lab's files: {error}"
        same = state is self.scene.state
        if not same:
            self._tell(state)
        return Scene(
            now=now,
            state=state,
            overview=self._overview(state, live, now),
            live=live,
            progress=progress.follow(self.scene.progress, state),
            told=self.scene.told if same else tuple(self._told),
            history=self._remember(live),
            trouble=trouble,
        )

    def _overview(self, state: LabState, live: Live, now: float) -> Overview:
        seen, label = overview(state, live, now), self.observer.label
        return replace(seen, name=f"{label} {seen.name}".rstrip()) if label else seen

    def _tell(self, state: LabState) -> None:
        for entry in state.recent:
            if entry.seq > self._told_seq and (told := tell(entry, state)):
                self._told.appendleft(told)
        self._told_seq = state.seq

    def _remember(self, live: Live) -> Mapping[str, tuple[DeviceSample, ...]]:
        for slot, sample in live.devices.items():
            self._history.setdefault(slot, deque(maxlen=HISTORY)).append(sample)
        return {slot: tuple(samples) for slot, samples in self._history.items()}
