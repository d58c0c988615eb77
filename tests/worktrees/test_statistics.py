"""The formulas of the promotion rule, with numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from worktrees.statistics import Noise, Verdict, confirm, pooled_noise, screen, seed_correlation

TRUNK = {1: 1.0, 2: 1.2, 3: 1.1}
NOISE = Noise(sigma=0.1, dof=2)
"""Used: 0.1 * (1 + 1 / sqrt(4)) = 0.15."""


MINIMISE: dict[str, Any] = {"lower_is_better": True, "threshold": 1.0}


def about(number: float) -> object:
    """Equal to six digits, as far as the sums by hand went."""
    return pytest.approx(number, rel=1e-5)


@pytest.mark.parametrize(("dof", "factor"), [(2, 1.5), (5, 1.31623), (60, 1.09129)])
def test_sigma_is_used_one_standard_error_pessimistic(dof: int, factor: float) -> None:
    """The fewer runs the noise comes from, the larger it is taken: x1.32 at five degrees of freedom."""
    assert about(0.02 * factor) == Noise(0.02, dof).used


def test_noise_is_pooled_within_trees() -> None:
    """Squares about each tree's own mean, over the degrees of freedom of all; how far trees are apart is no noise."""
    noise = pooled_noise([{1: 1.0, 2: 1.2}, {1: 5.0, 2: 5.1, 3: 5.2}])  # squares 0.02 + 0.02, 1 + 2 degrees
    assert noise is not None
    assert (about(0.115470), 3) == (noise.sigma, noise.dof)


def test_a_tree_with_one_run_says_nothing_about_noise() -> None:
    """Single runs add neither squares nor degrees of freedom."""
    assert pooled_noise([{1: 1.0, 2: 1.2}]) == pooled_noise([{1: 1.0, 2: 1.2}, {1: 9.0}])


def test_there_is_no_noise_before_two_runs_of_one_tree() -> None:
    """Without a repeated tree the noise is unknown, not zero."""
    assert pooled_noise([{1: 1.0}, {1: 2.0}]) is None


def test_screening_is_judged_unpaired() -> None:
    """Gain 1.1 - 0.9; standard error 0.15 * sqrt(1 + 1/3)."""
    verdict = screen(TRUNK, 0.9, NOISE, **MINIMISE)
    assert (about(0.2), about(0.173205), about(1.154701)) == (verdict.gain, verdict.standard_error, verdict.z)


def test_a_screening_run_has_no_seed_in_the_verdict() -> None:
    """The verdict of a screening names no confirmation seed."""
    assert () == screen(TRUNK, 0.9, NOISE, **MINIMISE).seeds


@pytest.mark.parametrize(("threshold", "passed"), [(1.15, True), (1.16, False)])
def test_the_threshold_is_in_standard_errors(threshold: float, passed: bool) -> None:
    """z = 1.1547 passes below that and fails above."""
    assert passed is screen(TRUNK, 0.9, NOISE, lower_is_better=True, threshold=threshold).passed


def test_unpaired_confirmation() -> None:
    """Without correlation: gain 1.1 - 0.95, standard error 0.15 * sqrt(1/2 + 1/3)."""
    verdict = confirm(TRUNK, {1: 0.9, 2: 1.0}, NOISE, 0.0, **MINIMISE)
    assert (about(0.15), about(0.136931), about(1.095445)) == (verdict.gain, verdict.standard_error, verdict.z)


def test_paired_confirmation() -> None:
    """With rho 0.5: gain 0.15 + 0.5 * (1.05 - 1.1), standard error 0.15 * sqrt(0.75 / 2 + 0.25 / 3)."""
    verdict = confirm(TRUNK, {1: 0.9, 3: 1.0}, NOISE, 0.5, **MINIMISE)
    assert (about(0.125), about(0.101550), about(1.230915)) == (verdict.gain, verdict.standard_error, verdict.z)


def test_full_correlation_on_all_seeds_leaves_only_the_pairs() -> None:
    """With rho 1 the error is zero and the gain is the mean difference of the pairs."""
    verdict = confirm(TRUNK, {1: 0.9, 2: 1.1, 3: 1.0}, NOISE, 1.0, **MINIMISE)
    assert (about(0.1), 0.0) == (verdict.gain, verdict.standard_error)


def test_a_confirmation_needs_every_pair() -> None:
    """A seed that trunk did not run is an error, never silently left out."""
    with pytest.raises(KeyError):
        confirm(TRUNK, {1: 0.9, 7: 1.0}, NOISE, 0.0, **MINIMISE)


