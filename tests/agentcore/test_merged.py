"""What is told of merges: the word of their retest, or when it comes; trunk's line; by what a verdict was made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentcore import events as ev
from agentcore.queue.evidence import calculated, evidence, measured
from agentcore.queue.merged import history, merged_rows
from agentcore.state import LabState
from tests.agentcore.tales import CONFIG, Tale, calibrated
from worktrees.project import RetestSettings
from worktrees.statistics import Verdict


def merged(every: int = 2) -> Tale:
    """A lab with one merge."""
    tale = calibrated(2, replace(CONFIG, retest=RetestSettings(budget="8 GFLOP", every=every)))
    return tale.merge(tale.ready("wt0", "t10"))


def word(state: LabState) -> str:
    """Return what is said of the newest merge's retest."""
    return merged_rows(state)[0].retest


@pytest.mark.parametrize(
    ("every", "said"), [(0, "no retest by itself: t"), (1, "retest comes next"), (3, "retest after 2 more merges")]
)
def test_a_merge_says_when_it_is_tried_at_the_larger_size(every: int, said: str) -> None:
    """By the number of merges that lab.toml wants between."""
    assert said == word(merged(every).state)


def test_a_merge_has_the_gain_and_word_of_its_retest() -> None:
    """While it runs, and after its verdict."""
    tale = merged()
    steps = tale.state.line
    tale.tell(ev.RetestStarted(1, steps, (1,), 2, "8 GFLOP", "engine"))
    assert "x2: running" == word(tale.state)
    verdict = Verdict(0.2, 0.1, (1,), True)
    tale.tell(ev.RetestJudged(1, 1, "PROVEN", verdict, (), "gain +0.2"))
    tale.tell(ev.RetestEnded(1, "PROVEN", "gain +0.2"))
    row = merged_rows(tale.state)[0]
    assert ("PROVEN", "x2: +.2000 (2.0σ), holds") == (row.state, row.retest)


def test_a_merge_that_was_taken_back_says_by_whom() -> None:
    """It stays in the list."""
    tale = merged()
    tale.tell(ev.TrunkMoved("l1", "r1", "t9", None, "ada", reverted=1, reason="worse on long texts"))
    assert ("REVERTED", "taken back by ada: worse on long texts") == (
        merged_rows(tale.state)[0].state,
        word(tale.state),
    )


def test_history_is_trunks_line_newest_first() -> None:
    """Each with what it brought and the mean of its pool."""
    steps = history(merged().state)
    assert [("l1", "#1 RATE 0.1 → 0.2"), ("c0", "baseline")] == [(step.commit, step.words) for step in steps]
    assert [pytest.approx(0.85), pytest.approx(1.1)] == [step.score for step in steps]


def test_a_verdict_is_told_with_its_inputs() -> None:
    """The runs of both sides by seed, what was asked for, and how many runs stand against how many."""
    tale = calibrated(2)
    number = tale.ready("wt0", "t10")
    found = evidence(tale.state, number)
    facts = dict([*measured(found), *calculated(tale.state, found)])
    assert ".8000  .9000   mean .8500" == facts["seeds"]
    assert "1.0000  1.2000   mean 1.1000, same seeds" == facts["trunk"]
    assert facts["verdict"].startswith("gain +.2000 ±.1000, 2.0σ of 1.64 asked; 95 % +.0040 to +.3960")
    assert facts["inputs"].startswith("2 seeds against 3 runs of trunk; σ ")


def test_a_tree_that_trunk_has_left_behind_says_so() -> None:
    """Its runs say nothing of today's trunk."""
    tale = calibrated(2)
    first, second = tale.ready("wt0", "t10"), tale.ready("wt1", "t11")
    tale.merge(first)
    assert dict(measured(evidence(tale.state, second)))["tree"].endswith("; trunk has moved on")
