"""A clock that is set, or a machine that slept, ends nothing early and makes nothing wait for longer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.bounds import Bounds
from agentcore.overview import overview
from agentcore.overview.live import Live
from agentcore.plan import Limits
from agentcore.worktree import questions
from tests.agentcore import labs
from tests.agentcore.labs import Desk
from tui.story import tell

HOURS = 6.2 * 3600


@dataclass
class Time:
    """Two clocks: one that a person may set, one that nobody can."""

    steady: float = 1000.0
    ahead: float = 1_700_000_000.0

    def now(self) -> float:
        """The clock that can be set."""
        return self.steady + self.ahead


@dataclass
class Bound:
    """A lab within bounds, and its time."""

    desk: Desk
    time: Time
    bounds: Bounds

    def move(self, seconds: float) -> None:
        """Set the clock, and let the engine look."""
        self.time.ahead += seconds
        self.bounds.look()

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and let the engine look."""
        self.time.steady += seconds
        self.bounds.look()


async def bound(root: Path, hours: float = 0.0, until: float | None = None) -> Bound:
    """Open a lab whose agent has asked something, and one run of which goes on."""
    time = Time()
    desk = Desk(await labs.open_desk(labs.made(root), labs.Instant()), labs.Instant())
    lab, trunk = desk.lab, desk.lab.state.trunk
    assert trunk is not None
    lab.clock = time.now
    lab.project = replace(lab.project, limits=replace(lab.project.limits, hours=hours, disk_floor_gb=0.0))
    lab.record(ev.EngineStarted(1, 1, "boot", "0.1.0", lab.slots))
    lab.record(ev.QuestionAsked("wt0", "may I?", "scripted"))
    lab.record(ev.ThinkingStarted("wt1"))
    lab.record(ev.RunStarted(1, "baseline", None, trunk.commit, trunk.tree, 1, 1, "cpu0"))
    return Bound(desk, time, Bounds(lab, Limits(), until, lambda: time.steady))


@pytest.fixture
def close() -> Iterator[list[Bound]]:
    """Labs that are closed after the test."""
    opened: list[Bound] = []
    yield opened
    for each in opened:
        each.desk.lab.close()


@pytest.mark.parametrize(("seconds", "text"), [(HOURS, "clock moved 6h12m"), (-HOURS, "clock moved 6h12m back")])
async def test_a_clock_that_moved_is_one_event(tmp_path: Path, close: list[Bound], seconds: float, text: str) -> None:
    """The journal says how far, once."""
    close.append(lab := await bound(tmp_path / "lab"))
    lab.move(seconds)
    lab.pass_by(5.0)
    state = lab.desk.lab.state
    told = [tell(each, state) for each in state.recent if isinstance(each.event, ev.ClockMoved)]
    assert [text] == [each.text for each in told if each]


async def test_time_that_passes_is_no_jump(tmp_path: Path, close: list[Bound]) -> None:
    """An engine that was busy, or stopped with its terminal, for an hour; a second that NTP puts right."""
    close.append(lab := await bound(tmp_path / "lab"))
    lab.pass_by(3600.0)
    lab.move(1.0)
    assert [] == lab.desk.told(ev.ClockMoved)


async def test_a_jump_parks_no_question(tmp_path: Path, close: list[Bound]) -> None:
    """It is parked after the time that it may wait, and not after what the clock says."""
    close.append(lab := await bound(tmp_path / "lab"))
    lab.move(HOURS)
    kept = questions.are_open(lab.desk.lab.state)
    lab.pass_by(lab.desk.lab.project.agents.question_wait_s + 1)
    assert (True, False) == (kept, questions.are_open(lab.desk.lab.state))


async def test_a_jump_back_keeps_no_question_open(tmp_path: Path, close: list[Bound]) -> None:
    """Six hours back are not six hours more to wait."""
    close.append(lab := await bound(tmp_path / "lab"))
    lab.move(-HOURS)
    lab.pass_by(lab.desk.lab.project.agents.question_wait_s + 1)
    assert not questions.are_open(lab.desk.lab.state)


async def test_a_jump_ends_no_night(tmp_path: Path, close: list[Bound]) -> None:
    """[limits] hours are hours of work."""
    close.append(lab := await bound(tmp_path / "lab", hours=2.0))
    lab.move(HOURS)
    early = lab.bounds.reason
    lab.pass_by(2.1 * 3600)
    assert ("", "the limit of 2 hours is reached ([limits] hours)") == (early, lab.bounds.reason)


async def test_a_time_of_day_is_a_time_of_day(tmp_path: Path, close: list[Bound]) -> None:
    """Who wants it to work until eight means eight by the clock that is right now."""
    close.append(lab := await bound(tmp_path / "lab", until=Time().now() + 3600))
    before = lab.bounds.is_late
    lab.move(HOURS)
    assert (False, True) == (before, lab.bounds.is_late)


@pytest.mark.parametrize("seconds", [HOURS, -HOURS])
async def test_ages_are_time_that_passed(tmp_path: Path, close: list[Bound], seconds: float) -> None:
    """On the screen nothing is six hours old, or from the future."""
    close.append(lab := await bound(tmp_path / "lab"))
    lab.pass_by(60.0)
    lab.move(seconds)
    rows = overview(lab.desk.lab.state, Live(engine_alive=True), lab.time.now()).rows
    assert [60, 60] == [round(lab.time.now() - row.since) for row in rows]
