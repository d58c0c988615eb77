"""The synthetic truth is what it says: effects, noise, correlation, clashes, transfer."""

from __future__ import annotations

from statistics import fmean, pstdev

import pytest

from agentcore.synthetic.lower import own_branches, shared_trunk
from agentcore.synthetic.project import ideas_in, with_idea
from agentcore.synthetic.world import World, clash, effect, is_transferred, score, true_gain

IDEAS = range(1, 3001)


def noise(world: World, ideas: frozenset[int], seed: int) -> float:
    """Return a run's deviation from its truth in σ."""
    return (world.start - score(world, ideas, seed)) / world.sigma - true_gain(world, ideas)


def test_the_prior_is_what_it_says() -> None:
    """A tenth of the ideas helps, by 1.5 σ on average; the others harm by 3 σ."""
    effects = [effect(World(), idea) for idea in IDEAS]
    better, worse = [each for each in effects if each > 0], [each for each in effects if each <= 0]
    found = (len(better) / len(effects), fmean(better), fmean(worse))
    assert found == pytest.approx((0.1, 1.5, -3.0), rel=0.15)


def test_no_idea_helps_in_a_null_world() -> None:
    """Every effect is at most zero, and exactly zero where nothing harms either."""
    assert max(effect(World(helps=0.0), idea) for idea in IDEAS) <= 0
    assert {0.0} == {effect(World(helps=0.0, harm_sigma=0.0), idea) for idea in IDEAS}


def test_the_same_run_twice_scores_the_same() -> None:
    """So a replayed lab is the same lab; another seed, set or world is another number."""
    same = {score(World(), frozenset({1, 2}), 3) for _ in range(2)}
    others = {score(World(), frozenset({1, 2}), 4), score(World(), frozenset({1}), 3), score(World(2), frozenset(), 3)}
    assert (1, 4) == (len(same), len(same | others))


def test_runs_of_one_tree_spread_by_sigma() -> None:
    """With a mean of the truth, whatever the correlation between seeds."""
    for rho in (0.0, 0.5):
        spread = [noise(World(rho=rho), frozenset({1}), seed) for seed in range(2000)]
        assert (fmean(spread), pstdev(spread)) == (pytest.approx(0.0, abs=0.1), pytest.approx(1.0, rel=0.06))


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_runs_of_the_same_seed_are_correlated(rho: float) -> None:
    """Over two trees, as far as the world says."""
    world = World(rho=rho)
    pairs = [(noise(world, frozenset({1}), seed), noise(world, frozenset({2}), seed)) for seed in range(2000)]
    assert fmean(one * other for one, other in pairs) == pytest.approx(rho, abs=0.07)


def test_effects_add_up_but_for_clashes() -> None:
    """A share of pairs loses something, never gains."""
    world = World(interacts=0.05)
    losses = [clash(world, 0, idea) for idea in IDEAS]
    assert (min(losses), sum(loss > 0 for loss in losses) / len(losses)) == (0.0, pytest.approx(0.05, rel=0.3))
    alone = sum(effect(world, idea) for idea in range(40))
    together = sum(clash(world, one, other) for one in range(40) for other in range(one))
    assert true_gain(world, frozenset(range(40))) == pytest.approx(alone - together)


def test_a_share_of_ideas_transfers() -> None:
    """Others have no effect at the larger scale."""
    world = World(transfers=0.5)
    kept = frozenset(idea for idea in range(200) if is_transferred(world, idea))
    assert 80 <= len(kept) <= 120
    assert true_gain(world, frozenset(range(200)), scale=2) == true_gain(world, kept)


def test_ideas_are_read_as_they_were_written() -> None:
    """In whatever order, and two in one place as well."""
    recipe, world = "place 0000\nplace 0001\n", World(places=2)
    for idea in (5, 12, 7):
        recipe = with_idea(recipe, world, idea)
    assert ({5, 7, 12}, 5) == (ideas_in(recipe), len(recipe.splitlines()))


def test_a_loop_that_keeps_what_is_lower_keeps_much_that_is_none() -> None:
    """A third of what it keeps is no improvement; eight branches share the runs, and one trunk none of them."""
    own, shared = own_branches(World(), 2000, 8), shared_trunk(World(), 2000, 8)
    assert 0.2 < own.false / own.kept < 0.5
    assert 0.2 < shared.false / shared.kept < 0.5
    assert own.true_gain < shared.true_gain / 2


def test_a_loop_in_a_null_world_claims_a_gain() -> None:
    """Of luck alone: about 2.5 σ after a hundred runs that changed nothing."""
    null = [own_branches(World(seed, helps=0.0, harm_sigma=0.0), 100, 1) for seed in range(40)]
    assert (0.0, 0.0) == (fmean(each.true_gain for each in null), fmean(each.kept - each.false for each in null))
    assert 1.8 < fmean(each.claimed for each in null) < 3.2
