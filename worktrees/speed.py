"""How much less training does a better model need for the score of the first one?

Time to a baseline's quality: a better model is trained again with a smaller budget, until its score is the baseline's.
Over the logarithm of the budget a score is nearly a straight line, so the budget where it meets the baseline is found
on the secant between the whole budget and one that comes close: at most a factor 2.5, while scaling laws are fitted
over decades. With gains over the baseline G (whole budget) and y (the tried one, at x = ln f), D = G - y what the
smaller budget costs, and B, F, T the means of the baseline, of the tried budget, of the whole:

    ln f* = x G / D         slope = D / -x
    interval: every t = G / D with (G - t D)^2 <= (1.96 sigma_used)^2 (1/n_B + t^2/n_F + (1 - t)^2/n_T), as x t

That interval is Fieller's (1954) for a ratio of two means. At little noise it is the delta method's; where the slope is
not known well that one is too short: it held the truth in 70 to 85 of 100 simulated measurements. Where the tried
budget meets the baseline t is 1: then the better model's runs at the whole budget, by which it was chosen, drop out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from worktrees.statistics import Noise

LEAST, WHOLE = 0.4, 1.0
"""Fractions of the budget within which a secant is believed."""
NEAREST = 0.9
"""The largest fraction that is tried: nearer to the whole a budget costs less than the noise, and shows no slope."""
MOST = 2
"""Budgets that are tried beside the whole one."""
DEFAULT_SLOPE = 0.1
"""What a score loses by an e-fold less training, as a share of it, before that was measured; only the first guess rests
on it. nanochat's miniature: 0.12 (a gain of 0.0995 on 1.7885 is made up for by 62.5 % of the budget)."""
MISS = 2.0
"""Standard errors by which a guess may miss the baseline's score before it is corrected."""
Z_SLOPE = 1.96
"""Standard errors from which a smaller budget is known to cost something; below, the interval has no end."""
NEAR = 0.01
"""A corrected guess as near as this to the one before would teach nothing."""

SpeedWord = Literal["FASTER", "BEYOND", "SLOWER", "FLAT"]
"""FASTER: with a number. BEYOND: faster than a secant can tell, so only the least is known. SLOWER: no better than the
baseline with the whole budget. FLAT: a smaller budget cost less than the noise, so nothing follows."""


@dataclass(frozen=True)
class Mean:
    """The mean score of some runs of one tree and one budget."""

    score: float
    runs: int


@dataclass(frozen=True)
class Evidence:
    """What is known: the baseline and the better model with the whole budget, and what else was tried."""

    baseline: Mean
    better: Mean
    tried: tuple[tuple[float, Mean], ...]
    """The better model with fractions of the budget, in the order in which they were tried."""
    noise: Noise
    lower_is_better: bool

    def gain(self, mean: Mean) -> float:
        """Return how much better than the baseline a mean is."""
        return (self.baseline.score - mean.score) * (1 if self.lower_is_better else -1)

    def error(self, *weights: tuple[float, Mean]) -> float:
        """Return the standard error of a weighted sum of means."""
        return self.noise.used * math.sqrt(math.fsum(weight**2 / mean.runs for weight, mean in weights))


@dataclass(frozen=True)
class SpeedUp:
    """The answer: at which fraction of the budget the better model scores as the baseline does with the whole."""

    word: SpeedWord
    fraction: float | None = None
    """None where the word is not FASTER."""
    interval: tuple[float, float] | None = None
    """The 95 % confidence interval of the fraction, as far as a secant is believed; also where it is BEYOND."""
    slope: float | None = None
    """What the score loses by an e-fold less training; None where that is not known."""


def faster_percent(fraction: float) -> float:
    """Return by how many percent faster training is that needs only this fraction of it."""
    return 100 * (1 / fraction - 1)


def part_of(budget: str, fraction: float) -> str:
    """Return a fraction of a budget with its unit: ``4800 GFLOP`` by 0.86 is ``4128 GFLOP``.

    Raises ValueError where the budget is no number with a unit.
    """
    number, _, unit = budget.strip().partition(" ")
    try:
        return f"{float(number) * fraction:.10g} {unit}".strip() if fraction != WHOLE else budget
    except ValueError:
        raise ValueError(f"the budget {budget!r} is no number with a unit") from None


def next_fraction(evidence: Evidence, slope: float | None = None) -> float | None:
    """Return the fraction of the budget that is to be tried next, None where that would not change the answer.

    `slope`: as an earlier measurement found it.
    """
    gain, tried = evidence.gain(evidence.better), evidence.tried
    if gain <= 0 or len(tried) >= MOST:
        return None
    if not tried:
        return _within(gain, slope or DEFAULT_SLOPE * abs(evidence.baseline.score))
    fraction, mean = tried[-1]
    found = speed_up(evidence)
    if found.word == "FLAT":  # it lay too near to the whole to show anything
        corrected = max(LEAST, fraction**2)
    elif abs(evidence.gain(mean)) <= MISS * evidence.error((1, evidence.baseline), (1, mean)):
        return None
    else:
        assert found.slope is not None, "only FLAT and SLOWER have none"
        corrected = _within(gain, found.slope)
    return None if abs(corrected - fraction) < NEAR else corrected


def speed_up(evidence: Evidence) -> SpeedUp:
    """Return what the runs say; with nothing tried only SLOWER can be told from FLAT."""
    better, gain = evidence.better, evidence.gain(evidence.better)
    if gain <= 0:
        return SpeedUp("SLOWER")
    steep = [
        (fraction, mean)
        for fraction, mean in evidence.tried
        if gain - evidence.gain(mean) > Z_SLOPE * evidence.error((1, better), (1, mean))
    ]
    if not steep:
        return SpeedUp("FLAT")
    fraction, mean = min(steep, key=lambda each: abs(evidence.gain(each[1])))
    slope = (gain - evidence.gain(mean)) / -math.log(fraction)
    interval = _interval(evidence, fraction, mean)
    found = math.exp(-gain / slope)
    return SpeedUp("BEYOND", None, interval, slope) if found < LEAST else SpeedUp("FASTER", found, interval, slope)


def at_least_percent(found_high: float) -> float:
    """Return what a speed-up BEYOND comes to at least, by the upper end of its fraction's interval."""
    return max(0.0, faster_percent(max(LEAST, found_high)))


def _interval(evidence: Evidence, fraction: float, mean: Mean) -> tuple[float, float]:
    """Return the fractions that the runs do not exclude: between the two roots in t, see above."""
    gain = evidence.gain(evidence.better)
    cost, noise = gain - evidence.gain(mean), (1.96 * evidence.noise.used) ** 2
    first, tried, whole = (noise / each.runs for each in (evidence.baseline, mean, evidence.better))
    square, half, rest = cost**2 - tried - whole, gain * cost - whole, gain**2 - first - whole
    root = math.sqrt(max(0.0, half**2 - square * rest))
    ends = (math.exp(max(math.log(LEAST), math.log(fraction) * (half + sign * root) / square)) for sign in (1, -1))
    low, high = ends
    return low, high


def _within(gain: float, slope: float) -> float:
    """Return the fraction that costs the whole gain, rounded as it stands in the journal, within what is tried."""
    return round(min(NEAREST, max(LEAST, math.exp(-gain / slope) if slope else LEAST)), 4)
