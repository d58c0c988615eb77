"""What have the retests said, one row each: trunk's gain at the small size, and what of it held at the larger?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.queue.judging import correlation, noise
from agentcore.retest.due import doing
from agentcore.retest.speed import percent, words
from agentcore.state import LabState, Retest
from worktrees import statistics
from worktrees.statistics import Verdict


@dataclass(frozen=True)
class Gain:
    """A gain with its error, positive is better."""

    gain: float
    z: float
    interval: tuple[float, float]
    """Of 95 %."""


@dataclass(frozen=True)
class RetestRow:
    """One retest."""

    number: int
    word: str
    """RUNNING; or how it ended: PROVEN, FADED, REVERTED, LEFT, FAILED, DROPPED."""
    base: str
    trunk: str
    """The commits that are compared: the trunk that was last verified then, and the one that was tried."""
    experiments: tuple[int, ...]
    """What was merged between them."""
    scale: int
    seeds: int
    small: Gain | None
    """By the pools of both, over the seeds that both have run; None where the harness is another since, or a pool is
    missing."""
    large: Gain | None
    """The verdict on the tried trunk; None before it."""
    speed: str
    """FASTER, BEYOND, SLOWER, FLAT, FAILED: how measuring the speed-up over the first baseline ended; MEASURING; or
    empty."""
    faster_percent: float | None
    """By how much faster than the first baseline; with BEYOND at least."""
    speed_text: str
    text: str
    """Why it ended so, or what it is at."""
    by: str
    started: float
    ended: float | None


def retest_rows(state: LabState) -> tuple[RetestRow, ...]:
    """Return all retests, oldest first."""
    return tuple(_row(state, each) for each in state.retests)


def _row(state: LabState, retest: Retest) -> RetestRow:
    is_measuring = state.speed_test is not None and state.speed_test.retest == retest.number
    return RetestRow(
        number=retest.number,
        word=retest.word or "RUNNING",
        base=retest.steps[0].commit,
        trunk=retest.steps[-1].commit,
        experiments=tuple(number for step in retest.steps[1:] for number in step.experiments),
        scale=retest.scale,
        seeds=len(retest.seeds),
        small=_small(state, retest),
        large=_gain(retest.judged[0].verdict) if retest.judged else None,
        speed=retest.speed.word if retest.speed else "MEASURING" if is_measuring else "",
        faster_percent=percent(retest.speed) if retest.speed else None,
        speed_text=words(retest.speed, retest.scale) if retest.speed else "",
        text=retest.reason or doing(state),
        by=retest.by,
        started=retest.since,
        ended=retest.ended,
    )


def _small(state: LabState, retest: Retest) -> Gain | None:
    base, trunk = (state.pools.get(step.tree, {}) for step in (retest.steps[0], retest.steps[-1]))
    both, spread = base.keys() & trunk.keys(), noise(state)
    if not both or spread is None or state.config is None:
        return None
    tried = {seed: trunk[seed] for seed in both}
    is_lower = state.config.lower_is_better
    return _gain(statistics.confirm(base, tried, spread, correlation(state), lower_is_better=is_lower, threshold=0.0))


def _gain(verdict: Verdict) -> Gain:
    return Gain(verdict.gain, verdict.z, verdict.interval)
