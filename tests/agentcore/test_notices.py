"""What a person is told who does not look: once, together, and only what they want to hear."""

from __future__ import annotations

import pytest

from agentcore import events as ev
from agentcore.brief.spending import Usage
from agentcore.notices.due import AGAIN_S, APART_S, READY_S, STALE_S, Due, due
from agentcore.notices.level import Level
from tests.agentcore.tales import Tale, calibrated, gated

ASKED = ev.QuestionAsked("wt0", "batch of 128?", "anthropic", "ab")
PARKED = ev.WorktreePaused("wt0", "3 failures in a row", by="engine")
FULL = ev.WarningRaised("disk", "under 50 GB are free: no new runs until there is room")
STOP = ev.EngineStopped("the limit of 9 hours is reached")


def told(tale: Tale, after_s: float = 1.0, *, news: bool = False, last: bool = False) -> Due | None:
    """Return what is due so long after the newest event."""
    return due(tale.state, 0, tale.state.at + after_s, news=news, last=last)


def give(tale: Tale) -> Due:
    """Give what is due, as the engine does."""
    found = told(tale, last=True)
    assert found
    tale.tell(ev.NoticeGiven(tale.state.seq, found.level, found.texts))
    return found


def asking() -> Tale:
    """Return a lab in which an agent asks."""
    return calibrated(config=gated(mode="me")).tell(ev.ThinkingStarted("wt0", "anthropic"), ASKED)


@pytest.mark.parametrize(
    ("events", "level", "text"),
    [
        ((ASKED,), "urgent", 'wt0 asks: "batch of 128?"'),
        ((PARKED,), "urgent", "wt0 is parked: 3 failures in a row"),
        ((PARKED, ev.WorktreePaused("wt1", "by you", "you")), "stopped", "wt0 is parked: 3 failures in a row"),
        ((ev.AgentBarred("anthropic", "key", "401"),), "urgent", "anthropic cannot work (key): 401; the search agent"),
        ((FULL,), "stopped", "under 50 GB are free"),
        ((ev.WarningRaised("walls", "bwrap is gone; nothing new starts."),), "stopped", "bwrap is gone"),
        ((ev.WarningRaised("lost cpu0", "cpu0 is gone"),), "urgent", "cpu0 is gone"),
        ((PARKED, ev.WarningRaised("lost cpu1", "cpu1 is gone")), "stopped", "wt0 is parked"),
        ((ev.WarningRaised("promotions", "trunk holds another tree"),), "urgent", "trunk holds another tree"),
        ((STOP,), "stopped", "the lab has stopped: the limit of 9 hours is reached"),
        ((ev.TrunkMoved("c0", "c9", "t9", None, "hand"),), None, ""),
        ((ev.WarningRaised("notify", "ntfy.sh answered 403"),), None, ""),
        ((ev.EngineStopped("stopped by you"),), None, ""),
        ((ev.NoteTaken("wt0", "hm"),), None, ""),
        ((FULL, ev.WarningCleared("disk")), None, ""),
        ((PARKED, ev.WorktreeResumed("wt0", "you")), None, ""),
    ],
)
def test_what_needs_a_person_is_told(events: tuple[ev.Event, ...], level: Level | None, text: str) -> None:
    """In a sentence; not what needs nobody, nor what is not so any more."""
    found = told(calibrated(config=gated(mode="me")).tell(ev.ThinkingStarted("wt0", "anthropic"), *events))
    assert (level, text) == ((found.level, found.texts[0][: len(text)]) if found else (None, ""))


def test_nothing_is_told_twice() -> None:
    """Also by an engine that comes after a kill: what was given is in the journal. It tells that, and no more."""
    tale = asking()
    give(tale)
    assert None is told(tale, AGAIN_S)
    tale.tell(ev.EngineStarted(2, 1, "boot", "0.1.0", tale.state.slots))
    found = told(tale, APART_S)
    assert found and ("the engine was killed; process 2 goes on in its place",) == found.texts
    give(tale)
    assert None is told(tale, APART_S)
    tale.tell(ev.EngineStopped("stopped by you"), ev.EngineStarted(3, 1, "boot", "0.1.0", tale.state.slots))
    assert None is told(tale, APART_S)


def test_what_was_not_given_before_a_kill_is_told_by_the_next_engine() -> None:
    """Unless it is old news by then."""
    tale = asking().tell(ev.EngineStarted(2, 1, "boot", "0.1.0", calibrated().state.slots))
    assert (True, None) == (bool(told(tale, STALE_S - 2)), told(tale, STALE_S + 2))


