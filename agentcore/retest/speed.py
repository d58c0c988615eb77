"""How much faster than the first baseline does the verified trunk get to its score? Pure, as due.py is.

After a retest that proved trunk it is trained at the larger size with smaller budgets and that retest's seeds, until it
is known with how much less training it scores as the baseline does with the whole budget (worktrees/speed.py has the
formulas). Its runs enter no pool: they belong to this one question, and are forgotten with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from agentcore import events as ev
from agentcore.queue.judging import is_calibrated
from agentcore.retest.due import large_noise
from agentcore.state import LabState, Retest, SpeedTest
from worktrees.runs import Purpose
from worktrees.speed import (
    LEAST,
    Evidence,
    Mean,
    at_least_percent,
    faster_percent,
    next_fraction,
    part_of,
    speed_up,
)


@dataclass(frozen=True)
class SpeedSummary:
    """The speed-up of the verified trunk, as far as it is known."""

    word: str
    """RUNNING before there is one; FASTER, with a number; BEYOND, of which only the least is known; SLOWER, no faster;
    FLAT, a smaller budget cost less than the noise; FAILED, its runs crashed."""
    text: str
    """One sentence."""
    retest: int
    trunk: str
    baseline: str
    scale: int
    percent: float | None = None
    """By how much faster; with BEYOND at least."""
    interval: tuple[float, float] | None = None
    """The 95 % confidence interval of that, where it is FASTER."""
    is_open: bool = False
    """True where that interval's upper end is only where the measurement ends."""
    fraction: float | None = None
    """Of the retest's budget, that the trunk needs."""


def next_event(state: LabState) -> ev.SpeedMeasured | None:
    """Return the measurement that is to be recorded now: once nothing more would change it, or its runs fail."""
    test = state.speed_test
    if test is None or not is_calibrated(state):
        return None
    if reason := _failure(state, test):
        return _measured(state, test, "FAILED", reason)
    evidence = _evidence(state, test)
    if evidence is None or fraction(state) is not None:
        return None
    found = speed_up(evidence)
    low, high = found.interval or (None, None)
    parts = [f"{evidence.gain(evidence.better):+.4f} with the whole budget"]
    parts += [f"{evidence.gain(mean):+.4f} with {part:.1%} of it" for part, mean in evidence.tried]
    reason = f"gain over the baseline {', '.join(parts)}; {large_noise(state)[1]}"
    return _measured(state, test, found.word, reason, found.fraction, low, high, found.slope)


def fraction(state: LabState) -> float | None:
    """Return the fraction of the budget that is being tried, or is to be tried now; None where none is."""
    test = state.speed_test
    if test is None or not is_calibrated(state):
        return None
    if test.tried and _lacking(test, test.tried[-1]):
        return test.tried[-1]
    evidence = _evidence(state, test)
    slopes = (each.speed.slope for each in reversed(state.retests) if each.speed and each.speed.slope)
    return next_fraction(evidence, next(slopes, None)) if evidence else None


def runs(state: LabState) -> Iterator[tuple[Purpose, str, str, int]]:
    """Yield the runs of the larger size that the measurement lacks: (purpose, commit, tree, seed)."""
    test = state.speed_test
    if test is None or _failure(state, test):
        return
    whole = [
        (side, seed)
        for seed in test.seeds
        for side in (_baseline(state), (test.trunk.commit, test.trunk.tree))
        if seed not in state.large.get(side[1], {})
    ]
    for (commit, tree), seed in whole:
        yield "retest", commit, tree, seed
    part = None if whole else fraction(state)
    for seed in _lacking(test, part) if part else ():
        yield "speed", test.trunk.commit, test.trunk.tree, seed


def words(measured: ev.SpeedMeasured, scale: int) -> str:
    """Return a measurement as a sentence, without its evidence."""
    where = f"the baseline at {scale} times the size"
    if measured.word == "FASTER" and measured.fraction and measured.low and measured.high:
        low, high = faster_percent(measured.high), faster_percent(measured.low)
        more = " or more" if measured.low <= LEAST else ""
        return f"{faster_percent(measured.fraction):.0f}% faster than {where} ({low:.0f} to {high:.0f}%{more})"
    if measured.word == "BEYOND" and measured.high:
        return f"at least {at_least_percent(measured.high):.0f}% faster than {where}"
    if measured.word == "SLOWER":
        return f"no faster than {where}"
    if measured.word == "FLAT":
        return f"no speed-up over {where} can be told: a smaller budget cost less than the noise"
    return f"no speed-up over {where} could be measured: {measured.reason}"


