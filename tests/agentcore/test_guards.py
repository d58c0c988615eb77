"""A second number may not be given up for the score, and earns nothing by itself.

Trunk's quality is 0.50, 0.52, 0.48: mean 0.5, sigma 0.02 at two degrees of freedom, used 0.03. A screening run that may
lose 0.05 is turned away beyond 0.05 + 1.64 * 0.03 * sqrt(4/3) = 0.1068; by an absolute limit beyond 1.64 * 0.03 =
0.0492.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from agentcore import events as ev
from agentcore.overview.live import Live
from agentcore.overview.needs import needed, notes
from agentcore.queue import guards
from agentcore.queue.evidence import evidence, measured
from agentcore.queue.judging import decide, judge, screening_seed
from tests.agentcore.tales import CONFIG, POOL, Tale, ended, opened
from worktrees.project import Guard
from worktrees.runs import Purpose

TRUNK = {1: 0.50, 2: 0.52, 3: 0.48}


def run(tale: Tale, purpose: Purpose, tree: str, seed: int, score: float, quality: float, experiment: int = 0) -> None:
    """Tell a run that a guard reads."""
    number, commit = len(tale.state.runs) + 1, tree.replace("t", "c")
    tale.tell(ev.RunStarted(number, purpose, experiment or None, commit, tree, seed, 1, "cpu0"))
    tale.tell(replace(ended(number, score), guards={"quality": quality}))


def guarded(guard: Guard) -> Tale:
    """Return a calibrated lab with that guard of `quality`."""
    tale = opened(2, replace(CONFIG, guards={"quality": guard}))
    for seed, score in POOL.items():
        run(tale, "baseline", "t0", seed, score, TRUNK[seed])
    return tale


def screened(guard: Guard, quality: float) -> ev.ExperimentDecided:
    """Return the outcome of a screening run whose score is good."""
    tale = guarded(guard)
    number = tale.propose("wt0", "t1")
    run(tale, "screen", "t1", screening_seed(number), 0.8, quality, number)
    return decide(tale.state, tale.state.experiments[number])


def confirmed(guard: Guard, quality: Mapping[int, float]) -> Tale:
    """Return a lab whose first candidate has had its confirmation runs, all with a good score."""
    tale = guarded(guard)
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1", tuple(quality))
    for seed, value in quality.items():
        run(tale, "confirm", "t1", seed, 0.5, value, number)
    return tale


LOSES = Guard(lower_is_better=False, may_lose=0.05)
LEAST = Guard(lower_is_better=False, at_least=0.45)


@pytest.mark.parametrize(
    ("guard", "quality", "outcome"),
    [
        pytest.param(LOSES, 0.40, "keep", id="a loss that may be noise"),
        pytest.param(LOSES, 0.39, "drop", id="a loss beyond it"),
        pytest.param(LEAST, 0.41, "keep", id="below the least by what may be noise"),
        pytest.param(LEAST, 0.40, "drop", id="below it for certain"),
        pytest.param(Guard(at_most=0.55), 0.59, "keep", id="above the most by what may be noise"),
        pytest.param(Guard(at_most=0.55), 0.60, "drop", id="above it for certain"),
        pytest.param(Guard(may_lose=0.05), 0.61, "drop", id="lower is better, and it is higher"),
        pytest.param(Guard(may_lose=0.05), 0.30, "keep", id="lower is better, and it is"),
    ],
)
def test_one_run_is_turned_away_beyond_the_noise_only(guard: Guard, quality: float, outcome: str) -> None:
    """The score of all of them passes; what one look cannot exclude is left to the confirmation."""
    assert outcome == screened(guard, quality).outcome


def test_what_is_turned_away_says_by_which_number() -> None:
    """Its gain is recorded all the same: it was measured."""
    decided = screened(LOSES, 0.3)
    assert ("guard quality .3000, trunk .5000; may lose 0.05: BROKEN", 0.3) == (
        decided.reason,
        pytest.approx(decided.gain),
    )


@pytest.mark.parametrize(("quality", "state"), [({1: 0.44, 2: 0.48}, "READY"), ({1: 0.43, 2: 0.46}, "REJECTED")])
def test_a_candidate_holds_its_guards_by_the_mean_of_its_seeds(quality: Mapping[int, float], state: str) -> None:
    """0.46 of 0.5 may be lost, 0.445 may not, though one of its seeds would have held."""
    tale = confirmed(LOSES, quality)
    assert state == judge(tale.state, tale.state.candidates[1])[0]


def test_the_verdict_on_the_score_knows_of_no_guard() -> None:
    """The same gain, error and pass: the meter of false promotions counts it as it is."""
    held, lost = (
        judge(tale.state, tale.state.candidates[1])[1]
        for tale in (confirmed(LOSES, {1: 0.5, 2: 0.5}), confirmed(LOSES, {1: 0.1, 2: 0.1}))
    )
    assert held == lost


def test_the_evidence_tells_what_the_guards_read() -> None:
    """Beside the seeds, on the queue's screen and in `nightlab show`."""
    tale = confirmed(LEAST, {1: 0.44, 2: 0.48})
    facts = measured(evidence(tale.state, 1))
    assert ("guard", "quality .4600, trunk .5000; at least 0.45: holds") in facts


def test_a_screening_run_is_no_part_of_a_guards_mean() -> None:
    """As of the score: it was selected."""
    tale = confirmed(LOSES, {1: 0.5, 2: 0.5})
    run(tale, "screen", "t1", 1, 0.8, 0.0, 1)
    assert [0.5] == [each.own for each in guards.readings(tale.state, tale.state.candidates[1])]


def test_a_trunk_that_breaks_a_guard_needs_a_person() -> None:
    """Nothing could be kept beside it, and nobody would know why."""
    tale = guarded(Guard(lower_is_better=False, at_least=0.9))
    texts = [each.text for each in needed(tale.state, Live(), ())]
    assert any("trunk itself breaks a guard quality .5000" in text for text in texts)


def test_a_trunk_without_any_spread_is_said() -> None:
    """Runs that ignore their seed make every gain pass: a person should know before believing one."""
    tale = opened().pool("t0", {1: 1.0, 2: 1.0, 3: 1.0})
    assert any(note.startswith("σ is 0") for note in notes(tale.state))
