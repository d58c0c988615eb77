"""How does a training go, and how did trunk's go at the same share of the budget?

Budgets are fixed, so that two runs can be compared while one still trains: what counts is not the step or the second
but how much of the budget is used.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from statistics import fmean

from agentcore.state import LabState, Run
from worktrees.metrics import MetricPoint

Curve = tuple[tuple[float, float], ...]
"""(share of the budget, value), in order of the share."""

SMOOTH = 0.01
"""Share of the budget over which the loss is averaged: single batches would hide the course."""

METRICS: Mapping[str, Callable[[MetricPoint], float | None]] = {
    "loss": lambda point: point.loss,
    "tokens/s": lambda point: point.tokens_per_s,
    "mfu": lambda point: point.mfu,
    "memory": lambda point: point.peak_mb,
}
"""What a training can tell as it goes, by the name that a person reads."""


@dataclass(frozen=True)
class Reading:
    """Where a training is now, and where trunk's was then."""

    share: float
    value: float
    rival: float | None
    """None where trunk's curve does not reach that far, or there is none."""


def measured(points: Sequence[MetricPoint]) -> tuple[str, ...]:
    """Return the names of what the points hold."""
    return tuple(name for name, of in METRICS.items() if any(of(point) is not None for point in points))


def curve(points: Sequence[MetricPoint], metric: str) -> Curve:
    """Return the course of a metric; the loss is smoothed."""
    of = METRICS[metric]
    found: list[tuple[float, float]] = []
    for point in points:
        value = of(point)
        if value is not None and point.progress is not None and (not found or point.progress > found[-1][0]):
            found.append((point.progress, value))
    return _smoothed(found) if metric == "loss" else tuple(found)


def value_at(course: Curve, share: float) -> float | None:
    """Return the value at a share of the budget, between the two points around it; None outside of the course."""
    if not course or not course[0][0] <= share <= course[-1][0]:
        return None
    after = bisect_left(course, (share,))
    if course[after][0] == share:
        return course[after][1]
    (x0, y0), (x1, y1) = course[after - 1], course[after]
    return y0 + (y1 - y0) * (share - x0) / (x1 - x0)


def reading(course: Curve, rival: Curve) -> Reading | None:
    """Return the newest point of `course` and what `rival` had there."""
    if not course:
        return None
    share, value = course[-1]
    return Reading(share, value, value_at(rival, share))


def newest_run(state: LabState, worktree: str) -> int | None:
    """Return the run that a worktree is looked at for: what its slot does now, else its newest experiment's last."""
    own = state.worktrees.get(worktree)
    if own is None:
        return None
    active = next((run.number for run in state.active.values() if run.slot == own.slot), None)
    if active is not None:
        return active
    return next((each.run for each in state.newest if each.worktree == worktree and each.run is not None), None)


def rival(state: LabState, run: int) -> Run | None:
    """Return the run of trunk that `run` is compared with: of its size, and typical, since the best one was lucky."""
    trunk, own = state.trunk, state.runs.get(run)
    if trunk is None or own is None:
        return None
    others = [
        (each.score, each)
        for each in state.runs_of(trunk.tree)
        if each.scale == own.scale and each.harness == own.harness
        if each.number != run and each.ending == "ok" and each.score is not None
    ]
    if not others:
        return None
    middle = fmean(score for score, _ in others)
    return min(others, key=lambda pair: (abs(pair[0] - middle), pair[1].number))[1]


def _smoothed(course: Sequence[tuple[float, float]]) -> Curve:
    """Average exponentially over `SMOOTH` of the budget, without the pull of a start at zero."""
    total = weight = 0.0
    before = course[0][0] if course else 0.0
    result = []
    for share, value in course:
        fade = exp(-(share - before) / SMOOTH)
        total, weight, before = total * fade + value, weight * fade + 1, share
        result.append((share, total / weight))
    return tuple(result)
