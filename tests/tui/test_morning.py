"""Stories of coming back: what the strip offers, where the report's file lies, and where in the events one was last."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.away.presence import last_key, touch, watching
from tests.tui.driving import Person, crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab

NIGHT_S = 9 * 3600.0 + 720.0
FILE = ".lab/reports/2026-03-14-0800.md"


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab before a night: a drop and a candidate that is READY."""
    lab = small_lab(tmp_path)
    lab.experiment("wt0", "MATRIX_LR 0.020 to 0.034", "drop", 1.7040)
    lab.make_ready("wt1", "WARMUP 0.05 to 0.02")
    return lab


def sleep(lab: LabMaker) -> None:
    """Let a night pass, in which a provider limits, a training crashes, and a retest ends."""
    lab.now += NIGHT_S / 2
    lab.think("wt0")
    lab.wait("wt0", text="429")
    lab.experiment("wt1", "DEPTH 4 to 40", "crash", None, "CUDA OOM")
    trunk = lab.state.line[-1]
    lab.tell(ev.RetestStarted(1, (trunk, trunk), (1,), 2, "8 GFLOP", "engine"))
    lab.tell(ev.RetestEnded(1, "PROVEN", "gain +.0100"))
    lab.now += NIGHT_S / 2


def at(person: Person, word: str) -> int:
    """Return the first row that holds `word`."""
    return next(index for index, row in enumerate(person.rows) if word in row)


async def test_a_view_that_is_opened_in_the_morning_offers_the_report(lab: LabMaker) -> None:
    """The one of the evening left the time of its last key; opening `7` takes the offer away."""
    with watching(lab.paths.watchers):
        touch(lab.paths.watchers, lab.now)
    left = lab.now
    sleep(lab)
    async with sitting_at(lab) as person:
        assert person.strip.startswith("away 9h12m: 7 for the report")
        await person.press("3")
        assert person.strip.startswith("away 9h12m: 7 for the report")
        await person.press("7")
        await person.until(lambda: "what next?" in person.text)
        assert left == person.view.reading.report.since  # type: ignore[union-attr]
        assert "for the report" not in person.text
        assert person.now == last_key(lab.paths.watchers)


async def test_the_offer_outlives_the_view_until_the_report_was_opened(lab: LabMaker) -> None:
    """The line may drop after the first key; a view that is opened later offers the same, and another one no more."""
    with watching(lab.paths.watchers):
        touch(lab.paths.watchers, lab.now)
    left = lab.now
    sleep(lab)
    async with sitting_at(lab) as person:
        await person.press("j")
    lab.now += 60.0
    async with sitting_at(lab) as person:
        assert person.strip.startswith("away 9h12m: 7 for the report")
        await person.press("7")
        await person.until(lambda: "what next?" in person.text)
        assert left == person.view.reading.report.since  # type: ignore[union-attr]
    async with sitting_at(lab) as person:
        assert "for the report" not in person.strip


async def test_away_mode_is_an_absence_of_its_own(lab: LabMaker) -> None:
    """The report begins where the person left, also while they are still away; a minute without a key is enough."""
    lab.tell(ev.AwayStarted(None, None, "none", "park", "you"))
    left = lab.now
    lab.now += 600.0
    async with sitting_at(lab) as person:
        assert person.strip.startswith("away 10m")
        await person.press("7")
        await person.until(lambda: person.view.reading.report is not None)
        assert left == person.view.reading.report.since  # type: ignore[union-attr]


async def test_nobody_who_was_away_for_minutes_is_greeted(lab: LabMaker) -> None:
    """An hour makes an absence; a lab that was never looked at has none."""
    async with sitting_at(lab) as person:
        await person.press("j")
        await person.moment(3500)
        await person.press("j")
        assert "for the report" not in person.text


async def test_the_title_says_where_the_report_lies(lab: LabMaker) -> None:
    """As soon as the engine has written it, and where there is room; one of an older absence is not named."""
    lab.tell(ev.AwayStarted(None, None, "none", "park", "you"))
    left = lab.now
    sleep(lab)
    lab.tell(ev.ReportWritten(left - 1, FILE))
    async with sitting_at(lab) as person:
        await person.press("7")
        await person.until(lambda: "what next?" in person.text)
        assert "saved:" not in person.rows[0]
        lab.tell(ev.ReportWritten(left, FILE))
        await person.sees(f"9h12m  saved: {FILE}")
        await person.resize(60, 15)
        assert ("9h12m" in person.rows[0], "saved:" in person.rows[0]) == (True, False)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 45)])
async def test_a_rule_marks_where_one_was_last(lab: LabMaker, size: tuple[int, int]) -> None:
    """Between what one saw and what is new; the cursor goes over it, and follows its event where more comes."""
    with watching(lab.paths.watchers):
        touch(lab.paths.watchers, lab.now)
    sleep(lab)
    async with sitting_at(lab, size) as person:
        await person.press("8")
        rule = at(person, "you were here last")
        assert "PROVEN" in person.rows[2]
        assert "READY" in person.rows[rule + 1]
        await person.press(*["j"] * (rule - 2))
        assert person.rows[rule + 1].startswith(">")
        await person.press("k")
        assert person.rows[rule - 1].startswith(">")
        chosen = person.rows[rule - 1]
        lab.tell(ev.NoteTaken("wt0", "later"))
        await person.sees("FROZEN, 1 newer")
        assert chosen in person.rows
        await person.press("F")
        assert "later" in person.rows[2] and "FROZEN" not in person.text
        assert [] == crooked(person.rows, size[0])


async def test_only_what_went_wrong_is_listed(lab: LabMaker) -> None:
    """`!` leaves the wait and the crash, `/` looks within them, `!` again lists all."""
    sleep(lab)
    async with sitting_at(lab) as person:
        await person.press("8", "!")
        assert "what went wrong or needs you: 2" in person.text
        assert ("LIMIT" in person.text, "CRASH" in person.text, "DROP" in person.text) == (True, True, False)
        await person.press("/", *"oom", "enter")
        assert "what went wrong or needs you that hold oom: 1" in person.text
        await person.press("escape", "!")
        assert "DROP" in person.text


@pytest.mark.parametrize(
    ("word", "title"),
    [("PROVEN", " 5 RETEST"), ("READY", " 3 QUEUE"), ("DROP", " EXPERIMENT  #1"), ("LIMIT", " 2 WORKTREE")],
)
async def test_enter_goes_to_where_an_event_comes_from(lab: LabMaker, word: str, title: str) -> None:
    """A retest, a candidate, an experiment, a worktree; `-` comes back."""
    sleep(lab)
    async with sitting_at(lab, (80, 45)) as person:
        await person.press("8")
        await person.press(*["j"] * (at(person, word) - at(person, "PROVEN")), "enter")
        assert person.rows[0].startswith(title)
        if word == "LIMIT":
            assert "wt0" == person.view.selected
        await person.press("minus")
        assert " 8 EVENTS" == person.rows[0][:9]


async def test_what_has_no_screen_says_so(lab: LabMaker) -> None:
    """The start of an engine."""
    async with sitting_at(lab, (80, 60)) as person:
        await person.press("8")
        await person.press(*["j"] * (at(person, "START") - 2), "enter")
        assert "engine START has no screen of its own" == person.strip
