"""Time to the baseline's score: exact where nothing is random, within its interval where something is."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worktrees.speed import (
    LEAST,
    MOST,
    NEAREST,
    Evidence,
    Mean,
    SpeedUp,
    at_least_percent,
    faster_percent,
    next_fraction,
    part_of,
    speed_up,
)
from worktrees.statistics import Noise, pooled_noise

TINY = Noise(1e-9, 10)


def measured(evidence: Evidence, score: dict[str, float], slope: float | None = None) -> Evidence:
    """Try what is asked for, without noise: a + b ln(1/f)."""
    while (fraction := next_fraction(evidence, slope)) is not None:
        mean = Mean(score["a"] + score["b"] * math.log(1 / fraction), evidence.better.runs)
        evidence = Evidence(
            evidence.baseline, evidence.better, (*evidence.tried, (fraction, mean)), evidence.noise,
            evidence.lower_is_better,
        )  # fmt: skip
    return evidence


def law(gain: float, b: float, *, lower: bool = True, noise: Noise = TINY) -> tuple[Evidence, dict[str, float]]:
    """Return a baseline at 1.0 and a model that is better by `gain`, whose score loses b by an e-fold."""
    sign = 1 if lower else -1
    a = 1.0 - sign * gain
    return Evidence(Mean(1.0, 1), Mean(a, 1), (), noise, lower), {"a": a, "b": sign * b}


@settings(max_examples=60, deadline=None)
@given(fraction=st.floats(LEAST + 1e-6, 0.999), b=st.floats(0.01, 2.0), lower=st.booleans())
def test_a_law_without_noise_is_found_exactly(fraction: float, b: float, lower: bool) -> None:
    """Whatever the slope, the gain and the metric's direction, with at most two budgets beside the whole."""
    evidence = measured(*law(b * math.log(1 / fraction), b, lower=lower))
    found = speed_up(evidence)
    assert ("FASTER", pytest.approx(fraction, rel=1e-4), pytest.approx(b, rel=1e-4)) == (
        found.word,
        found.fraction,
        found.slope,
    )
    assert len(evidence.tried) <= MOST


def test_a_slope_that_is_known_needs_one_budget() -> None:
    """The first guess meets the baseline's score, so that nothing is corrected."""
    evidence = measured(*law(0.02, 0.1), slope=0.1)
    assert [pytest.approx(math.exp(-0.2), abs=1e-4)] == [fraction for fraction, _ in evidence.tried]


def test_a_wrong_guess_is_corrected_once() -> None:
    """By the slope that the first one showed: the second meets the baseline."""
    evidence = measured(*law(0.06, 0.2))
    assert (2, pytest.approx(1.0, abs=1e-4)) == (len(evidence.tried), evidence.tried[-1][1].score)


def test_the_published_number_comes_out_of_its_own_runs() -> None:
    """2.02 h to 1.80 h is 12 % faster, and 11 % less time."""
    assert pytest.approx(12.2, abs=0.1) == faster_percent(1.80 / 2.02)


def test_at_little_noise_the_interval_is_that_of_the_delta_method() -> None:
    """At the tried budget the score is the baseline's: 1.96 used sigmas times sqrt(2) through the slope, in ln f."""
    evidence = Evidence(Mean(1.0, 1), Mean(0.98, 1), ((0.8, Mean(1.0, 1)),), Noise(0.0002, 50), True)
    half = 1.96 * 0.0002 * 1.1 * math.sqrt(2) / (0.02 / math.log(1.25))
    low, high = speed_up(evidence).interval or (0.0, 0.0)
    middle = (low + high) / 2
    assert (pytest.approx(2 * half, rel=0.01), pytest.approx(0.8, rel=0.01)) == (math.log(high / low), middle)


