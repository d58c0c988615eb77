"""How did the lab get to where it is? Every scored experiment in order, and the best that was kept so far.

The shape of autoresearch's progress plot: kept and dropped scores over the number of experiments, and a step line
along the best. The line follows *screening* scores, which flatter (a kept score was lucky or good); trunk's own number
is the mean of its pool and stands in the title.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, quantiles

from agentcore.journal.decided import Decided, look
from agentcore.state import Experiment, LabState


@dataclass(frozen=True)
class Point:
    """One scored experiment, and the best kept score when it was decided."""

    experiment: int
    score: float
    kept: bool
    best: float


@dataclass(frozen=True)
class Progress:
    """The points in order of their decision, and the range of scores that is worth looking at."""

    points: tuple[Point, ...] = ()
    baseline: float | None = None
    """Mean of the first trunk's pool; where the best line begins."""
    low: float = 0.0
    high: float = 1.0
    """Numerically; scores outside are drawn at the edge, so that one broken run does not flatten all others."""
    lower_is_better: bool = True
    decided: Decided = Decided()
    """How far a lab was looked at for it."""

    @cached_property
    def kept(self) -> int:
        """How many were kept."""
        return sum(point.kept for point in self.points)

    @property
    def best(self) -> float | None:
        """The best kept score, the baseline before there is one."""
        return self.points[-1].best if self.points else self.baseline


def progress(state: LabState) -> Progress:
    """Return the course of the lab. Experiments without a score (crashed, invalid, not decided) have no point."""
    return follow(Progress(), state)


def kept_ideas(state: LabState) -> dict[int, str]:
    """Return {experiment: its hypothesis} of those that were kept: what stands beside their dots in a picture."""
    return {each.number: each.hypothesis for each in state.experiments.values() if each.outcome == "keep"}


def follow(before: Progress, state: LabState) -> Progress:
    """Return the course with what `state` has decided since; the same object where that is nothing.

    It begins anew with another baseline, from which every best follows, and where a clock went back.
    """
    lower = state.config.lower_is_better if state.config else True
    pool = state.pools.get(state.baseline_tree, {})
    baseline = fmean(pool.values()) if pool else None
    points, (decided, new) = before.points, look(before.decided, state)
    is_same = (baseline, lower) == (before.baseline, before.lower_is_better)
    if is_same and decided is before.decided:
        return before
    if not is_same or (points and new and _decided(new[0]) < _decided(state.experiments[points[-1].experiment])):
        points, (decided, new) = (), look(Decided(), state)
    known = ((each.number, each.score, each.outcome == "keep") for each in new)
    return replace(course(known, baseline, lower, points), decided=decided)


def _decided(experiment: Experiment) -> tuple[float, int]:
    return experiment.decided or 0.0, experiment.number


def course(
    known: Iterable[tuple[int, float | None, bool]],
    baseline: float | None,
    lower: bool,
    before: tuple[Point, ...] = (),
) -> Progress:
    """Return the course of (experiment, value, was it kept), which goes on from the points `before`."""
    better = min if lower else max
    best, points = before[-1].best if before else baseline, list(before)
    for number, value, kept in known:
        if value is None:
            continue
        if best is None:
            best = value
        elif kept:
            best = better(best, value)
        points.append(Point(number, value, kept, best))
    low, high = _range(points, baseline, lower)
    return Progress(tuple(points), baseline, low, high, lower)


def _range(points: list[Point], baseline: float | None, lower: bool) -> tuple[float, float]:
    """Return the range that holds the whole best line and at least three quarters of the scores."""
    held = [point.best for point in (*points[:1], *points[-1:])]  # the best never gets worse
    held += [] if baseline is None else [baseline]
    if not held:
        return 0.0, 1.0
    low, high = min(held), max(held)
    if len(points) >= 2:
        first, _, third = quantiles([point.score for point in points], n=4, method="inclusive")
        low, high = (low, max(high, third)) if lower else (min(low, first), high)
    if low == high:
        low, high = low - 0.001, high + 0.001
    margin = 0.04 * (high - low)
    return low - margin, high + margin
