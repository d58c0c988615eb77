"""What is known of trunk at the larger size?"""

from __future__ import annotations

from dataclasses import dataclass, field

from immutables import Map

from agentcore import events as ev
from agentcore.events import RetestEnding, Step


@dataclass(frozen=True)
class Retest:
    """Trunk tried at the larger size against the trunk that was last verified."""

    number: int
    steps: tuple[Step, ...]
    """The verified trunk, and every trunk since; the last one is tried."""
    seeds: tuple[int, ...]
    scale: int
    by: str
    since: float
    judged: tuple[ev.RetestJudged, ...] = ()
    """The tried trunk first, then what bisection asked for."""
    prepared: ev.RevertPrepared | None = None
    """Trunk without what was found to be worse, while that is tried at the small size."""
    word: RetestEnding | None = None
    """How it ended; None while it is open."""
    reason: str = ""
    ended: float | None = None
    speed: ev.SpeedMeasured | None = None
    """What came of measuring the proven trunk's speed-up; None while that goes on, or where it was not asked for."""
    harness: str = ""
    """Of its runs, see `LabState.large_harness`."""
    ended_by: str = "engine"


@dataclass(frozen=True)
class SpeedTest:
    """The verified trunk trained with smaller budgets, until its speed-up over the first baseline is known."""

    retest: int
    trunk: Step
    seeds: tuple[int, ...]
    tried: tuple[float, ...] = ()
    """Fractions of the budget, in the order in which they were tried."""
    scores: Map[tuple[float, int], float] = field(default_factory=Map)
    """{(fraction, seed): score}."""
    failed: tuple[str, ...] = ()
    """Why its runs failed, since the last that went well."""
