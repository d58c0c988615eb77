"""Two trainings side by side: the same share of the budget, the same size, the same harness."""

from __future__ import annotations

import pytest

from agentcore import events as ev
from agentcore.results.curve import Reading, curve, measured, newest_run, reading, rival, value_at
from tests.agentcore.tales import Tale, calibrated, ended
from worktrees.metrics import MetricPoint

LINE = ((0.0, 4.0), (0.5, 3.0), (1.0, 1.0))


@pytest.mark.parametrize(("value", "share"), [(4.0, 0.0), (3.5, 0.25), (3.0, 0.5), (2.0, 0.75), (1.0, 1.0)])
def test_a_curve_is_read_between_its_points(value: float, share: float) -> None:
    """Where the other run printed no step, a straight line stands for it."""
    assert value == value_at(LINE, share)


@pytest.mark.parametrize(("course", "share"), [((), 0.5), (LINE[1:], 0.4), (LINE[:2], 0.6)])
def test_a_curve_says_nothing_of_where_it_was_not(course: tuple[tuple[float, float], ...], share: float) -> None:
    """Before its first point and beyond its last there is no value, never a guess."""
    assert None is value_at(course, share)


def test_a_reading_compares_at_the_same_share() -> None:
    """The newest point of a run stands beside what trunk's run had there, or beside nothing."""
    assert Reading(0.75, 1.9, 2.0) == reading(((0.5, 2.5), (0.75, 1.9)), LINE)
    assert Reading(0.75, 1.9, None) == reading(((0.75, 1.9),), ())
    assert None is reading((), LINE)


def test_the_loss_is_smoothed_and_nothing_else_is() -> None:
    """A constant loss stays what it is from the first point on, a spike is flattened; speed is as measured."""
    points = [MetricPoint(progress=n / 1000, loss=9.0 if n == 500 else 3.0, tokens_per_s=float(n)) for n in range(1000)]
    losses = dict(curve(points, "loss"))
    assert pytest.approx(3.0) == losses[0.0]
    assert 3.0 < losses[0.5] < 3.7
    assert (0.7, 700.0) in curve(points, "tokens/s")


def test_points_that_hold_nothing_are_left_out() -> None:
    """Without a share of the budget or a value a point has no place; one that goes back in time has none either."""
    points = [MetricPoint(progress=0.1, mfu=0.3), MetricPoint(mfu=0.4), MetricPoint(progress=0.05, mfu=0.5)]
    assert ((0.1, 0.3),) == curve(points, "mfu")
    assert ("mfu",) == measured(points)


def trained(tale: Tale) -> int:
    """Tell an experiment of wt0 that trains now; return its run."""
    proposal = ev.ExperimentProposed(1, "wt0", "search", "c0", "t0", "c1", "t1", "idea", 1, 1, ("train.py",), {})
    tale.tell(proposal, ev.RunStarted(50, "screen", 1, "c1", "t1", 1, 1, "cpu0"))
    return 50


def test_trunk_is_represented_by_its_typical_run() -> None:
    """Of trunk's runs the one nearest their mean: the best one was lucky. Another size is no rival."""
    tale = calibrated()
    state, run = tale.state, trained(tale)
    pool = [each for each in state.runs.values() if state.trunk and each.tree == state.trunk.tree]
    tale.tell(ev.RunStarted(60, "retest", None, "c0", "t0", 9, 4, "cpu1"), ended(60, 1.1))
    found = rival(tale.state, run)
    assert found is not None and found.scale == 1
    mean = sum(each.score or 0.0 for each in pool) / len(pool)
    assert min(abs((each.score or 0.0) - mean) for each in pool) == abs((found.score or 0.0) - mean)


def test_a_run_is_no_rival_of_itself() -> None:
    """One of trunk's own runs is compared with another of them."""
    tale = calibrated()
    trained(tale)
    first = rival(tale.state, 50)
    assert first is not None
    other = rival(tale.state, first.number)
    assert other is not None and other.number != first.number


def test_a_worktree_is_looked_at_for_its_newest_run() -> None:
    """What trains now, else what its newest experiment had: a crash can be read after its slot went on to rest."""
    tale = calibrated()
    assert None is newest_run(tale.state, "wt0")
    assert trained(tale) == newest_run(tale.state, "wt0")
    tale.tell(ended(50, None, "crash", "no"), ev.ExperimentDecided(1, "crash", None, None, None, "no"))
    assert 50 == newest_run(tale.state, "wt0")
