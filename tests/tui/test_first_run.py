"""Stories of the list that a lab shows before it has worktrees: `enter` does the step under the cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentcore.engine.control import Answer, serve
from agentcore.engine.launch import StartError
from agentcore.project.checkup import Check
from tests.tui.driving import DARK, FakeEngine, Person, crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui.options import ViewOptions
from tui.view import View


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab in which nothing has run yet."""
    lab = LabMaker(tmp_path)
    lab.paths.journal.unlink()
    return lab


@asynccontextmanager
async def beginning(
    lab: LabMaker, found: list[Check], start: Callable[[], int] | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Person]:
    """Sit at a lab on a machine that has what `found` says when it is looked at."""
    person = Person(lab, ViewOptions(), DARK)
    person.view = View(lab.paths, ViewOptions(), DARK, clock=lambda: lab.now, examine=lambda: tuple(found), start=start)
    async with person.view.run_test(size=size) as pilot:
        person.pilot = pilot
        await person.until(lambda: person.view.checks is not None)
        yield person


async def test_the_cursor_begins_at_what_is_to_do_and_j_k_walk(lab: LabMaker) -> None:
    """The first step that is missing, not the first of all; the ends hold."""
    found = [Check("ok", "gpus", "8x H100"), Check("todo", "disk", "2 GB free", "make room")]
    async with beginning(lab, found) as person:
        assert ">" in person.row("disk")[:6]
        await person.press("k", "k", "k")
        assert (">" in person.row("GPUs")[:6], ">" in person.row("disk")[:6]) == (True, False)
        await person.press("G")
        assert ">" in person.row("demo")[:6]


async def test_enter_on_a_check_looks_again(lab: LabMaker) -> None:
    """What was mended in another terminal is seen, and said, without leaving the view."""
    found = [Check("todo", "disk", "2 GB free", "make room")]
    async with beginning(lab, found) as person:
        found[:] = [Check("ok", "disk", "90 GB free")]
        await person.press("enter")
        await person.sees("disk: 90 GB free")
        assert "[ok]    disk" in person.text


async def test_enter_on_the_engine_starts_it(lab: LabMaker) -> None:
    """Its process is named; where it dies its last words are."""
    started: list[int] = []

    def start() -> int:
        if started:
            raise StartError("lab.toml: no such key")
        started.append(1)
        return 4711

    async with beginning(lab, [], start) as person:
        assert ">" in person.row("engine")[:6]
        await person.press("enter")
        await person.sees("the engine runs as process 4711")
        await person.press("enter")
        await person.sees("the engine did not start: lab.toml: no such key")


async def test_capital_s_starts_the_engine_that_the_strip_misses(tmp_path: Path) -> None:
    """On any screen, where an engine was killed; what comes of it is said."""
    dead, started = small_lab(tmp_path, alive=False), list[int]()

    def start() -> int:
        started.append(1)
        return 4711

    async with sitting_at(dead) as person:
        person.view.start_engine = start
        await person.press("3")
        assert person.strip.endswith("Start it: nightlab start, or S")
        await person.press("S")
        await person.sees("the engine runs as process 4711, and goes on when this view is closed")
    assert [1] == started


async def test_an_engine_that_runs_is_not_started(tmp_path: Path) -> None:
    """One is enough."""
    async with sitting_at(small_lab(tmp_path)) as person:
        await person.press("S")
        assert "the engine runs already" == person.strip


async def test_a_view_that_only_looks_starts_nothing(lab: LabMaker) -> None:
    """--readonly holds for the steps too."""
    async with sitting_at(lab, options=ViewOptions(readonly=True)) as person:
        await person.press("enter")
        assert person.strip.startswith("read-only")


async def test_enter_on_worktrees_asks_how_many(lab: LabMaker) -> None:
    """The form of `c`; without an engine it says where one is to begin."""
    async with sitting_at(lab) as person:
        await person.press("j", "j", "enter")
        assert person.strip.startswith("worktrees: 0.")
    lab = LabMaker(lab.paths.root.parent / "other")
    lab.begin()
    lab.create_trunk()
    async with serve(lab.paths.socket, FakeEngine(Answer(0, "made"))), sitting_at(lab) as person:
        await person.press("G", "k", "enter")
        assert "New worktrees?" in person.text


async def test_enter_on_the_demo_names_it_where_the_terminal_cannot_be_lent(lab: LabMaker) -> None:
    """A terminal that cannot be given away for a while is told the command."""
    async with sitting_at(lab) as person:
        await person.press("G", "enter")
        assert person.strip.endswith("in another terminal: nightlab demo --scenario busy")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 45)])
async def test_the_step_under_the_cursor_is_on_the_screen(lab: LabMaker, size: tuple[int, int]) -> None:
    """Also where not all steps fit; no line sticks out."""
    found = [
        Check("todo", topic, "a long story of what is missing " * 4, "mend it") for topic in ("data", "key", "disk")
    ]
    async with beginning(lab, found, size=size) as person:
        await person.press("G")
        assert ">" in person.row(" demo ")
        assert [] == crooked(person.rows, size[0])
