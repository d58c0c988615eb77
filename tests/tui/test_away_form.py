"""Stories of leaving and coming back: the form's lines, what it checked, and what is shown first to who returns."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.control import Answer, serve
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
    expected = {"until": until, "usd": None, "merge": "gate", "questions": "park", "tell": "stopped"}
    assert [("away", expected)] == [(each.verb, each.arguments) for each in engine.commands]


async def test_lines_are_chosen_and_changed(lab: LabMaker) -> None:
    """`enter` edits a text; `h` and `l` walk through choices."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("A", "enter", *"90m", "enter")
        await person.press("j", "enter", *"25.5", "enter", "j", "l", "j", "h", "j", "l")
        words = ("90m (1h30m)", "$25.50 more", "none, keep all for me", "wait for me", "also what needs me; report at")
        assert list(words) == [word for word in words if word in person.text]
        until = person.now + 5400
        await person.moment(0.6)
        await person.press("y")
        await person.until(lambda: bool(engine.commands))
    sent = engine.commands[0].arguments
    chosen = {name: value for name, value in sent.items() if name != "until"}
    assert {"usd": 25.5, "merge": "none", "questions": "wait", "tell": "urgent"} == chosen
    assert until <= float(str(sent["until"])) <= until + 1


async def test_the_first_letter_takes_the_place_of_the_old_value(lab: LabMaker) -> None:
    """A cursor key keeps it, to be mended; `esc` puts it back."""
    async with sitting_at(lab) as person:
        await person.press("A", "enter", *"100m")
        assert "until         100m " in person.text
        await person.press("escape", "enter", "left", "backspace", "3", "enter")
        assert "until         08:30 (" in person.text
        await person.press("enter", "1", "escape")
        assert "until         08:30 (" in person.text


async def test_a_value_that_cannot_be_stays_to_be_mended(lab: LabMaker) -> None:
    """In a sentence under its line, in which `y` and `n` are letters; what is typed next takes its place."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("A", "enter", "end", *"100m", "enter")
        await person.moment(0.6)
        assert "'08:00100m' is no time: write 08:00, 90m, 2h or" in person.text
        assert "enter  done   esc  leave it as it was" in person.text
        await person.press("y", "enter")
        assert "'y' is no time" in person.text
        await person.press("escape")
        assert "is no time" not in person.text and "until         08:00 (" in person.text
        await person.press("j", "enter", *"lots", "enter")
        assert "'lots' is no sum of dollars: write 25 or 25.80" in person.text
        await person.press(*"12", "enter")
        assert "$12.00 more" in person.text
    assert [] == engine.commands


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        ((), "2001-01-01", "alone is over"),
        ((), "99999999h", "a year away"),
        ((), "0001-01-01", "no time"),
        (("j",), "-3", "no budget"),
        (("j",), "inf", "no budget"),
    ],
)
async def test_what_the_engine_would_refuse_the_line_says(
    lab: LabMaker, place: tuple[str, ...], value: str, why: str
) -> None:
    """While it can still be changed."""
    async with sitting_at(lab) as person:
        await person.press("A", *place, "enter", *value, "enter")
        assert why in person.text and "enter  done" in person.text


async def test_a_yes_that_cannot_be_said_closes_nothing(tmp_path: Path) -> None:
    """The reason is said again, and the lines are still there to be changed."""
    bare = small_lab(tmp_path)
    bare.begin(walls="none")
    async with sitting_at(bare) as person:
        await person.press("A", "j", "j", "l")
        await person.moment(0.6)
        await person.press("y")
        assert "Away mode" in person.text
        assert 2 == person.text.count("without a sandbox")


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
        assert "AWAY over 10:" in person.rows[0]
        assert "it is past 10:02: nothing new starts. A or nightlab back" in person.strip
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
        await person.press("j", "j", "j", "j")
        assert [True, True] == [word in person.text for word in ("> tell me", "y  start")]
        await person.press("j")
        assert "> until" in person.text
        await person.press(*["pagedown"] * 20)
        assert "clock is sane" in person.text and "y  start" in person.text
