"""What else than the score can be looked at over the course of the lab? What its runs took, and its agents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agentcore import format as fmt
from agentcore.results.progress import Progress, course
from agentcore.results.rows import ResultRow


@dataclass(frozen=True)
class Measure:
    """Something that is known of an experiment, one number each."""

    name: str
    value: Callable[[ResultRow], float | None]
    write: Callable[[float], str]
    lower_is_better: bool = True


MEASURES: tuple[Measure, ...] = (
    Measure("training seconds", lambda row: row.train_s or None, lambda value: f"{value:.0f}s"),
    Measure("peak memory", lambda row: row.peak_mb or None, fmt.memory),
    Measure("tokens/s", lambda row: row.tokens_per_s, lambda value: fmt.tokens(round(value)), lower_is_better=False),
    Measure("dollars", lambda row: row.usd or None, fmt.money),
)


def progress_of(rows: Iterable[ResultRow], measure: Measure) -> Progress:
    """Return the course of a measure over the experiments that have a score. `rows`: oldest outcome first."""
    scored = (row for row in rows if row.score is not None)
    points = ((row.experiment, measure.value(row), row.outcome == "keep") for row in scored)
    return course(points, None, measure.lower_is_better)
