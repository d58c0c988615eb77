"""The lab's number, how much faster than the baseline the verified trunk is, stands in the strip if there is room."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.retest.speed import SpeedSummary
from tests.tui.driving import crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui.snapshot import PLAIN
from tui.theme import choose
from tui.widgets.bars import headline

SAID = "12% faster than baseline at x2 (±4)"


def proven(root: Path, word: ev.SpeedWord = "FASTER") -> LabMaker:
    """A lab whose trunk was proven and measured, and in which nothing needs a person."""
    lab = small_lab(root)
    number = lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    lab.merge(number)
    steps = lab.state.line
    measured = (0.8929, 0.8621, 0.9259, 0.1) if word == "FASTER" else (None, None, None, None)
    lab.tell(ev.RetestStarted(1, steps, (1,), 2, "8 GFLOP", "you"))
    lab.tell(ev.RetestEnded(1, "PROVEN", "gain +.0100"))
    lab.tell(ev.SpeedMeasured(1, steps[0].commit, steps[-1].commit, word, *measured, (), "gain over the baseline"))
    return lab


@pytest.mark.parametrize("size", [(160, 45), (80, 24), (60, 15)])
async def test_it_stands_at_the_right_where_nothing_needs_you(tmp_path: Path, size: tuple[int, int]) -> None:
    """Whole or not at all, and the line keeps its width."""
    async with sitting_at(proven(tmp_path), size) as person:
        assert person.strip.startswith("nothing needs you") and person.strip.endswith(SAID)
        assert [] == crooked(person.rows, size[0])


async def test_without_other_letters_it_says_the_same(tmp_path: Path) -> None:
    """A plus alone, which stands for ± elsewhere, would claim more."""
    async with sitting_at(proven(tmp_path), look=choose("", env=PLAIN, ascii_only=True)) as person:
        assert person.strip.endswith("12% faster than baseline at x2 (+-4)")


async def test_what_needs_a_person_comes_first(tmp_path: Path) -> None:
    """A long need takes the room; a short one leaves it, before the key that goes there."""
    lab = proven(tmp_path)
    lab.tell(ev.WarningRaised("disk", "the disk is full"))
    async with sitting_at(lab, (160, 45)) as person:
        assert person.strip.endswith(f"{SAID}   a: go there") and "the disk is full" in person.strip
        await person.resize(60, 15)
        assert "the disk is full" in person.strip and "faster" not in person.strip
        assert [] == crooked(person.rows, 60)


async def test_without_a_number_there_is_no_headline(tmp_path: Path) -> None:
    """Why there is none stands among the events."""
    async with sitting_at(proven(tmp_path, "FLAT"), (160, 45)) as person:
        assert "nothing needs you" == person.strip.strip()
        await person.press("8")
        assert "a smaller budget cost less than the noise" in person.text


def test_a_bound_is_told_as_one() -> None:
    """At least so much; or an interval whose end was not reached."""
    known = SpeedSummary("BEYOND", "", 1, "c1", "c0", 2, percent=150.0)
    open_end = SpeedSummary("FASTER", "", 1, "c1", "c0", 2, 140.0, (110.0, 150.0), is_open=True)
    assert ("at least 150% faster than baseline at x2", "140% faster than baseline at x2 (110 or more)", "") == (
        headline(known),
        headline(open_end),
        headline(None),
    )
