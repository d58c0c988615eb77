"""What is in trunk, or was, and what did the larger size say of it? One row for each merge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from agentcore import format as fmt
from agentcore.events import Step
from agentcore.overview import is_forced
from agentcore.queue.stacks import besides
from agentcore.retest import due as retest
from agentcore.retest.verdicts import Gain
from agentcore.state import LabState, Merge, Retest


@dataclass(frozen=True)
class MergedRow:
    """One candidate that trunk holds or held."""

    experiment: int
    worktree: str
    state: str
    """MERGED, PROVEN, FADED, REVERTED; READY and the like where its merge was undone."""
    idea: str
    score: float | None
    """Mean of its confirmation runs, under today's harness."""
    gain: float | None
    z: float | None
    """By which it was merged."""
    at: float
    by: str
    trunk: str
    """The commit that it made trunk."""
    large: Gain | None
    """Of the trunk that its retest tried, which may hold other merges too; None before a verdict."""
    retest: str
    """What the retest has said, or when it will."""
    forced: bool
    simpler: bool
    pinned: bool
    besides: str
    """The others that landed with it, as one stack: the verdict is of all of them."""


def merged_rows(state: LabState) -> tuple[MergedRow, ...]:
    """Return the newest merge of each candidate that is in trunk or was reverted, newest first."""
    last = {merge.experiment: merge for merge in state.merges}
    tried = {number: each for each in state.retests for step in each.steps[1:] for number in step.experiments}
    left = retest.merges_left(state)
    rows = (
        _row(state, merge, tried, left)
        for number, merge in last.items()
        if state.candidates[number].state in ("MERGED", "PROVEN", "FADED", "REVERTED")
    )
    return tuple(sorted(rows, key=lambda row: -row.at))


def _row(state: LabState, merge: Merge, tried: Mapping[int, Retest], left: int | None) -> MergedRow:
    number = merge.experiment
    candidate, experiment = state.candidates[number], state.experiments[number]
    verdict = merge.verdict or candidate.verdict
    pool = state.pools.get(candidate.tree, {})
    scores = [pool[seed] for seed in candidate.seeds if seed in pool]
    own = tried.get(number)
    judged = own.judged[0].verdict if own and own.judged else None
    return MergedRow(
        experiment=number,
        worktree=experiment.worktree,
        state=candidate.state,
        idea=experiment.hypothesis,
        score=fmean(scores) if scores else None,
        gain=verdict.gain if verdict else None,
        z=verdict.z if verdict and verdict.standard_error else None,
        at=merge.at,
        by=merge.by,
        trunk=merge.new,
        large=Gain(judged.gain, judged.z, judged.interval) if judged else None,
        retest=_retest(state, number, own, left),
        forced=is_forced(state, number),
        simpler=candidate.simpler,
        pinned=number in state.pinned,
        besides=besides(candidate),
    )


def _retest(state: LabState, number: int, own: Retest | None, left: int | None) -> str:
    candidate = state.candidates[number]
    if candidate.state == "REVERTED" and (own is None or own.word != "REVERTED"):
        return candidate.reason or "taken back"
    if own is None or own.word == "DROPPED":
        if not state.retest_settings.budget:
            return "no larger size"
        if left is None:
            return "no retest by itself: t"
        return f"retest after {fmt.count(left, 'more merge')}" if left else "retest comes next"
    if own.word is None:
        return f"x{own.scale}: " + ("its cause is looked for" if own.judged else "running")
    if not own.judged:
        return f"x{own.scale}: {own.reason}"
    verdict = own.judged[0].verdict
    meaning = {"PROVEN": "holds", "FADED": "noise", "REVERTED": "worse"}.get(candidate.state, "no single cause found")
    return f"x{own.scale}: {fmt.gain(verdict.gain)} ({fmt.sigmas(verdict.z)}σ), {meaning}"


@dataclass(frozen=True)
class TrunkStep:
    """One trunk in the line from the first to today's."""

    commit: str
    words: str
    """What it brought."""
    score: float | None


def history(state: LabState) -> tuple[TrunkStep, ...]:
    """Return trunk's line, newest first."""
    line = [
        TrunkStep(each.commit, _brought(state, each, at), _score(state, each)) for at, each in enumerate(state.line)
    ]
    return tuple(reversed(line))


def _brought(state: LabState, step: Step, place: int) -> str:
    if step.experiments:
        return ", ".join(f"#{number} {state.experiments[number].hypothesis}" for number in step.experiments)
    return "baseline" if place == 0 else "moved by hand"


def _score(state: LabState, step: Step) -> float | None:
    pool = state.pools.get(step.tree)
    return fmean(pool.values()) if pool else None
