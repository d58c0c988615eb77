"""What is trunk's number, at the small size and at the larger one?"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from agentcore.queue.judging import is_calibrated
from agentcore.retest.due import compare, doing
from agentcore.state import LabState


@dataclass(frozen=True)
class TrunkSummary:
    """Trunk's number: the mean of its pool, and how far it is from the first trunk."""

    commit: str
    score: float | None
    """None until it is calibrated: the mean of the first few runs is not yet what gains are measured against."""
    runs: int
    baseline: float | None
    gain_percent: float | None
    """Improvement over the baseline in percent of it, positive is better."""


@dataclass(frozen=True)
class RetestSummary:
    """The newest retest: trunk at the larger size against the trunk that was last verified."""

    number: int
    word: str
    """RUNNING; or how it ended: PROVEN, FADED, REVERTED, LEFT and FAILED (a person is told why), DROPPED."""
    text: str
    base: str
    trunk: str
    """The commits that are compared."""
    gain: float | None
    z: float | None
    interval: tuple[float, float] | None
    """Of the tried trunk's gain at the larger size, with its 95 % interval; None before it is known."""
    since: float


@dataclass(frozen=True)
class VerifiedSummary:
    """The last trunk whose gain held at the larger size, and what it is worth there."""

    commit: str
    gain: float | None
    """Of its large runs over those of the first trunk; None where the same seeds were not run under the same budget."""
    interval: tuple[float, float] | None
    """The 95 % confidence interval of that gain."""


def trunk_summary(state: LabState) -> TrunkSummary | None:
    """Return trunk's number; None before there is a trunk."""
    if state.trunk is None or state.config is None:
        return None
    pool, first = state.pools.get(state.trunk.tree), state.pools.get(state.baseline_tree)
    score, baseline = fmean(pool.values()) if pool else None, fmean(first.values()) if first else None
    if calibration(state) is not None:
        return TrunkSummary(state.trunk.commit, None, len(pool or ()), None, None)
    percent = None
    if score is not None and baseline:
        percent = 100 * (baseline - score) / abs(baseline) * (1 if state.config.lower_is_better else -1)
    return TrunkSummary(state.trunk.commit, score, len(pool or ()), baseline, percent)


def calibration(state: LabState) -> tuple[int, int] | None:
    """Return (done, wanted) runs while the first trunk has no number yet."""
    if state.trunk is None or is_calibrated(state) or state.trunk.tree != state.baseline_tree:
        return None
    return len(state.pools.get(state.trunk.tree, ())), state.gate.calibration_runs


def retest_summary(state: LabState) -> RetestSummary | None:
    """Return the newest retest; None before there was any."""
    if not state.retests:
        return None
    retest = state.retests[-1]
    verdict = retest.judged[0].verdict if retest.judged else None
    return RetestSummary(
        number=retest.number,
        word=retest.word or "RUNNING",
        text=retest.reason or doing(state),
        base=retest.steps[0].commit,
        trunk=retest.steps[-1].commit,
        gain=verdict.gain if verdict else None,
        z=verdict.z if verdict else None,
        interval=verdict.interval if verdict else None,
        since=retest.ended or retest.since,
    )


def verified_summary(state: LabState) -> VerifiedSummary | None:
    """Return the last trunk that held at the larger size; None before one has."""
    proven = [each for each in state.retests if each.word == "PROVEN"]
    if not proven:
        return None
    last = proven[-1]
    try:
        verdict, _ = compare(state, state.line[0].tree, last.steps[-1].tree, last.seeds)
    except KeyError:  # another budget or harness since, so that there is nothing to compare
        return VerifiedSummary(last.steps[-1].commit, None, None)
    return VerifiedSummary(last.steps[-1].commit, verdict.gain, verdict.interval)