def test_a_verdict_names_its_seeds() -> None:
    """Seeds are listed in order, whatever order they ran in."""
    assert (1, 3) == confirm(TRUNK, {3: 0.9, 1: 1.0}, NOISE, 0.0, **MINIMISE).seeds


def test_screening_flips_for_a_metric_where_higher_is_better() -> None:
    """An accuracy of 0.9 against 1.1 is a loss of 0.2."""
    assert about(-0.2) == screen(TRUNK, 0.9, NOISE, lower_is_better=False, threshold=1.0).gain


def test_confirmation_flips_for_a_metric_where_higher_is_better() -> None:
    """The pairing's correction flips with the gain."""
    verdict = confirm(TRUNK, {1: 1.3, 3: 1.4}, NOISE, 0.5, lower_is_better=False, threshold=1.0)
    assert about(0.275) == verdict.gain  # 1.35 - 1.1 - 0.5 * (1.05 - 1.1)


def test_no_gain_never_passes() -> None:
    """A threshold of zero does not let a tie through."""
    assert not screen(TRUNK, 1.1, NOISE, lower_is_better=True, threshold=0.0).passed


def twins(count: int, seeds: int) -> list[tuple[dict[int, float], dict[int, float]]]:
    """Pools whose same-seed residuals agree exactly, with different means."""
    pool = {seed: float(seed) for seed in range(seeds)}
    return [(pool, {seed: score + 5 for seed, score in pool.items()})] * count


def test_correlation_is_one_standard_error_pessimistic() -> None:
    """24 pairs that agree exactly count as 1 - 1/sqrt(24)."""
    assert about(0.795876) == seed_correlation(twins(12, 2))


def test_correlation_of_23_pairs_is_not_trusted() -> None:
    """Below 24 pairs rho is zero, however well they agree."""
    assert 0.0 == seed_correlation([*twins(7, 3), *twins(1, 2)])


def test_negative_correlation_counts_as_none() -> None:
    """Pairing is never allowed to widen the gain."""
    assert 0.0 == seed_correlation([({1: 0.0, 2: 1.0}, {1: 1.0, 2: 0.0})] * 12)


def test_only_common_seeds_are_pairs() -> None:
    """A seed that one side lacks adds nothing, and one common seed is no residual."""
    assert 0.0 == seed_correlation([({1: 1.0, 2: 2.0}, {2: 1.0, 3: 4.0})] * 40)


def test_correlation_of_constant_scores_is_none() -> None:
    """A trainer whose score never varies has no correlation to speak of."""
    assert 0.0 == seed_correlation([({1: 1.0, 2: 1.0}, {1: 2.0, 2: 2.0})] * 12)


VERDICT = Verdict(gain=0.2, standard_error=0.1, seeds=(1, 2), passed=True)


def test_z_is_the_gain_in_standard_errors() -> None:
    """0.2 / 0.1."""
    assert 2.0 == VERDICT.z


def test_the_interval_holds_95_percent() -> None:
    """The gain plus and minus 1.96 standard errors."""
    assert (about(0.004), about(0.396)) == VERDICT.interval


def test_the_probability_of_a_gain_is_normal() -> None:
    """Phi(2) = 0.97725."""
    assert about(0.977250) == VERDICT.probability


def test_the_expected_gain_is_shrunk_by_a_prior_of_two_sigma() -> None:
    """tau = 0.2: a gain of 0.2 known to 0.1 counts 0.04 / (0.04 + 0.01) of itself."""
    assert about(0.16) == VERDICT.shrunk(NOISE)


SILENT = pooled_noise([{1: 1.1, 2: 1.1, 3: 1.1}])
"""Of a trainer that ignores its seed: every run of a tree scores the same."""


@pytest.mark.parametrize(("score", "z"), [(0.9, 99.0), (1.1, 0.0), (1.3, -99.0)])
def test_without_noise_a_difference_is_certain(score: float, z: float) -> None:
    """z is large then but a number, and zero where the scores agree."""
    assert SILENT is not None
    assert pytest.approx(z, abs=1e-3) == screen({1: 1.1, 2: 1.1, 3: 1.1}, score, SILENT, **MINIMISE).z


def test_without_noise_rounding_is_no_gain() -> None:
    """The last bit of a mean passes no threshold."""
    assert SILENT is not None
    assert not screen({1: 1.1, 2: 1.1, 3: 1.1}, 1.1 - 4e-16, SILENT, **MINIMISE).passed
