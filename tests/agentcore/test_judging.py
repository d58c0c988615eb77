"""What the runs say, by numbers worked out by hand.

Trunk's pool is 1.0, 1.2, 1.1: mean 1.1, sigma 0.1 at two degrees of freedom, used 0.15. A screening run has the
standard error 0.15 * sqrt(1 + 1/3) = 0.173205. A confirmation by 2 seeds that differ by 0.1 adds one degree of freedom:
sigma sqrt(0.025 / 3) = 0.0912871, used 0.128555, standard error 0.128555 * sqrt(1/2 + 1/3) = 0.117354.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from immutables import Map

from agentcore import events as ev
from agentcore.events import CandidateState, Outcome
from agentcore.plan import Rebase, Record
from agentcore.queue import judging
from agentcore.queue.judging import (
    SCREENING_SEEDS,
    confirmation_seeds,
    correlation,
    decide,
    is_calibrated,
    judge,
    new_seeds,
)
from agentcore.state import LabState, Run
from tests.agentcore.tales import CONFIG, Tale, calibrated, gated, opened
from worktrees.runs import Ending


def about(number: float) -> object:
    """Equal to five digits, as far as the sums by hand went."""
    return pytest.approx(number, rel=1e-4)


def screened(score: float | None, ending: Ending | None = None, tale: Tale | None = None) -> Tale:
    """Return a lab whose first experiment had its screening run."""
    tale = tale or calibrated()
    tale.screen(tale.propose("wt0", "t1"), score, ending)
    return tale


def confirmed(scores: dict[int, float], screening: float = 0.8) -> Tale:
    """Return a lab whose first candidate had its confirmation runs."""
    tale = calibrated()
    number = tale.keep("wt0", "t1", score=screening)
    return tale.rebase(number, "t1", tuple(scores)).confirm(number, scores)


# --- Screening ---


@pytest.mark.parametrize(
    ("score", "outcome", "gain", "z"), [(0.8, "keep", 0.3, 1.732051), (0.9, "drop", 0.2, 1.154701)]
)
def test_an_experiment_is_kept_from_the_threshold_on(score: float, outcome: Outcome, gain: float, z: float) -> None:
    """1.3 standard errors against the pool of its base."""
    tale = screened(score)
    decided = decide(tale.state, tale.state.experiments[1])
    assert (outcome, about(gain), about(z)) == (decided.outcome, decided.gain, decided.z)


def test_a_loss_has_a_negative_gain() -> None:
    """A higher val_bpb than trunk's."""
    tale = screened(1.4)
    assert about(-0.3) == decide(tale.state, tale.state.experiments[1]).gain


def test_higher_is_better_turns_the_gain() -> None:
    """1.4 is a gain of 0.3 for a metric that is to be large."""
    tale = screened(1.4, tale=calibrated(config=replace(CONFIG, lower_is_better=False)))
    decided = decide(tale.state, tale.state.experiments[1])
    assert ("keep", about(0.3)) == (decided.outcome, decided.gain)


def test_an_experiment_is_compared_with_its_own_base() -> None:
    """Trunk has moved on since it was written: its gain is against the tree it changed."""
    tale = calibrated()
    number = tale.propose("wt1", "t2")
    tale.merge(tale.ready("wt0", "t1"))
    tale.screen(number, 0.8)
    assert about(0.3) == decide(tale.state, tale.state.experiments[number]).gain


def test_an_experiment_is_compared_with_the_pool_not_with_the_best() -> None:
    """Another experiment's lucky 0.2 changes nothing for this one."""
    tale = calibrated()
    tale.keep("wt1", "t9", score=0.2)
    tale.screen(tale.propose("wt0", "t1"), 0.8)
    assert about(0.3) == decide(tale.state, tale.state.experiments[2]).gain


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        ("crash", "crash"),
        ("nan", "nan"),
        ("timeout", "timeout"),
        ("invalid", "invalid"),
        ("cancelled", "cancelled"),
        ("no_score", "crash"),
    ],
)
def test_a_run_without_a_score_decides_by_its_ending(ending: Ending, outcome: Outcome) -> None:
    """The outcome says what happened, with the run's reason, and has no numbers."""
    tale = screened(None, ending)
    decided = decide(tale.state, tale.state.experiments[1])
    assert (outcome, None, None, "it broke") == (decided.outcome, decided.gain, decided.z, decided.reason)