def percent(measured: ev.SpeedMeasured) -> float | None:
    """Return by how many percent trunk is faster, where it is BEYOND by how many at least; None without a number."""
    if measured.word == "BEYOND" and measured.high:
        return at_least_percent(measured.high)
    return faster_percent(measured.fraction) if measured.fraction else None


def summary(state: LabState) -> SpeedSummary | None:
    """Return the newest speed-up of a trunk that today's trunk stands on, measured under today's settings."""
    held, test = {step.commit for step in state.line}, state.speed_test
    known = [each for each in state.retests if each.speed and each.harness == state.large_harness]
    known = [each for each in known if each.steps[-1].commit in held]
    if known:
        return _told(known[-1])
    if test is None:
        return None
    part = f"{test.tried[-1]:.1%} of the budget" if test.tried else "a smaller budget"
    text, scale = f"is measured: it is trained at the larger size with {part}", state.retest_settings.scale
    return SpeedSummary("RUNNING", text, test.retest, test.trunk.commit, _baseline(state)[0], scale)


def _told(retest: Retest) -> SpeedSummary:
    measured = retest.speed
    assert measured is not None, "summary has looked"
    interval = None
    if measured.fraction and measured.low and measured.high:
        interval = faster_percent(measured.high), faster_percent(measured.low)
    return SpeedSummary(
        word=measured.word,
        text=words(measured, retest.scale),
        retest=retest.number,
        trunk=measured.trunk,
        baseline=measured.baseline,
        scale=retest.scale,
        percent=percent(measured),
        interval=interval,
        is_open=measured.low is not None and measured.low <= LEAST,
        fraction=measured.fraction,
    )


def _measured(
    state: LabState,
    test: SpeedTest,
    word: ev.SpeedWord,
    reason: str,
    part: float | None = None,
    low: float | None = None,
    high: float | None = None,
    slope: float | None = None,
) -> ev.SpeedMeasured:
    numbers = sorted(
        run.number
        for run in state.runs_of(test.trunk.tree)
        if run.purpose == "speed" and run.harness == state.large_harness
        if run.score is not None and run.fraction in test.tried
    )
    baseline = _baseline(state)[0]
    return ev.SpeedMeasured(
        test.retest, baseline, test.trunk.commit, word, part, low, high, slope, tuple(numbers), reason
    )


def _evidence(state: LabState, test: SpeedTest) -> Evidence | None:
    """Return what is known; None while runs with the whole budget are lacking."""
    assert state.config is not None, "a retest has ended"
    sides = [state.large.get(tree, {}) for tree in (_baseline(state)[1], test.trunk.tree)]
    if any(seed not in side for seed in test.seeds for side in sides):
        return None
    baseline, trunk = (Mean(fmean(side[seed] for seed in test.seeds), len(test.seeds)) for side in sides)
    tried = tuple(
        (part, Mean(fmean(test.scores[part, seed] for seed in test.seeds), len(test.seeds)))
        for part in test.tried
        if not _lacking(test, part)
    )
    return Evidence(baseline, trunk, tried, large_noise(state)[0], state.config.lower_is_better)


def _lacking(test: SpeedTest, part: float) -> list[int]:
    return [seed for seed in test.seeds if (part, seed) not in test.scores]


def _baseline(state: LabState) -> tuple[str, str]:
    """Return commit and tree of the first baseline, which is trunk as it was when the harness last changed."""
    tree = state.baseline_tree
    on_line = (step.commit for step in state.line if step.tree == tree)
    commit = next(on_line, None) or state.runs_of(tree)[0].commit
    return commit, tree


def _failure(state: LabState, test: SpeedTest) -> str:
    """Return why this cannot be measured, or an empty string."""
    try:
        part_of(state.retest_settings.budget, LEAST)
    except ValueError as error:
        return str(error)
    if len(test.failed) >= 2:
        return f"two runs with less of the budget failed, the last {test.failed[-1]}"
    reasons = state.large_failed.get(_baseline(state)[1], ())
    return f"two runs of the baseline failed, the last {reasons[-1]}" if len(reasons) >= 2 else ""
