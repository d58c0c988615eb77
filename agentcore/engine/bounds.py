"""What keeps an engine within its limits? Looked at before each plan: the limits for it, and the warnings due."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

from agentcore import events as ev
from agentcore.away import limits as away
from agentcore.away.presence import is_watched
from agentcore.engine.ending import exit_reason
from agentcore.engine.gone import gone, topic
from agentcore.engine.lab import Lab
from agentcore.engine.walls import TOPIC
from agentcore.plan import Limits, spent_out
from agentcore.worktree import questions

FREE_AGAIN = 1.1
"""A disk that was too full counts as free from so many times the floor on: no flicker at the edge."""


ROOM = "there is room"

MOVED_S = 30.0
"""A clock that is so far from where it should be was moved."""


class Bounds:
    """The limits of one engine: what it was told, lab.toml's, and what has become of them.

    `steady`: a clock that nobody sets and that stands still while the machine sleeps; None where the lab's time is not
    the machine's.
    """

    def __init__(self, lab: Lab, told: Limits, until: float | None, steady: Callable[[], float] | None = None) -> None:
        limits = lab.project.limits
        self.limits = replace(
            told,
            crashes_in_a_row=limits.crashes_in_a_row,
            usd=limits.usd,
            tokens=limits.tokens,
            proposals_ahead=lab.project.agents.proposals_ahead,
        )
        self.reason = ""
        """Why the lab ends by itself, once it does."""
        self.asked = ""
        """Why a person wants it to end once its runs have."""
        self._unguarded = ""
        """Why nothing may start behind the walls as they are."""
        self._lab = lab
        self._until = until
        self._steady = steady
        self._apart = lab.clock() - steady() if steady else 0.0
        """How far the lab's clock is from the steady one."""

    @property
    def is_bounded(self) -> bool:
        """True where this engine leaves when nothing is left to do; else it waits for what a person does."""
        is_told = self.limits.experiments is not None or self._until is not None
        return is_told or bool(self.reason or self.spent)

    @property
    def is_late(self) -> bool:
        """True after the time until which this engine was to work."""
        return self._until is not None and self._lab.clock() >= self._until

    @property
    def spent(self) -> str:
        """Which limit of money or tokens is reached; nothing more is proposed then, and what there is is worked off."""
        return spent_out(self._lab.state, self.limits)

    def drain(self, reason: str) -> None:
        """Start nothing new from now on, and end when the running trainings have."""
        self.asked = reason

    def look(self) -> None:
        """Find out what holds now, and say once what a person has to know."""
        self._look_at_clock()
        if reached := away.due(self._lab.state, self._lab.clock()):
            self._lab.record(reached)
        for parked in questions.due(self._lab.state, self._lab.clock(), self._lab.project.agents.question_wait_s):
            self._lab.record(parked)
        low = self._look_at_disk()
        self.reason = self.asked or exit_reason(self._lab.state, self._lab.project.limits, self._lab.clock())
        self._look_at_walls()
        stopping = bool(low or self.reason or self.is_late or self._unguarded or away.over(self._lab.state))
        self.limits = replace(self.limits, stopping=stopping)
        self._lab.say("limits", f"{self.reason}; running trainings end, nothing new starts" if self.reason else "")
        more = "nothing more is proposed. Raise [limits] in lab.toml, then nightlab start"
        self._lab.say("money", f"{self.spent}; {more}" if self.spent else "")

    def why(self) -> str:
        """Return the last word of an engine that leaves because nothing is left to do."""
        state = self._lab.state
        if state.trunk and (cause := state.broken(state.trunk.tree)):
            return f"trunk does not train: {cause}"
        return (
            self._unguarded
            or self.reason
            or self.spent
            or state.warnings.get("disk")
            or next((state.warnings[topic(slot)] for slot in sorted(gone(state))), "")
            or "the limits are reached and nothing is left to do"
        )

    def _look_at_clock(self) -> None:
        """Write down that the clock moved, before anything is due by it; a second or two are NTP's."""
        apart = self._lab.clock() - self._steady() if self._steady else self._apart
        if abs(apart - self._apart) >= MOVED_S:
            self._lab.record(ev.ClockMoved(round(apart - self._apart, 1)))
            self._apart = apart

    def _look_at_walls(self) -> None:
        """Start nothing behind walls that fell; nor, behind reduced ones, while nobody watches."""
        lab, self._unguarded = self._lab, ""
        if lab.breach:
            self._unguarded = (
                f"{lab.breach}; nothing new starts. nightlab doctor, then nightlab stop and nightlab start"
            )
        elif lab.walls.needs_person and not is_watched(lab.paths.watchers):
            self._unguarded = f"{lab.walls.banner}; nobody watches, so nothing new starts"
        lab.say(TOPIC, self._unguarded or lab.walls.banner)

    def _look_at_disk(self) -> bool:
        """Start nothing on a full or nearly full disk, and go on when there is room again."""
        if not self._lab.reserve.hold():
            self._lab.say("disk", f"the disk of .lab is full ({self._lab.paths.dot}): nothing new starts until {ROOM}")
            return True
        floor_gb = self._lab.project.limits.disk_floor_gb
        free_gb = shutil.disk_usage(self._lab.paths.dot).free / 1e9
        if free_gb < floor_gb:
            self._lab.say("disk", f"under {floor_gb:g} GB are free on the disk of .lab: no new runs until {ROOM}")
        elif free_gb >= floor_gb * FREE_AGAIN:
            self._lab.say("disk", "")
        return free_gb < floor_gb
