"""How many of the confirmed gains may be none is known, shown, and answered by asking for more."""

from __future__ import annotations

import pytest

from agentcore import events as ev
from agentcore.overview import Live, overview
from agentcore.plan import Record
from agentcore.queue.judging import judge, meter, threshold
from tests.agentcore.tales import Tale, calibrated, gated
from worktrees.statistics import Verdict, false_share


@pytest.mark.parametrize(
    ("confirmations", "negative", "passed", "share"),
    [
        (0, 0, 0, 0.0),
        (20, 4, 8, 0.0505),  # 40 % have no effect: 8 * 0.0505 pass, of 8
        (20, 10, 1, 1.0),  # about one false one is expected, and one passed
        (40, 30, 10, 0.2020),  # more than half negative: all of them may be without effect
        (20, 0, 10, 0.0),
        (20, 10, 0, 1.0),
    ],
)
def test_the_meter(confirmations: int, negative: int, passed: int, share: float) -> None:
    """0.05 * min(1, 2 * share of negative ones) * confirmations / passed, at most 1."""
    assert pytest.approx(share, abs=5e-4) == min(1.0, false_share(confirmations, negative, passed, 1.64))


def test_the_meter_knows_the_threshold() -> None:
    """At one standard error three times as many without an effect pass as at 1.64."""
    assert pytest.approx(0.1587 / 0.0505, abs=0.01) == false_share(10, 5, 8, 1.0) / false_share(10, 5, 8, 1.64)


def judged(passed: int, near: int, negative: int, **gate: object) -> Tale:
    """Return a lab with so many verdicts of its one candidate: passed, above zero, below zero."""
    tale = calibrated(config=gated(**gate))
    tale.rebase(tale.keep("wt0", "t1"), "t1")
    for count, gain in ((passed, 0.3), (near, 0.1), (negative, -0.1)):
        for _ in range(count):
            verdict = Verdict(gain, 0.1, (1, 2), gain > 0.2)
            tale.tell(ev.CandidateJudged(1, "REJECTED", verdict, "", ""))
    return tale


def changes(tale: Tale) -> list[ev.Event]:
    """Return what the plan records of the threshold."""
    records = [each.event for each in tale.plan(experiments=1) if isinstance(each, Record)]
    return [each for each in records if isinstance(each, ev.ThresholdChanged)]


def test_a_lab_without_a_confirmation_has_no_meter() -> None:
    """There is nothing to be false."""
    assert None is meter(calibrated().state)


@pytest.mark.parametrize(
    ("passed", "near", "negative", "asked"),
    [
        (8, 8, 4, None),  # 5 %
        (2, 3, 14, None),  # 48 %, but of 19
        (4, 4, 12, 1.96),  # 25 %
        (1, 7, 12, 2.33),  # 101 %
    ],
)
def test_more_is_asked_when_too_many_may_be_false(passed: int, near: int, negative: int, asked: float | None) -> None:
    """Over 20 % after 20 confirmations, and still more over 50 %."""
    found = changes(judged(passed, near, negative))
    assert ([] if asked is None else [asked]) == [each.z_confirm for each in found]  # type: ignore[union-attr]


def test_a_lab_may_refuse_to_be_tightened() -> None:
    """[gate] tighten = false."""
    assert [] == changes(judged(1, 7, 12, tighten=False))


def test_a_change_of_the_threshold_is_recorded_once() -> None:
    """It stands in the journal, so a replay judges as it was judged."""
    tale = judged(4, 4, 12)
    tale.tell(*changes(tale))
    assert ([], 1.96) == (changes(tale), threshold(tale.state))


def test_less_is_asked_again_when_gains_come_back() -> None:
    """The gate's own threshold, once the meter is under 20 %."""
    tale = judged(4, 4, 12)
    tale.tell(*changes(tale))
    for _ in range(10):
        tale.tell(ev.CandidateJudged(1, "REJECTED", Verdict(0.3, 0.1, (1, 2), True), "", ""))
    tale.tell(*changes(tale))
    assert 1.64 == threshold(tale.state)


def test_a_confirmation_is_judged_by_the_threshold_of_the_day() -> None:
    """1.70 standard errors pass at 1.64, and are NOISE at 1.96."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1", (1, 2)).confirm(number, {1: 0.85, 2: 0.95})
    before = judge(tale.state, tale.state.candidates[number])
    tale.tell(ev.ThresholdChanged(1.96, 0.25, 20))
    after = judge(tale.state, tale.state.candidates[number])
    assert ("READY", "NOISE", "1.70") == (before[0], after[0], f"{before[1].z:.2f}")


def test_the_overview_tells_the_meter_and_why_more_is_asked() -> None:
    """As a line of the strip, as long as it is so."""
    tale = judged(4, 4, 12)
    tale.tell(*changes(tale))
    seen = overview(tale.state, Live(engine_alive=True), 200.0)
    needs = [each.text for each in seen.needs if each.key == "tightened 1.96"]
    text = "the gate is tightened: up to 25% of the confirmations that passed may be false, so they now need 1.96"
    assert (1.96, True, 20, 4) == (
        seen.gate.z_confirm,
        seen.gate.is_tightened,
        seen.gate.confirmations,
        seen.gate.passed,
    )
    assert [True] == [each.startswith(text) for each in needs]