def test_an_experiment_without_an_ended_run_cannot_be_decided() -> None:
    """Asking is a mistake of the caller."""
    tale = calibrated()
    tale.propose("wt0", "t1")
    with pytest.raises(ValueError, match="experiment 1 has no ended run"):
        decide(tale.state, tale.state.experiments[1])


# --- Confirmation ---


@pytest.mark.parametrize(
    ("scores", "state", "gain", "z"),
    [
        ({1: 0.8, 2: 0.9}, "READY", 0.25, 2.130310),
        ({1: 0.9, 2: 1.0}, "NOISE", 0.15, 1.278186),
        ({1: 1.01, 2: 1.11}, "REJECTED", 0.04, 0.340850),
        ({1: 1.3, 2: 1.4}, "REJECTED", -0.25, -2.130310),
    ],
)
def test_a_confirmation_is_judged_by_z(scores: dict[int, float], state: CandidateState, gain: float, z: float) -> None:
    """READY from 1.64, NOISE (a near miss) from 0.5, REJECTED below."""
    tale = confirmed(scores)
    found, verdict = judge(tale.state, tale.state.candidates[1])
    assert (state, about(gain), about(z)) == (found, verdict.gain, verdict.z)


def test_the_screening_value_is_no_part_of_the_verdict() -> None:
    """However lucky the screening run was, the verdict is the same: no winner's curse."""
    verdicts = [
        judge(tale.state, tale.state.candidates[1])
        for tale in (confirmed({1: 0.9, 2: 1.0}, screening) for screening in (0.8, -50.0))
    ]
    assert verdicts[0] == verdicts[1]


def test_a_verdict_uses_the_confirmation_seeds_only() -> None:
    """The tree ran another seed for another reason: it does not count twice."""
    tale = confirmed({1: 0.9, 2: 1.0})
    tale.pool("t0", {7: 1.1}).pool("t1", {7: 0.1})
    assert ((1, 2), about(0.15)) == (
        judge(tale.state, tale.state.candidates[1])[1].seeds,
        judge(tale.state, tale.state.candidates[1])[1].gain,
    )


def test_the_thresholds_are_the_gates() -> None:
    """z 1.278 passes a gate that asks for 1.0."""
    tale = confirmed({1: 0.9, 2: 1.0})
    tale.tell(gated(z_confirm=1.0))
    assert "READY" == judge(tale.state, tale.state.candidates[1])[0]


def agreeing(candidates: int) -> Tale:
    """Return a lab of candidates that were confirmed by two seeds and repeat trunk's residuals exactly."""
    tale = calibrated(config=gated(calibration_runs=2))
    for number in range(1, candidates + 1):
        tale.keep("wt0", f"t{number}")
        tale.rebase(number, f"t{number}").confirm(number, {1: 0.7, 2: 0.9}).judge(number, "NOISE")
    return tale


def test_correlation_is_not_trusted_below_24_pairs() -> None:
    """11 candidates of two seeds are 22 pairs."""
    assert 0.0 == correlation(agreeing(11).state)


def test_correlation_counts_from_24_pairs_on() -> None:
    """12 candidates of two seeds: 1 - 1/sqrt(24)."""
    assert about(0.795876) == correlation(agreeing(12).state)


# --- Seeds ---


def test_confirmation_seeds_are_those_that_trunk_ran() -> None:
    """Trunk's own runs are there already: only the candidate's are new."""
    assert (1, 2) == confirmation_seeds(calibrated().state)


def test_confirmation_seeds_go_beyond_trunks_where_it_has_too_few() -> None:
    """The rest is run by both sides."""
    assert (1, 2, 3, 4, 5) == confirmation_seeds(calibrated(config=gated(confirm_seeds=5)).state)


def test_a_screening_seed_is_never_a_confirmation_seed() -> None:
    """Not even for the largest pool: screening seeds begin where pools do not reach."""
    tale = calibrated(config=gated(confirm_seeds=500))
    assert max(confirmation_seeds(tale.state)) < SCREENING_SEEDS < judging.screening_seed(1)


