"""Stories of screen 5: what held at the larger size."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.control import serve
from tests.tui.driving import FakeEngine, crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab
from worktrees.statistics import Verdict


def proven(lab: LabMaker) -> None:
    """Tell a retest of the newest merge that found its gain at the larger size."""
    line = lab.state.line
    lab.tell(ev.RetestStarted(1, line[-2:], (1,), 2, "4800 GFLOP", "engine"))
    verdict = Verdict(0.0031, 0.0010, (1,), True)
    lab.tell(ev.RetestJudged(1, 1, "PROVEN", verdict, (), "gain +0.0031 (3.1σ) at 2 times the size"))
    lab.tell(ev.RetestEnded(1, "PROVEN", "gain +0.0031 (3.1σ) at 2 times the size"))


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with one merge."""
    lab = small_lab(tmp_path)
    lab.merge(lab.make_ready("wt1", "WARMUP 0.05 to 0.02"))
    return lab


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 45), (250, 70)])
async def test_five_shows_each_retest_with_both_gains(lab: LabMaker, size: tuple[int, int]) -> None:
    """Its word, trunk, the small and the large gain; nothing sticks out at any size."""
    proven(lab)
    async with sitting_at(lab, size) as person:
        await person.press("5")
        await person.until(lambda: "5 RETEST" in person.text)
        assert "+.0031" in person.row("PROVEN") and "3.1" in person.row("PROVEN")
        assert [] == crooked(person.rows, size[0])


async def test_the_merges_behind_a_verdict_are_named(lab: LabMaker) -> None:
    """So that a faded one can be told from the others."""
    proven(lab)
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("5")
        assert "WARMUP 0.05 to 0.02" in person.row("merge ")
        assert "●" in person.text


async def test_without_a_retest_it_says_when_there_will_be_one(lab: LabMaker) -> None:
    """An empty screen would look broken."""
    async with sitting_at(lab) as person:
        await person.press("5")
        assert "This lab has no larger size: set [retest] budget in lab.toml" in person.text


async def test_t_asks_before_it_spends_hours(lab: LabMaker) -> None:
    """What cannot begin says why, and `y` is not offered."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("5", "t")
        assert "Try trunk at the larger size?" in person.text
        assert "no larger size" in person.row("so ")
        person.beat += 1
        await person.press("y")
        assert [] == engine.commands
