"""What is each candidate in the queue worth, and how far is it?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from agentcore.queue.stacks import besides
from agentcore.queue.verbs import order
from agentcore.state import Candidate, LabState

OPEN = ("NEW", "CONFIRM", "READY", "MERGING", "STALE", "CONFLICT", "HELD", "BLOCKED")
"""States of a candidate that is still in the queue."""


@dataclass(frozen=True)
class QueueRow:
    """One candidate in the queue."""

    experiment: int
    worktree: str
    state: str
    idea: str
    score: float | None
    """Mean of its confirmation runs, or its screening score before there is one."""
    gain: float | None
    z: float | None
    seeds_done: int
    seeds: int
    added: int
    removed: int
    since: float
    reason: str
    base: str = ""
    """The trunk that it was rebased on; empty before."""
    memory_mb: float | None = None
    """Peak of its screening run."""
    wanted: bool = False
    """A person wants it merged once it is READY."""
    pinned: bool = False
    """A person wants its commit kept."""
    forced: bool = False
    """Trunk holds it although its verdict did not pass: a person said so."""
    simpler: bool = False
    """It is here because it removes lines: it must not be worse, and need not be better."""
    besides: str = ""
    """The others, in words, that it is confirmed with as one tree: score, gain and z are then those of all of them."""


def queue_rows(state: LabState, states: tuple[str, ...] = OPEN) -> tuple[QueueRow, ...]:
    """Return the candidates in those states: READY first, each in the order of the queue."""
    chosen = [candidate for candidate in state.candidates.values() if candidate.state in states]
    chosen.sort(key=lambda each: (each.state != "READY", order(each)))
    return tuple(_row_of(state, candidate) for candidate in chosen)


def _row_of(state: LabState, candidate: Candidate) -> QueueRow:
    experiment, verdict = state.experiments[candidate.experiment], candidate.verdict
    pool = state.pools.get(candidate.tree, {})
    done = [seed for seed in candidate.seeds if seed in pool]
    return QueueRow(
        experiment=experiment.number,
        worktree=experiment.worktree,
        state=candidate.state,
        idea=experiment.hypothesis,
        score=fmean(pool[seed] for seed in done) if verdict and done else experiment.score,
        gain=verdict.gain if verdict else experiment.gain,
        z=verdict.z if verdict else experiment.z,
        seeds_done=len(done),
        seeds=len(candidate.seeds) or state.gate.confirm_seeds,
        added=experiment.added,
        removed=experiment.removed,
        since=candidate.since,
        reason=candidate.reason,
        base=candidate.trunk,
        memory_mb=(state.runs[experiment.run].peak_mb or None) if experiment.run is not None else None,
        wanted=state.wanted is not None and candidate.experiment in state.wanted.experiments,
        pinned=candidate.experiment in state.pinned,
        forced=is_forced(state, candidate.experiment),
        simpler=candidate.simpler,
        besides=besides(candidate),
    )


def is_forced(state: LabState, experiment: int) -> bool:
    """Return True where trunk holds an experiment because a person forced it."""
    return any(merge.experiment == experiment and merge.forced and not merge.undone for merge in state.merges)


def best_of_each(queue: Iterable[QueueRow]) -> dict[str, QueueRow]:
    """Return the best candidate of each worktree that trunk does not hold yet; of equal ones the first."""
    best: dict[str, QueueRow] = {}
    for row in queue:
        known = best.get(row.worktree)
        if row.gain is not None and (known is None or row.gain > (known.gain or 0.0)):
            best[row.worktree] = row
    return best
