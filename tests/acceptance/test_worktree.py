"""Points 11 to 15: one worktree from near, and text that means no good."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.driver import Seat, seated
from tests.tui.driving import crooked

pytestmark = pytest.mark.acceptance


@pytest.fixture
def editing(tmp_path: Path) -> Iterator[Seat]:
    """A seat at a worktree whose agent writes all the time."""
    with seated(tmp_path, "edit") as seat:
        seat.press("2")
        seat.sees("^ 2 WORKTREE wt0|^ 2 WORKTREE +wt0")
        yield seat


def test_11_what_is_said_to_an_agent_is_shown(tmp_path: Path) -> None:
    """`i`, a text, enter: the message is in the events."""
    with seated(tmp_path, "busy") as seat:
        seat.press("j", "i")
        seat.type("prefer changes that shrink the code")
        seat.press("Enter")
        seat.comes_to(lambda state: bool(state.worktrees["wt1"].messages), "it is told")
        seat.press("8")
        seat.sees("wt1 > prefer changes")


def test_11_attend_goes_to_who_asks(tmp_path: Path) -> None:
    """`a` goes to the worktree with the question and its age; an answer ends ASK."""
    with seated(tmp_path, "ask") as seat:
        seat.sees("ASK")
        seat.press("a")
        seat.sees("wt3 asks")
        seat.press("i")
        seat.type("no, leave it")
        seat.press("Enter")
        seat.until(lambda: "ASK" not in seat.row("wt3"), "it goes on", 10.0)


def test_12_the_diff_lives_until_one_scrolls(editing: Seat) -> None:
    """It changes as the agent writes; scrolled it says FROZEN and stays; `F` follows again."""
    first = editing.sees(r"\+\d+ -\d+ train\.py") and editing.text
    editing.until(lambda: editing.row(r"\+\d+ -\d+ train\.py") not in first, "another diff")
    editing.sees(r"\+([5-9]|1\d) -\d+ train\.py, ")  # longer than the pane
    editing.press("j", "j", "k")
    editing.sees("FROZEN")
    frozen = [line for line in editing.lines if re.match(r"^ ?[-+@] ", line)]
    editing.holds_for(5.0, lambda: [line for line in editing.lines if re.match(r"^ ?[-+@] ", line)] == frozen)
    editing.press("F")
    editing.until(lambda: "FROZEN" not in editing.text, "follows")


def test_13_one_step_line_and_the_traceback(tmp_path: Path) -> None:
    """A log shows one changing step line; `}` goes to the traceback of a crash."""
    with seated(tmp_path, "crash") as seat:
        seat.press("2", "Tab")
        seat.sees(r"\[Log\]")
        seat.sees("Vocab size|Traceback")
        seat.press("}")
        seat.sees("Traceback")
        seat.press("]", "]")
        seat.sees(r"step \d{5} \(")
        assert 1 == len(re.findall(r"step \d{5} \(", seat.text))


def test_14_the_curve_has_numbers(tmp_path: Path) -> None:
    """The curve's axis has numbers; `M` names another metric, `L` says log."""
    with seated(tmp_path, "busy") as seat:
        seat.press("2", "Tab", "Tab")
        seat.sees(r"\[Curve\]")
        seat.sees(r"\d\.\d+ ┤")
        before = seat.row("curve")
        seat.press("M")
        seat.until(lambda: seat.row("curve") != before, "another metric")
        seat.press("L")
        seat.until(lambda: "log" in seat.row("curve"), "log scale")


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
def test_15_hostile_text_stays_text(tmp_path: Path, size: tuple[int, int]) -> None:
    """Every screen survives markup, escapes, long lines and wide letters; the title is ours, borders are straight."""
    with seated(tmp_path, "hostile", size) as seat:
        for key in ("1", "2", "3", "4", "5", "6", "7", "8", "2", "Tab", "Tab", "Tab", "1", "d"):
            seat.press(key)
            assert seat.is_open
            assert "PWN" not in seat.tmux("display-message", "-p", "-t", "g", "#{pane_title}")
            assert [] == [line for line in crooked(seat.lines, size[0]) if len(line) > size[0]]
            edges = {line.rstrip()[-1:] for line in seat.lines if line.startswith(("┃", "│"))}
            assert edges <= set("┃│┐┘┓┛")
