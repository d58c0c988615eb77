"""Stories of leaving and coming back: the form's lines, what it checked, and what is shown first to who returns."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.control import Answer, serve
from tests.tui.driving import FakeEngine, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui.moments import moment


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A quiet lab."""
    return small_lab(tmp_path)


async def test_the_form_starts_away_with_the_lines_as_they_stand(lab: LabMaker) -> None:
    """Until eight, merged by the gate, questions parked; `y` counts after half a second."""
    engine = FakeEngine(Answer(0, "away: the engine holds the limits"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("A", "y")
        assert [] == engine.commands
        assert all(word in person.text for word in ("until", "spend at most", "by the gate", "Checked:", "G free"))
        await person.moment(0.6)
        until = moment("08:00", person.now)
        await person.press("y")
        await person.sees("away: the engine holds the limits")
    expected = {"until": until, "usd": None, "merge": "gate", "questions": "park"}
    assert [("away", expected)] == [(each.verb, each.arguments) for each in engine.commands]


async def test_lines_are_chosen_and_changed(lab: LabMaker) -> None:
    """`enter` edits a text, in which `y` and `n` are letters; `h` and `l` walk through choices."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("A", "enter", *["backspace"] * 5, "y", "n", "enter")
        assert "'yn' is no time" in person.text
        assert "y  start" not in person.text
        await person.press("enter", "backspace", "backspace", "9", "0", "m", "enter")
        await person.press("j", "enter", "2", "5", ".", "5", "enter", "j", "l", "j", "h")
        words = ("90m (1h30m)", "$25.50 more", "none, keep all for me", "wait for me")
        assert list(words) == [word for word in words if word in person.text]
        until = person.now + 5400
        await person.moment(0.6)
        await person.press("y")
        await person.until(lambda: bool(engine.commands))
    sent = engine.commands[0].arguments
    assert (25.5, "none", "wait", True) == (sent["usd"], sent["merge"], sent["questions"], sent["until"] >= until)  # type: ignore[operator]


async def test_a_change_arms_the_answer_anew(lab: LabMaker) -> None:
    """A `y` right after a changed line is not an answer to what has just appeared."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("A")
        await person.moment(1)
        await person.press("j", "j", "l", "y")
        assert "Away mode" in person.text
    assert [] == engine.commands


@pytest.mark.parametrize("key", ["n", "escape", "x"])
async def test_every_other_key_means_no(lab: LabMaker, key: str) -> None:
    """The form is a sheet."""
    async with sitting_at(lab) as person:
        await person.press("A", key)
        assert "no: nothing was changed" == person.strip


async def test_title_and_strip_say_that_nobody_is_there(lab: LabMaker) -> None:
    """With the limits; `A` again ends it."""
    engine = FakeEngine(Answer(0, "welcome back"))
    lab.tell(ev.AwayStarted(lab.now + 7200, 25.0, "gate", "park", "you"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        assert "AWAY until" in person.rows[0]
        assert "$0.00 of $25.00 used, merges by the gate. A: back" in person.strip
        lab.tell(ev.AwayLimitReached("until", "the time is over"))
        await person.moment()
        assert "AWAY over" in person.rows[0]
        assert "nothing new starts" in person.strip
        await person.press("A")
        await person.sees("welcome back")
    assert ["back"] == [each.verb for each in engine.commands]


async def test_the_first_key_after_an_hour_does_its_job_and_says_where_to_look(lab: LabMaker) -> None:
    """The hint stays until that was looked at."""
    async with sitting_at(lab) as person:
        await person.press("j")
        await person.moment(3600 * 9 + 720)
        await person.press("3")
        assert person.rows[0].startswith(" 3 QUEUE")
        assert "away 9h12m:" in person.strip
        key = person.strip.split(": ")[1][0]
        await person.press(key, "1")
        assert "away" not in person.strip


async def test_the_form_holds_on_a_small_terminal(lab: LabMaker) -> None:
    """At 60x15 the lines that can be changed and the answer are there."""
    async with sitting_at(lab, (60, 15)) as person:
        await person.press("A")
        await person.moment(0.6)
        assert [True] * 3 == [word in person.text for word in ("> until", "merges", "y  start")]
