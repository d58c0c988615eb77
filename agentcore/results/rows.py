"""What came of each experiment? One row for each that has an outcome, and the orders that a table of them can have.

An outcome is final, so that a row is made once: `follow` looks only at the experiments that had none before. What
becomes of a kept one goes on to change, and stays in the state (`became`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from agentcore import format as fmt
from agentcore.events import Outcome
from agentcore.journal.decided import Decided, look
from agentcore.overview import is_forced
from agentcore.state import Experiment, LabState


@dataclass(frozen=True)
class ResultRow:
    """One experiment with its outcome."""

    experiment: int
    worktree: str
    agent: str
    commit: str
    tree: str
    base: str
    outcome: Outcome
    score: float | None
    gain: float | None
    z: float | None
    reason: str
    hypothesis: str
    run: int | None
    """Its latest screening run; what follows is of that run, None where there was none."""
    train_s: float | None
    evaluate_s: float | None
    peak_mb: float | None
    tokens_per_s: float | None
    usd: float
    tokens: int
    """What its agent spent on it."""
    added: int
    removed: int
    proposed: float
    decided: float


@dataclass(frozen=True)
class Results:
    """The rows in the order of their outcomes, and where to look for the next ones."""

    rows: tuple[ResultRow, ...] = ()
    decided: Decided = Decided()


@dataclass(frozen=True)
class Column:
    """Something that rows can be ordered by, or chosen by."""

    name: str
    title: str
    value: Callable[[ResultRow], float | None]
    rising: bool
    """True where the smallest value comes first; of a score this is meant for a metric where lower is better."""


COLUMNS: tuple[Column, ...] = (
    Column("time", "#", lambda row: row.decided, rising=False),
    Column("score", "VAL", lambda row: row.score, rising=True),
    Column("gain", "GAIN", lambda row: row.gain, rising=False),
    Column("sigma", "σ", lambda row: row.z, rising=False),
    Column("memory", "MEM", lambda row: row.peak_mb / 1024 if row.peak_mb else None, rising=False),
    Column("minutes", "MIN", lambda row: run_s(row) / 60 if run_s(row) else None, rising=False),
    Column("lines", "±LINES", lambda row: row.added - row.removed, rising=True),
)
"""In the order that `o` goes through; in units that a person would type: memory in GiB, time in minutes."""


def follow(results: Results, state: LabState) -> Results:
    """Return the results with what `state` has decided since; the same object where that is nothing."""
    decided, new = look(results.decided, state)
    if decided is results.decided:
        return results
    return Results((*results.rows, *(_row(state, each) for each in new)), decided)


def results(state: LabState) -> tuple[ResultRow, ...]:
    """Return every row, oldest outcome first."""
    return follow(Results(), state).rows


def column(name: str) -> Column:
    """Return the column of that name."""
    return next(each for each in COLUMNS if each.name == name)


def ordered(
    rows: Iterable[ResultRow], by: Column, *, lower_is_better: bool = True, reverse: bool = False
) -> list[ResultRow]:
    """Return the rows by a column, what is most worth reading first; those without a value are always last.

    Equal ones stand newest first.
    """
    newest = sorted(rows, key=lambda row: (row.decided, row.experiment), reverse=True)
    with_value = [row for row in newest if by.value(row) is not None]
    with_value.sort(key=lambda row: by.value(row) or 0.0, reverse=is_rising(by, lower_is_better) == reverse)
    return [*with_value, *(row for row in newest if by.value(row) is None)]


def is_rising(by: Column, lower_is_better: bool) -> bool:
    """Return True where the smallest value comes first."""
    return by.rising == (lower_is_better or by.name != "score")


def run_s(row: ResultRow) -> float:
    """Return the seconds that its run took."""
    return (row.train_s or 0.0) + (row.evaluate_s or 0.0)


def as_object(row: ResultRow, state: LabState) -> Mapping[str, Any]:
    """Return a row for programs, with the state of its candidate."""
    candidate = state.candidates.get(row.experiment)
    return {**asdict(row), "candidate": candidate.state if candidate else None}


def became(state: LabState, experiment: int) -> str:
    """Return what a kept experiment became in the queue, and by which numbers; empty where it never came there."""
    candidate = state.candidates.get(experiment)
    if candidate is None:
        return ""
    words = f"{candidate.state} in the queue"
    if is_forced(state, experiment):
        words = f"{candidate.state}, forced by a person"
    if verdict := candidate.verdict:
        error, seeds = fmt.score(verdict.standard_error), fmt.count(len(verdict.seeds), "fresh seed")
        sigmas = f" ({fmt.sigmas(verdict.z)}σ)" if verdict.standard_error else ""
        words += f": gain {fmt.gain(verdict.gain)} ±{error}{sigmas} by {seeds}"
    return words + (f"; {candidate.reason}" if candidate.reason else "")


def _row(state: LabState, experiment: Experiment) -> ResultRow:
    assert experiment.outcome is not None and experiment.decided is not None
    run = state.runs[experiment.run] if experiment.run is not None else None
    return ResultRow(
        experiment=experiment.number,
        worktree=experiment.worktree,
        agent=experiment.agent,
        commit=experiment.commit,
        tree=experiment.tree,
        base=experiment.base,
        outcome=experiment.outcome,
        score=experiment.score,
        gain=experiment.gain,
        z=experiment.z,
        reason=experiment.reason,
        hypothesis=experiment.hypothesis,
        run=experiment.run,
        train_s=run.train_s if run else None,
        evaluate_s=run.evaluate_s if run else None,
        peak_mb=run.peak_mb if run else None,
        tokens_per_s=run.tokens_per_s if run else None,
        usd=experiment.spent.usd,
        tokens=experiment.spent.usage.tokens,
        added=experiment.added,
        removed=experiment.removed,
        proposed=experiment.proposed,
        decided=experiment.decided,
    )