def test_what_comes_together_is_told_together() -> None:
    """Half a minute apart; the most important first, and at the end of an engine nothing waits."""
    tale = asking()
    give(tale)
    tale.tell(ev.AgentBarred("anthropic", "key", "401"), FULL)
    soon = told(tale)
    assert soon and (True, "stopped", 2) == (soon.waits, soon.level, len(soon.texts))
    later, last = told(tale, APART_S), told(tale, last=True)
    assert later and last and not later.waits and not last.waits
    assert [True, False] == [each.startswith("under 50 GB") for each in later.texts]


def test_the_same_sentence_is_told_once_an_hour() -> None:
    """A warning that comes and goes is one thing."""
    tale = calibrated().tell(FULL)
    give(tale)
    tale.tell(ev.WarningCleared("disk"), FULL)
    assert None is told(tale)
    moved = due(tale.state, 0, tale.state.at + AGAIN_S, news=False)
    assert None is moved, "it is stale by then"


def test_a_clock_that_was_set_back_makes_nobody_wait() -> None:
    """What was told in the future is no reason to be silent until then."""
    tale = asking()
    give(tale)
    tale.tell(FULL)
    found = due(tale.state, 0, tale.state.at - 7200, news=False)
    assert found and not found.waits


def test_ready_candidates_are_told_every_ten_minutes() -> None:
    """With gain and idea; merged ones, and those that the gate merges, are not."""
    tale = calibrated(config=gated(mode="me"))
    one = tale.ready("wt0", "t1")
    found = give(tale)
    assert ("ready", True) == (found.level, found.texts[0].startswith(f"#{one} is ready to merge, gain +"))
    tale.ready("wt1", "t2")
    assert [True, False] == [bool(each and each.waits) for each in (told(tale), told(tale, READY_S))]
    by_gate = calibrated(config=gated(mode="gate"))
    by_gate.ready("wt0", "t1")
    assert None is told(by_gate)


def test_merges_are_told_to_who_wants_news() -> None:
    """They need nobody; away they are never told."""
    tale = calibrated(config=gated(mode="gate")).tell(ev.TrunkMoved("c0", "c9", "t9", None, "hand"))
    assert None is told(tale)
    found = told(tale, news=True)
    assert found and ("news", ("trunk was moved to c9 by hand",)) == (found.level, found.texts)
    tale.tell(ev.AwayStarted(None, None, "gate", "park", "ada", "urgent"))
    assert None is told(tale, news=True)


@pytest.mark.parametrize(
    ("tell", "expected"),
    [("urgent", {"urgent", "stopped", "report"}), ("stopped", {"stopped", "report"}), ("nothing", set())],
)
def test_who_is_away_hears_what_they_chose(tell: ev.AwayTell, expected: set[str]) -> None:
    """The first line of the table, or only that nobody works any more, or nothing."""
    heard = set()
    for event in (ASKED, FULL, ev.AwayLimitReached("usd", "$2.00 are used"), ev.CandidateMoved(1, "READY", "", "x")):
        tale = calibrated(config=gated(mode="me"))
        tale.ready("wt0", "t1")
        give(tale)
        tale.tell(ev.AwayStarted(None, 2.0, "none", "park", "ada", tell), ev.ThinkingStarted("wt0", "anthropic"), event)
        if found := told(tale, READY_S):
            heard.add(found.level)
    over = calibrated().tell(ev.AwayStarted(200.0, None, "none", "park", "ada", tell))
    over.tell(ev.AwayLimitReached("until", "it is 08:00"), ev.ReportWritten(100.0, ".lab/reports/r.md"))
    if found := told(over):
        heard.add(found.level)
    assert expected == heard


def test_a_report_is_told_once_the_hour_has_come_and_not_to_who_is_back() -> None:
    """With the file that it is in."""
    written = ev.ReportWritten(100.0, ".lab/reports/r.md")
    gone = ev.AwayStarted(200.0, None, "none", "park", "ada", "stopped")
    over = calibrated().tell(gone, ev.AwayLimitReached("until", "it is 08:00"), written)
    found = told(over)
    assert found and (("report", written)) == (found.level, found.report)
    back = calibrated().tell(gone, ev.AwayEnded("ada came back", "ada"), written)
    assert None is told(back)


def test_money_that_is_used_is_told() -> None:
    """Agents stop then, so it calls whoever wants to hear only that."""
    tale = calibrated().tell(ev.AwayStarted(None, 2.0, "none", "park", "ada", "stopped"))
    tale.tell(ev.TokensUsed("wt0", "m", Usage(), 2.0), ev.AwayLimitReached("usd", "$2.00 of the $2.00 are used"))
    found = told(tale)
    assert found and ("$2.00 of the $2.00 are used: nothing more is proposed",) == found.texts


def test_a_flood_is_one_notice() -> None:
    """The first ones are told, the others counted."""
    tale = calibrated()
    for number in range(15):
        tale.tell(ev.WarningRaised(f"contended {number}", f"slot {number} is shared"))
    found = told(tale)
    assert found and (10, "and 6 more") == (len(found.texts), found.texts[-1])