def test_every_experiment_is_screened_with_its_own_seed() -> None:
    """One seed for all would keep what suits that seed."""
    assert 50 == len({judging.screening_seed(number) for number in range(50)})


def test_new_seeds_fill_the_gaps() -> None:
    """The smallest positive numbers that are not taken."""
    assert [1, 4, 5] == new_seeds(3, [2, 3, 6])


# --- Calibration ---


@pytest.mark.parametrize(("runs", "calibrated"), [(0, False), (2, False), (3, True)])
def test_the_first_trunk_is_calibrated_by_all_its_runs(runs: int, calibrated: bool) -> None:
    """Before, nothing can be judged."""
    tale = opened().pool("t0", dict(list({1: 1.0, 2: 1.2, 3: 1.1}.items())[:runs]))
    assert calibrated is is_calibrated(tale.state)


def test_a_later_trunk_needs_one_run() -> None:
    """The noise is known by then."""
    tale = calibrated()
    tale.run("baseline", "t9", 1, 1.0)
    tale.run("baseline", "t0", 4, 1.1)
    before = tale.tell(ev.TrunkMoved("c0", "c8", "t8", None, "hand")).state
    assert (False, True) == (
        is_calibrated(before),
        is_calibrated(tale.tell(ev.TrunkMoved("c8", "c9", "t9", None, "hand")).state),
    )


def test_the_labs_noise_is_that_of_every_pool() -> None:
    """Confirmation runs sharpen it: 0.02 of trunk and 0.005 of the candidate over three degrees of freedom."""
    spread = judging.noise(confirmed({1: 0.9, 2: 1.0}).state)
    assert spread is not None
    assert (about(0.0912871), 3) == (spread.sigma, spread.dof)


# --- What is too good to be true ---


def believed(gain: float, *, max_gain: float | None = 0.3, released: bool = False, holdout: float | None = None) -> str:
    """Return the state that a passing candidate with this gain gets."""
    tale = calibrated(config=gated(max_gain=max_gain))
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1").confirm(number, {1: 1.0 - gain, 2: 1.2 - gain})
    if holdout is not None:
        tale.state = replace(tale.state, runs=_held_out(tale.state, gain=holdout))
    candidate = replace(tale.state.candidates[number], released=released)
    return judge(tale.state, candidate)[0]


def _held_out(state: LabState, gain: float) -> Map[int, Run]:
    """Give every run of the pools a score on the hidden hold-out."""
    runs = state.runs
    for number, run in state.runs.items():
        runs = runs.set(number, replace(run, holdout=2.0 - (gain if run.tree == "t1" else 0.0)))
    return runs


@pytest.mark.parametrize(
    ("gain", "options", "state"),
    [
        (0.28, {}, "READY"),
        (0.35, {}, "BLOCKED"),
        (0.35, {"released": True}, "READY"),
        (0.35, {"max_gain": None}, "READY"),
        (0.28, {"holdout": 0.2}, "READY"),
        (0.28, {"holdout": -0.01}, "BLOCKED"),
        (0.28, {"holdout": -0.01, "released": True}, "READY"),
    ],
)
def test_a_gain_too_good_to_be_true_waits_for_a_person(gain: float, options: dict[str, object], state: str) -> None:
    """Above max_gain, or without any gain on the text that nobody was ever told of."""
    assert state == believed(gain, **options)  # type: ignore[arg-type]


def test_a_screening_gain_above_the_limit_is_blocked_before_any_confirmation() -> None:
    """No runs are spent on it; released, it is confirmed like any other."""
    tale = calibrated(config=gated(max_gain=0.3))
    number = tale.keep("wt0", "t1", score=0.5)
    blocked = [each.event for each in tale.plan() if isinstance(each, Record)]
    assert [("BLOCKED", "gain +0.6000 is above max_gain 0.3")] == [
        (each.state, each.reason[:34]) for each in blocked if isinstance(each, ev.CandidateMoved)
    ]
    tale.tell(*blocked, ev.CandidateMoved(number, "NEW", "released: read it", "you"))
    assert [Rebase(number)] == [each for each in tale.plan() if isinstance(each, Rebase | Record)]
