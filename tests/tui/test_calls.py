"""Stories of what the view says by itself: news, hints, and nothing while somebody answers a question."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from tests.tui.driving import Person, crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui import bindings
from tui.options import ViewOptions
from tui.screens.base import BaseScreen


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with one READY candidate."""
    lab = small_lab(tmp_path)
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    return lab


async def test_news_stand_above_the_keys_and_in_a_narrow_strip(lab: LabMaker) -> None:
    """From 100 cells on the right end of the line above the keys has it, at 80 the strip."""
    async with sitting_at(lab, (160, 45)) as person:
        lab.tell(ev.WarningRaised("disk", "3G free"))
        await person.until(lambda: person.rows[-3].rstrip().endswith("! disk WARN 3G free"))
        assert [] == crooked(person.rows, 160)
        await person.resize(80, 24)
        lab.tell(ev.WarningRaised("key", "refused"))
        await person.until(lambda: "! key WARN refused" == person.strip)


async def test_news_are_never_over_a_sheet(lab: LabMaker) -> None:
    """While a question is open nothing is put over it or beside it."""
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("m")
        before = person.rows[-3]
        lab.tell(ev.WarningRaised("disk", "3G free"))
        await person.until(lambda: "2 need you" in person.rows[1])
        assert before == person.rows[-3]


async def test_a_newcomer_is_told_two_things_once(lab: LabMaker) -> None:
    """How to leave, how to merge: one after the other, and never again in this lab."""
    async with sitting_at(lab, options=ViewOptions(hints=True)) as person:
        await person.moment()
        await person.sees("q leaves, all work goes on")
        hide(person)
        await person.moment()
        await person.sees("m opens a question; nothing merges without y")
    async with sitting_at(lab, options=ViewOptions(hints=True)) as person:
        await person.moment()
        assert "q leaves" not in person.text and "opens a question" not in person.text


def hide(person: Person) -> None:
    """Let the seconds of a note pass."""
    front = person.view.front
    assert front
    front.note.hide()


async def test_no_plots_over_a_thin_line(lab: LabMaker) -> None:
    """`--slow` leaves the progress plot out, and its room to the events."""
    async with sitting_at(lab, options=ViewOptions(plots=False)) as person:
        assert "progress:" not in person.text and "── events" in person.text


SIZES = [(52, 12), (60, 15), (80, 24), (100, 30), (140, 40), (160, 45), (250, 70)]


async def test_every_screen_stands_at_every_size(lab: LabMaker) -> None:
    """Resized while it is looked at, each screen fills the terminal exactly; too small a one says what it needs."""
    async with sitting_at(lab) as person:
        for screen in bindings.SCREENS.values():
            person.view.go(screen)
            for width, height in SIZES:
                await person.resize(width, height)
                assert ([], height) == (crooked(person.rows, width), len(person.rows))
                if (width, height) == (52, 12):
                    assert "Needs 60x15, is 52x12" in " ".join(person.text.split())
                else:
                    front = person.view.front
                    assert isinstance(front, BaseScreen) and front.NAME.upper() in person.rows[0]
                    assert "need" in person.rows[1] and "?" in person.rows[-2] + person.rows[-1]
