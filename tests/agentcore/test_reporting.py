"""The engine writes the report of each absence to a file, once, and nothing breaks where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.away import absence
from agentcore.away.presence import last_key, touch, watching
from agentcore.engine.bounds import Bounds
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import Command
from agentcore.plan import Limits
from agentcore.report import reporting
from agentcore.state import LabState
from agentcore.synthetic import project
from agentcore.synthetic.night import work
from agentcore.synthetic.world import World
from tests.agentcore.labs import Desk, desk
from tests.agentcore.tales import Tale, calibrated


async def leave(at: Desk, **limits: object) -> Counter:
    """Leave the lab alone; return what answers commands."""
    counter = Counter(at.lab, lambda reason, now: None)
    assert (await counter.handle(Command("away", "ada", limits))).done
    return counter


async def test_coming_back_writes_one_report(tmp_path: Path) -> None:
    """About the time since the person left; its JSON lies beside it, and its name is the time of its end."""
    async with desk(tmp_path / "lab") as at:
        counter = await leave(at)
        assert at.lab.state.away
        since = at.lab.state.away.since
        await reporting.catch_up(at.lab)
        assert [] == at.told(ev.ReportWritten)
        assert (await counter.handle(Command("back", "ada"))).done
        await reporting.catch_up(at.lab)
        await reporting.catch_up(at.lab)
        (told,) = at.told(ev.ReportWritten)
        assert isinstance(told, ev.ReportWritten)
        file = at.lab.paths.root / told.path
        body = json.loads(file.with_suffix(".json").read_text())
        assert (since, since, told) == (told.since, body["since"], at.lab.state.saved)
        assert sorted(at.lab.paths.reports.iterdir()) == sorted([file, file.with_suffix(".json")])


async def test_the_hour_that_was_named_writes_it_for_who_sleeps_on(tmp_path: Path) -> None:
    """And coming back later does not write a second one."""
    async with desk(tmp_path / "lab") as at:
        counter = await leave(at, until=at.lab.clock() + 10)
        bounds = Bounds(at.lab, Limits(), None)
        for _ in range(20):
            bounds.look()
            await reporting.catch_up(at.lab)
        assert (await counter.handle(Command("back", "ada"))).done
        await reporting.catch_up(at.lab)
        assert 1 == len(at.told(ev.ReportWritten))


async def test_a_disk_that_takes_no_file_ends_nothing(tmp_path: Path) -> None:
    """The event says why; it is not tried again, and what was saved before stays named."""
    async with desk(tmp_path / "lab") as at:
        at.lab.paths.reports.write_text("in the way")
        counter = await leave(at)
        await counter.handle(Command("back", "ada"))
        await reporting.catch_up(at.lab)
        await reporting.catch_up(at.lab)
        (told,) = at.told(ev.ReportWritten)
        assert isinstance(told, ev.ReportWritten)
        assert ("", True, None) == (told.path, told.reason.startswith("not written: "), at.lab.state.saved)


async def test_a_lab_that_ends_by_itself_leaves_a_report(tmp_path: Path) -> None:
    """Its first line says that and why it has stopped."""
    paths = project.make(tmp_path / "lab", World())
    state = await work(paths, World(), experiments=1, slot_count=1)
    assert state.saved
    assert state.recent[-1].event == state.saved
    answers = json.loads((paths.root / state.saved.path).with_suffix(".json").read_text())["answers"]
    assert answers[0]["text"].startswith("no: the engine stopped at ")


def gone(tale: Tale) -> Tale:
    """Tell that a person leaves."""
    return tale.tell(ev.AwayStarted(None, None, "none", "park", "ada"))


def test_the_newest_absence_is_what_a_report_tells_of() -> None:
    """Away, else the away that is over, else an hour without a key after it, else half a day."""
    tale = calibrated()
    now = tale.state.at + 100.0
    assert now - absence.RECENT_S == absence.began(tale.state, None, now)
    assert 7.0 == absence.began(tale.state, 7.0, now)
    away = gone(tale).state
    assert away.at == absence.began(away, 7.0, now)
    back = tale.tell(ev.AwayEnded("ada came back", "ada")).state
    assert [away.at, away.at, back.at + 1] == [absence.began(back, left, now) for left in (None, 7.0, back.at + 1)]
    later = back.at + absence.RECENT_S + 1
    assert later - absence.RECENT_S == absence.began(back, None, later)


@pytest.mark.parametrize(
    ("silent_s", "is_away", "expected"), [(3599, False, False), (3600, False, True), (60, True, True)]
)
def test_an_hour_without_a_key_is_an_absence(silent_s: float, is_away: bool, expected: bool) -> None:
    """While away mode says it, a minute is."""
    state = gone(calibrated()).state if is_away else LabState()
    assert expected == absence.is_absence(silent_s, state.away)


def test_the_last_key_outlives_its_view(tmp_path: Path) -> None:
    """A view that was never typed in leaves none."""
    lock = tmp_path / "watchers.lock"
    assert None is last_key(lock)
    touch(lock, 5.0)
    assert not lock.exists()
    with watching(lock):
        assert None is last_key(lock)
        touch(lock, 1_800_000_000.0)
    with watching(lock):
        assert 1_800_000_000.0 == last_key(lock)
