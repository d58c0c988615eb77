"""Fewer lines may land without a gain, as long as fresh seeds exclude that they lose much.

Numbers as in test_judging.py: sigma 0.1, a screening run's standard error 0.173205.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.overview import queue_rows
from agentcore.plan import Judge, StartRun
from agentcore.queue.judging import confirmation_seeds, decide, doubt, is_measured, judge, seeds_due
from agentcore.state import Candidate
from tests.agentcore.labs import desk
from tests.agentcore.tales import Tale, calibrated, ended
from tests.agentcore.test_promoter import merge
from worktrees.repository import TRUNK
from worktrees.statistics import Verdict, is_not_worse

SIX = (1, 2, 3, 4, 5, 6)
EVEN = {1: 1.0, 2: 1.2, 3: 1.1, 4: 1.0, 5: 1.2, 6: 1.1}
"""What trunk scores by these seeds: mean 1.1."""


@pytest.mark.parametrize(
    ("lines", "score", "outcome"),
    [
        ((1, 3), 1.2, ("keep", True)),  # z = -0.58
        ((1, 3), 1.28, ("drop", False)),  # z = -1.04
        ((1, 3), 0.8, ("keep", False)),  # z = 1.73: a gain like any other
        ((3, 3), 1.1, ("drop", False)),
        ((3, 1), 1.1, ("drop", False)),
    ],
)
def test_fewer_lines_are_kept_unless_they_seem_worse(
    lines: tuple[int, int], score: float, outcome: tuple[str, bool]
) -> None:
    """By one run, which turns away what is clearly worse; what adds lines must seem better."""
    tale = calibrated()
    number = tale.propose("wt0", "t1", lines=lines)
    tale.screen(number, score)
    decided = decide(tale.state, tale.state.experiments[number])
    assert outcome == (decided.outcome, decided.simpler)


def simpler(scores: dict[int, float], trunk: dict[int, float] = EVEN) -> Tale:
    """Return a lab whose candidate removes two lines and had these confirmation runs, as had trunk."""
    tale = calibrated()
    tale.pool("t0", {seed: score for seed, score in trunk.items() if seed > 3})
    number = tale.propose("wt0", "t1", lines=(0, 2))
    tale.screen(number, 1.1)
    tale.tell(decide(tale.state, tale.state.experiments[number]))
    tale.rebase(number, "t1", confirmation_seeds(tale.state, simpler=True)).confirm(number, scores)
    return tale


def candidate(tale: Tale) -> Candidate:
    """Return the candidate."""
    return tale.state.candidates[1]


def shifted(by: float, seeds: tuple[int, ...] = SIX) -> dict[int, float]:
    """Return runs by these seeds that score so much worse than trunk."""
    return {seed: EVEN[seed] + by for seed in seeds}


def test_a_simplification_is_confirmed_by_six_seeds() -> None:
    """To exclude a loss takes more than to show a gain."""
    assert SIX == candidate(simpler({})).seeds


@pytest.mark.parametrize(("loss", "standing"), [(-0.05, "READY"), (0.05, "REJECTED"), (-0.3, "READY")])
def test_a_simplification_passes_when_a_loss_of_one_sigma_is_excluded(loss: float, standing: str) -> None:
    """The gain minus 1.64 standard errors is above minus sigma; a real gain passes all the more."""
    tale = simpler(shifted(loss))
    state, verdict = judge(tale.state, candidate(tale))
    assert (standing, standing == "READY") == (state, verdict.passed)


@pytest.mark.parametrize(("gain", "expected"), [(0.0, False), (0.01, True)])
def test_the_margin_is_for_the_lower_end(gain: float, expected: bool) -> None:
    """0.065 * 1.64 is more than the margin of 0.1, so a gain of nothing does not pass and one of 0.01 does."""
    assert expected == is_not_worse(Verdict(gain, 0.065, SIX, False), 0.1)


def test_the_first_seeds_come_first() -> None:
    """Whether the others are worth their runs is not known yet."""
    assert [1, 2] == [each.seed for each in simpler({}).plan(experiments=1) if isinstance(each, StartRun)]


def test_it_goes_on_while_the_estimate_is_within_the_margin() -> None:
    """Half a sigma worse by two seeds: it may still turn out well."""
    tale = simpler(shifted(0.05, (1, 2)))
    assert (SIX, False) == (seeds_due(tale.state, candidate(tale)), is_measured(tale.state, candidate(tale)))


def test_it_ends_early_where_the_estimate_is_beyond_the_margin() -> None:
    """Two sigma worse by two seeds: four runs are saved, and ending there can only turn it away."""
    tale = simpler(shifted(0.2, (1, 2)))
    assert Judge(1) in tale.plan(experiments=1)
    assert ("REJECTED", (1, 2)) == (judge(tale.state, candidate(tale))[0], judge(tale.state, candidate(tale))[1].seeds)


def test_a_simplification_is_no_win() -> None:
    """It merges, but no total grows by what noise made of it; with 1.64 standard errors it is one."""
    stories = []
    for loss in (-0.05, -0.3):
        tale = simpler(shifted(loss))
        tale.judge(1, "READY", -loss)
        stories.append(candidate(tale).is_win)
    assert [False, True] == stories


def test_its_verdict_is_not_in_the_meter() -> None:
    """Which counts tests of a gain."""
    tale = simpler(shifted(-0.05))
    assert 0 == tale.judge(1, "READY", 0.05).state.tally.confirmations


@pytest.mark.parametrize(("hidden", "is_doubtful"), [(1.02, False), (1.2, True)])
def test_the_hidden_hold_out_must_not_show_more_than_the_margin(hidden: float, is_doubtful: bool) -> None:
    """A small loss there is no doubt of a simplification, as it would be of a gain."""
    tale = simpler(shifted(-0.05, (1, 2)))
    for purpose, commit, tree, holdout in (("baseline", "c0", "t0", 1.0), ("confirm", "c1", "t1", hidden)):
        number = len(tale.state.runs) + 1
        start = ev.RunStarted(number, purpose, None, commit, tree, 4, 1, "cpu0")  # type: ignore[arg-type]
        tale.tell(start, replace(ended(number, 1.0), holdout=holdout))
    assert is_doubtful == bool(doubt(tale.state, candidate(tale), 0.05))


def test_the_queue_says_simpler() -> None:
    """So that nobody takes it for a win."""
    assert [True] == [row.simpler for row in queue_rows(simpler({}).state)]


async def test_a_simplification_lands_and_says_so(tmp_path: Path) -> None:
    """From its edit to the trailer of its commit: a line less, and a gain too small for the gate."""
    old, new = "RATE = 0.1\n\n# Layers (1 to 8).\nDEPTH = 4", "RATE = 0.1015\n\nDEPTH = 4"
    async with desk(tmp_path / "lab") as at:
        await at.work({"wt0": [(old, new)]})
        found = at.lab.state.candidates[1]
        assert ("READY", True) == (found.state, found.simpler)
        await merge(at)
        command = [
            "git",
            "-C",
            str(at.lab.paths.root),
            "log",
            "-1",
            "--format=%(trailers:key=Simpler,valueonly)",
            TRUNK,
        ]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
        assert "1 line fewer, not worse by more than 1σ" == shown
