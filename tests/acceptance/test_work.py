"""Points 24 to 26: work that is stopped, and work that goes on whatever happens to the view."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.driver import Seat, seated
from tui.sheets.sheet import ARMED_S
from worktrees import processes
from worktrees.runs import RunStatus

pytestmark = pytest.mark.acceptance


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Seat]:
    """A seat at the busy lab, its first run under way."""
    with seated(tmp_path, "busy") as seat:
        seat.sees("TRAIN")
        yield seat


def player(seat: Seat) -> RunStatus:
    """Return who trains for wt0."""
    run = next(run for run in seat.state.active.values() if run.slot == "gpu0")
    status = seat.paths.run(run.number).read_status()
    assert status is not None
    return status


def lives(status: RunStatus) -> bool:
    """Return True while that process runs."""
    return processes.is_alive(status.pid, status.start_ticks, status.boot_id)


def test_24_pause_and_back(busy: Seat) -> None:
    """`p` pauses after the run, `p` again resumes."""
    busy.press("p")
    busy.comes_to(lambda state: bool(state.worktrees["wt0"].paused), "paused")
    assert "TRAIN" in busy.row(r"0 +wt0")
    busy.press("p")
    busy.comes_to(lambda state: not state.worktrees["wt0"].paused, "resumed")


def test_24_a_run_is_stopped(busy: Seat) -> None:
    """`x` `y` on a training row ends the run; the row says who did it, its agent goes on."""
    status = player(busy)
    busy.press("x")
    busy.sees("wt0.*\\?", 3.0)
    busy.holds_for(1.0, lambda: busy.is_open)
    busy.press("y")
    busy.until(lambda: not lives(status), "ended", 10.0)
    busy.sees("stopped by you")


def test_25_a_retired_worktree_can_come_back(busy: Seat) -> None:
    """`X` with an uncommitted edit asks for the name; what was edited is kept, and `u` `y` brings it back."""
    file = busy.paths.worktree("wt2") / "train.py"
    file.write_text(file.read_text() + "# by hand\n")
    edited = file.read_bytes()
    busy.press("j", "j", "p")  # else its agent goes on in it as soon as it is back
    busy.comes_to(lambda state: bool(state.worktrees["wt2"].paused), "paused")
    busy.press("X")
    busy.sees("type its name")
    time.sleep(2 * ARMED_S)
    busy.type("wt2")
    busy.press("Enter")
    busy.until(lambda: not file.exists(), "retired", 10.0)
    assert "refs/lab/kept" in busy.git("for-each-ref", "refs/lab/kept")
    busy.press("u")
    time.sleep(2 * ARMED_S)
    busy.press("y")
    busy.until(file.exists, "back", 10.0)
    assert edited == file.read_bytes()


def test_26_the_view_may_go_in_any_way(busy: Seat) -> None:
    """After `q`, ctrl+c and a killed session the same engine and training go on, and the next view has them."""
    status, engine = player(busy), busy.state.engine
    assert engine is not None
    for way in ("q", "C-c", ""):
        if way:
            busy.press(way)
            busy.until(lambda: not busy.is_open, f"left by {way}")
        else:
            busy.close()
        assert lives(status)
        assert processes.is_alive(engine.pid, engine.start_ticks, engine.boot_id)
        busy.open()
        busy.sees("1 LAB")
        busy.sees("TRAIN")
        assert status.pid == player(busy).pid


def test_26_stopping_asks(busy: Seat) -> None:
    """`Q` `esc` changes nothing; `Q` `g` starts nothing more and lets the runs end."""
    status = player(busy)
    busy.press("Q")
    busy.sees("after the|current runs|runs in progress", 3.0)
    busy.press("Escape")
    busy.holds_for(1.0, lambda: lives(status))
    busy.press("Q")
    busy.holds_for(0.8, lambda: lives(status))  # the sheet takes no answer before half a second
    busy.press("g")
    busy.sees("nothing new starts", 5.0)
    busy.holds_for(2.0, lambda: lives(status))