def test_much_noise_makes_the_interval_longer_than_that() -> None:
    """By hand: D = G = 3, used sigma 1 / 1.96, so t of t^2 (9 - 2) - 2 t (9 - 1) + (9 - 2) = 0: 0.596 and 1.680."""
    noise = Noise(1 / 1.96 / (1 + 1 / math.sqrt(100)), 50)
    evidence = Evidence(Mean(10.0, 1), Mean(7.0, 1), ((0.8, Mean(10.0, 1)),), noise, True)
    ends = tuple(0.8 ** ((8 + sign * math.sqrt(15)) / 7) for sign in (1, -1))
    assert pytest.approx(ends) == speed_up(evidence).interval


def test_nothing_is_tried_where_the_whole_budget_is_no_better() -> None:
    """Then no smaller one can be."""
    evidence, _ = law(-0.01, 0.1)
    assert (None, SpeedUp("SLOWER")) == (next_fraction(evidence), speed_up(evidence))


def test_a_budget_that_costs_nothing_gives_no_number() -> None:
    """Where the slope is not positive beyond the noise, twice as far is tried, and then it is said."""
    evidence = measured(*law(0.02, -0.001))
    assert ("FLAT", 2) == (speed_up(evidence).word, len(evidence.tried))
    assert evidence.tried[1][0] == pytest.approx(max(LEAST, evidence.tried[0][0] ** 2))


def test_what_lies_beyond_the_secant_is_told_by_its_least() -> None:
    """Far beyond: at least 150 %; so near that the interval reaches back: what that leaves."""
    evidence = measured(*law(2.0, 0.5))
    found = speed_up(evidence)
    assert found.interval is not None
    assert ("BEYOND", None, [LEAST]) == (found.word, found.fraction, [fraction for fraction, _ in evidence.tried])
    assert (150.0, 100.0) == (pytest.approx(at_least_percent(found.interval[1])), at_least_percent(0.5))


@settings(max_examples=60, deadline=None)
@given(gain=st.floats(-1, 3), tried=st.lists(st.tuples(st.floats(LEAST, NEAREST), st.floats(-1, 3)), max_size=2))
def test_no_budget_outside_of_what_is_believed_is_tried(gain: float, tried: list[tuple[float, float]]) -> None:
    """Whatever the runs said, and never a third one."""
    points = tuple((fraction, Mean(1.0 - each, 1)) for fraction, each in tried)
    fraction = next_fraction(Evidence(Mean(1.0, 1), Mean(1.0 - gain, 1), points, Noise(0.01, 5), True))
    assert fraction is None or (LEAST <= fraction <= NEAREST and len(tried) < MOST)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    """400 measurements with noise, σ estimated from eight degrees of freedom and taken as everywhere: 90 to 99 %."""
    drawn, sigma, b, truth, hits = random.Random(7), 0.005, 0.15, 0.75, 0
    gain = b * math.log(1 / truth)

    def mean(at: float, runs: int = 2) -> Mean:
        return Mean(at + drawn.gauss(0, sigma / math.sqrt(runs)), runs)

    for _ in range(400):
        noise = pooled_noise([{seed: drawn.gauss(0, sigma) for seed in range(3)} for _ in range(4)])
        assert noise is not None
        evidence = Evidence(mean(1.0), mean(1.0 - gain), (), noise, True)
        while (fraction := next_fraction(evidence)) is not None:
            tried = (*evidence.tried, (fraction, mean(1.0 - gain + b * math.log(1 / fraction))))
            evidence = Evidence(evidence.baseline, evidence.better, tried, noise, True)
        low, high = speed_up(evidence).interval or (2.0, 2.0)
        hits += low <= truth <= high
    assert 0.90 <= hits / 400 <= 0.99, hits


@pytest.mark.parametrize(
    ("budget", "part"), [("4800 GFLOP", "4133.76 GFLOP"), ("2400 s", "2066.88 s"), ("1000000 s", "861200 s")]
)
def test_a_part_of_a_budget_keeps_its_unit(budget: str, part: str) -> None:
    """As a project reads it: a number, a space, a unit; the whole stays as it is written."""
    assert (part, budget) == (part_of(budget, 0.8612), part_of(budget, 1.0))


def test_a_budget_without_a_number_has_no_part() -> None:
    """It is said which."""
    with pytest.raises(ValueError, match="'a night'"):
        part_of("a night", 0.5)
