"""How sure is a gain?

The formulas of the promotion rule. A *pool* is the valid, unselected runs of one tree, ``{seed: score}``. Gains are
signed so that positive is better, whatever the metric's direction. Screening runs never enter a pool: an experiment
was kept because its screening run was lucky or good, so that value says nothing fair about its mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

Pool = Mapping[int, float]

RHO_MIN_PAIRS = 24
"""Below this many same-seed pairs the correlation is not trusted and taken as zero."""


NOT_WORSE_Z = 1.64
"""Standard errors by which a simplification must stay above the margin: it is worse than that in one of 20."""

SIGMA_MIN = 1e-9
"""Scores closer than this differ by rounding. A trainer that ignores its seed has no spread, yet z needs a divisor."""

Z_MAX = 99.0
"""Where z is cut off: beyond it nothing is surer, and a journal's JSON has no infinity."""


@dataclass(frozen=True)
class Noise:
    """Spread of runs of the same tree, with the degrees of freedom that it was estimated from."""

    sigma: float
    dof: int

    @property
    def used(self) -> float:
        """Sigma one standard error on the pessimistic side: few calibration runs make every test stricter."""
        return self.sigma * (1 + 1 / math.sqrt(2 * self.dof))


@dataclass(frozen=True)
class Verdict:
    """What the runs say of a gain: its estimate, its standard error, and their ratio."""

    gain: float
    standard_error: float
    seeds: tuple[int, ...]
    passed: bool

    @property
    def z(self) -> float:
        """Gain in standard errors, at most Z_MAX either way."""
        return max(-Z_MAX, min(Z_MAX, self.gain / self.standard_error))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the gain."""
        half = 1.96 * self.standard_error
        return self.gain - half, self.gain + half

    @property
    def probability(self) -> float:
        """Probability that the true gain is positive, under a flat prior."""
        return NormalDist().cdf(self.z)

    def shrunk(self, noise: Noise) -> float:
        """Return the gain to expect: a prior of two sigma pulls it to zero the less is known of it."""
        prior = (2 * noise.sigma) ** 2
        return self.gain * prior / (prior + self.standard_error**2)


def pooled_noise(pools: Iterable[Pool]) -> Noise | None:
    """Pool the within-tree variance over all trees with two runs or more; None before there is any."""
    squares, dof = 0.0, 0
    for pool in pools:
        if len(pool) >= 2:
            mean = fmean(pool.values())
            squares += sum((score - mean) ** 2 for score in pool.values())
            dof += len(pool) - 1
    return Noise(max(SIGMA_MIN, math.sqrt(squares / dof)), dof) if dof else None


def seed_correlation(pairs: Iterable[tuple[Pool, Pool]]) -> float:
    """Return the correlation of same-seed residuals between candidates and their trunks, pessimistic, at least zero.

    Each pair is (pool of a candidate, pool of the trunk it was confirmed against); only common seeds count.
    """
    products, left_squares, right_squares, count = 0.0, 0.0, 0.0, 0
    for left, right in pairs:
        common = left.keys() & right.keys()
        if len(common) < 2:
            continue
        left_mean = fmean(left[seed] for seed in common)
        right_mean = fmean(right[seed] for seed in common)
        for seed in common:
            a, b = left[seed] - left_mean, right[seed] - right_mean
            products, left_squares, right_squares = products + a * b, left_squares + a * a, right_squares + b * b
            count += 1
    if count < RHO_MIN_PAIRS or not left_squares or not right_squares:
        return 0.0
    return max(0.0, products / math.sqrt(left_squares * right_squares) - 1 / math.sqrt(count))


def false_share(confirmations: int, negative: int, passed: int, threshold: float) -> float:
    """Return an upper bound on the share of passed confirmations that are no gain: the meter of the promotion rule.

    Of those without an effect half have a negative z, so at most twice the share of negative ones has none (Storey
    2002); they pass with probability Phi(-threshold), 0.05 at 1.64. 0 before there is a confirmation.
    """
    if not confirmations:
        return 0.0
    without_effect = min(1.0, 2 * negative / confirmations)
    return min(1.0, NormalDist().cdf(-threshold) * without_effect * confirmations / max(1, passed))


def screen(trunk: Pool, score: float, noise: Noise, *, lower_is_better: bool, threshold: float) -> Verdict:
    """Judge one run against the pool of its base (unpaired): worth a confirmation or not."""
    gain = _sign(lower_is_better) * (fmean(trunk.values()) - score)
    return _verdict(gain, noise.used * math.sqrt(1 + 1 / len(trunk)), (), threshold)


def confirm(
    trunk: Pool, candidate: Pool, noise: Noise, rho: float, *, lower_is_better: bool, threshold: float
) -> Verdict:
    """Judge a candidate by fresh seeds that trunk also ran (paired by seed as far as seeds correlate).

    Raises KeyError where trunk lacks one of the candidate's seeds: the pair must be complete.
    """
    seeds: Sequence[int] = tuple(sorted(candidate))
    trunk_mean = fmean(trunk.values())
    trunk_same_seeds = fmean(trunk[seed] for seed in seeds)
    difference = trunk_mean - fmean(candidate.values()) + rho * (trunk_same_seeds - trunk_mean)
    error = noise.used * math.sqrt((1 - rho**2) / len(seeds) + (1 - rho) ** 2 / len(trunk))
    return _verdict(_sign(lower_is_better) * difference, error, tuple(seeds), threshold)


def is_not_worse(verdict: Verdict, margin: float) -> bool:
    """Return True where the runs exclude a loss of more than `margin` (non-inferiority, one-sided at 5 %)."""
    return verdict.gain - NOT_WORSE_Z * verdict.standard_error > -margin


def _sign(lower_is_better: bool) -> int:
    return 1 if lower_is_better else -1


def _verdict(gain: float, error: float, seeds: tuple[int, ...], threshold: float) -> Verdict:
    return Verdict(gain=gain, standard_error=error, seeds=seeds, passed=gain >= threshold * error and gain > 0)
