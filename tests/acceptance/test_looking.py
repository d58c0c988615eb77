"""Points 1 to 10 of the checklist: what the screens show, at every size, and how one goes about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.driver import Seat, seated
from tui.bindings import SCREENS, on_screen

WORDS = ("THINK", "TRAIN", "EVAL", "ASK", "LIMIT", "CRASH", "NAN", "RETEST")
NUMBERS = {
    "1": "LAB",
    "2": "WORKTREE",
    "3": "QUEUE",
    "4": "RESULTS",
    "5": "RETEST",
    "6": "DIRECTIONS",
    "7": "REPORT",
    "8": "EVENTS",
}
"""Screens by their key."""
SIZES = ((60, 15), (80, 24), (100, 30), (140, 40), (160, 45), (250, 70))


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seat]:
    """A seat at the busy lab, for points that change nothing."""
    with seated(tmp_path_factory.mktemp("busy"), "busy") as seat:
        yield seat


@pytest.fixture
def lab(busy: Seat) -> Seat:
    """The same, back on screen 1 at 80x24."""
    if busy.size != (80, 24):
        busy.resize(80, 24)
    busy.press("1")
    busy.sees(r"^ 1 LAB")
    return busy


def test_01_the_first_screen(lab: Seat) -> None:
    """Line 1 has number, name and trunk, line 2 the strip, the last one the keys; nothing is wider than the pane."""
    lab.until(lambda: "need you" in lab.lines[1], "the strip")
    assert re.search(r"1 LAB.*trunk [0-9a-f]{7} \.\d{4}", lab.lines[0])
    assert lab.lines[-1].startswith(" ?help")
    assert 24 == len(lab.lines)
    assert [] == [line for line in lab.lines if len(line) > 80]


def test_08_all_states_at_a_glance(lab: Seat) -> None:
    """The words for what eight worktrees are at stand on the first screen."""
    lab.until(lambda: all(word in lab.text for word in WORDS), f"all of {WORDS}")


def test_03_too_small_and_back(lab: Seat) -> None:
    """Under 60x15 one line says so, with what goes on; then the same screen is there again."""
    before = lab.row("WT   STATE")
    lab.resize(52, 12)
    lab.sees(r"Needs\s+60x15,\s+is\s+52x12")
    assert " run, " in lab.text
    lab.resize(80, 24)
    lab.sees(r"^ 1 LAB")
    lab.until(lambda: lab.row("WT   STATE") == before, "the list again")


def test_04_screens_by_number(lab: Seat) -> None:
    """Each number opens its screen, whose title begins with it; `-` goes back; `esc` at the top stops nothing."""
    for key in ("2", "3", "4", "5", "6", "7", "8", "1"):
        lab.press(key)
        lab.sees(rf"^ {key} {NUMBERS[key]}")
    lab.press("3")
    lab.sees("^ 3 QUEUE")
    lab.press("2")
    lab.sees("^ 2 WORKTREE")
    lab.press("-")
    lab.sees("^ 3 QUEUE")
    lab.press("1", "Escape")
    lab.sees("^ 1 LAB")
    assert lab.overview.rows and lab.state.engine is not None and lab.state.engine.stopped is None


@pytest.mark.acceptance
def test_05_help_lists_every_key(lab: Seat) -> None:
    """On each screen `?` lists its keys with their names; `?`, `esc` and `q` close it."""
    lab.resize(160, 45)
    for (number, title), closing in zip(
        NUMBERS.items(), ("?", "Escape", "q", "?", "Escape", "q", "?", "Escape"), strict=True
    ):
        lab.press(number)
        lab.sees(rf"^ {number} {title}")
        lab.press("?")
        lab.sees(f"help: {title.lower()}")
        shown = ""
        while (page := lab.text) not in shown:  # what is long is scrolled
            shown += page
            lab.press("C-d")
        missing = [each.id for each in on_screen(title.lower()) if each.id.replace("-", " ") not in shown]
        assert [] == missing, title
        lab.press(closing)
        lab.sees(rf"^ {number} {title}")


def test_06_the_palette_knows_actions_without_a_key(lab: Seat) -> None:
    """`:` and a few letters offer what has no key; `esc` closes it."""
    lab.press(":")
    lab.type("lift")
    lab.sees("lift rule")
    lab.press("Escape")
    lab.until(lambda: "lift rule" not in lab.text, "closed")


@pytest.mark.acceptance
def test_02_every_screen_at_every_size(lab: Seat) -> None:
    """No traceback, no wrapped key line; list and strip are always there."""
    for size in SIZES:
        lab.resize(*size)
        lab.sees("^ 1 LAB")
        for key, title in NUMBERS.items():
            lab.press(key)
            lab.sees(rf"^ {key} {title}")
            assert "Traceback" not in lab.text
            lab.until(lambda: lab.text.rstrip().endswith("detach"), "a whole key line")
            assert size[1] == len(lab.lines)
            assert "need you" in lab.lines[1]
        lab.press("1")
        lab.sees("wt0")


@pytest.mark.acceptance
def test_07_rows_never_move(lab: Seat) -> None:
    """Thirty seconds of a busy lab: the worktrees stand in the same order in all of them."""
    lab.resize(160, 45)
    lab.sees("wt7")

    def order() -> list[str]:
        return [found[1] for line in lab.lines if (found := re.match(r"^┃ .  \d   (wt\d)", line))]

    lab.until(lambda: len(order()) == 8, "eight rows")
    lab.holds_for(30.0, lambda: order() == [f"wt{index}" for index in range(8)])


@pytest.mark.acceptance
def test_09_no_color(tmp_path: Path) -> None:
    """With NO_COLOR there is no colour code; the words are there, the selected row is reverse."""
    with seated(tmp_path, "busy", NO_COLOR="1") as seat:
        seat.until(lambda: all(word in seat.text for word in WORDS), "all words")
        codes = {code for found in re.findall(r"\x1b\[([\d;]*)m", seat.codes) for code in found.split(";")}
        assert set() == codes & {str(code) for code in (*range(30, 39), *range(40, 49), *range(90, 108))}
        selected = next(line for line in seat.codes.split("\n") if "wt0" in line)
        assert re.search(r"\x1b\[(\d+;)*7m", selected)


@pytest.mark.acceptance
def test_10_ascii_in_a_plain_locale(tmp_path: Path) -> None:
    """With LC_ALL=C no screen has a byte over 127."""
    with seated(tmp_path, "busy", LC_ALL="C") as seat:
        for key, title in NUMBERS.items():
            seat.press(key)
            seat.sees(rf"^ {key} {title}")
            assert seat.text.isascii(), seat.text


def test_the_screens_of_this_file_are_all() -> None:
    """Whoever adds a screen adds it here."""
    assert set(SCREENS.values()) - {"diff", "experiment", "imported"} == {name.lower() for name in NUMBERS.values()}
