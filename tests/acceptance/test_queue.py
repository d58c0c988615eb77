"""Points 16 to 23: what moves trunk, what does not, and how it is taken back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentcore.state import LabState
from tests.acceptance.driver import Seat, seated
from tui.sheets.sheet import ARMED_S

UNDO = "Take|take|back"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seat]:
    """A seat at the full queue."""
    with seated(tmp_path_factory.mktemp("queue"), "queue") as seat:
        yield seat


@pytest.fixture
def queue(full: Seat) -> Seat:
    """The same, on screen 3."""
    full.press("3")
    full.sees("^ 3 QUEUE")
    return full


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Seat]:
    """The same for one test alone, ten times as fast."""
    with seated(tmp_path, "queue", speed=10.0) as seat:
        seat.press("3")
        seat.sees("^ 3 QUEUE")
        yield seat


def choose(seat: Seat, number: int) -> None:
    """Put the cursor on a candidate."""
    for _ in range(3):  # candidates that become READY move up, past the cursor
        seat.press("g")
        for _ in range(12):
            if re.match(rf"^>.*#{number}\b", seat.row(r"^>")):
                return
            seat.press("j")
    raise AssertionError(f"#{number} is not in the list\n{seat.text}")


def say_yes(seat: Seat) -> None:
    """Answer a sheet once it takes an answer."""
    time.sleep(2 * ARMED_S)  # the point of the sheet: it cannot be answered at once
    seat.press("y")


def merged(number: int, state: LabState) -> bool:
    """Return True where trunk holds an experiment."""
    return any(merge.experiment == number and not merge.undone for merge in state.merges)


def test_16_the_sheet_names_what_it_moves(queue: Seat) -> None:
    """It has the candidate and two hashes; enter does nothing in it, and trunk is where it was."""
    before = queue.trunk
    choose(queue, 67)
    queue.press("m")
    queue.sees("Merge wt0 #67")
    queue.press("Enter")
    queue.sees("Merge wt0 #67")
    sheet = queue.text
    assert queue.state.candidates[67].tree[:7] in sheet
    assert before[:7] in sheet
    queue.press("n")
    queue.until(lambda: "Merge wt0 #67" not in queue.text, "closed")
    assert before == queue.trunk


def test_18_a_typed_word_merges_nothing(queue: Seat) -> None:
    """`my` without a pause, and a word with both letters: trunk does not move."""
    before = queue.trunk
    choose(queue, 67)
    queue.type("my")
    queue.sees("Merge wt0 #67")
    queue.press("Escape")
    queue.until(lambda: "Merge wt0" not in queue.text, "closed")
    queue.type("mypy .")
    queue.press("Escape")
    assert before == queue.trunk
    assert not merged(67, queue.state)


def test_22_what_cannot_merge_says_why(queue: Seat) -> None:
    """On a blocked candidate the rule, on one that is not ready the reason; no sheet is offered."""
    for number, reason in ((74, "BLOCKED"), (64, "CONFLICT")):
        choose(queue, number)
        queue.press("m")
        queue.sees(f"#{number} is {reason}")
        assert "Merge wt" not in queue.text


def test_17_yes_moves_trunk_to_the_tree_that_was_named(queue: Seat) -> None:
    """The row says MERGED, git has exactly the candidate's tree, and the larger size is tried next."""
    tree = queue.state.candidates[67].tree
    choose(queue, 67)
    queue.press("m")
    queue.sees("Merge wt0 #67")
    say_yes(queue)
    queue.sees(r"MERGED +wt0 #67")
    assert tree == queue.git("rev-parse", "lab/trunk^{tree}")
    queue.comes_to(lambda state: state.retest is not None, "a retest is queued")


@pytest.mark.acceptance
def test_19_undo_holds_across_restarts_of_the_view(own: Seat) -> None:
    """After a merge the view is left and opened again: `u` `y` puts trunk back, and the events say who did what."""
    before = own.trunk
    choose(own, 67)
    own.press("m")
    own.sees("Merge wt0 #67")
    say_yes(own)
    own.comes_to(lambda state: merged(67, state), "merged")
    own.press("q")
    own.until(lambda: not own.is_open, "left")
    own.open()
    own.sees("1 LAB")
    own.press("u")
    own.sees(UNDO)
    say_yes(own)
    own.until(lambda: own.trunk == before, "trunk is back")
    own.press("8")
    own.sees(r"trunk #67 +MERGED.*by you")
    own.sees(r"trunk #67 +UNDONE.*by you")


@pytest.mark.acceptance
def test_19_redo_merges_again(own: Seat) -> None:
    """`U` `y` after `u` `y` merges again."""
    choose(own, 67)
    own.press("m")
    own.sees("Merge wt0 #67")
    say_yes(own)
    own.comes_to(lambda state: merged(67, state), "merged")
    own.press("u")
    own.sees(UNDO)
    say_yes(own)
    own.comes_to(lambda state: not merged(67, state), "undone")
    own.press("U")
    say_yes(own)
    own.comes_to(lambda state: merged(67, state), "merged again", 5.0)


@pytest.mark.acceptance
def test_20_the_others_are_confirmed_again(own: Seat) -> None:
    """After a merge what was READY goes STALE, is confirmed on the new trunk, and comes to READY, NOISE or REJECTED."""
    choose(own, 67)
    own.press("m")
    own.sees("Merge wt0 #67")
    say_yes(own)
    trunk = own.comes_to(lambda state: merged(67, state), "merged").trunk
    assert trunk is not None
    ended = ("READY", "NOISE", "REJECTED")
    state = own.comes_to(
        lambda state: all(state.candidates[each].state in ended for each in (61, 65, 68)), "all three decided"
    )
    assert {trunk.commit} == {state.candidates[each].trunk for each in (61, 65, 68)}


@pytest.mark.acceptance
def test_21_a_trunk_that_moves_meanwhile_is_not_merged_into(own: Seat) -> None:
    """Moved by git while the sheet is open: `y` says so and merges nothing; the title doubts trunk until measured."""
    choose(own, 67)
    own.press("m")
    own.sees("Merge wt0 #67")
    time.sleep(2 * ARMED_S)
    tree = own.git("rev-parse", "lab/trunk^{tree}")
    moved = own.git("commit-tree", tree, "-p", own.trunk, "-m", "by hand")
    own.git("update-ref", "refs/heads/lab/trunk", moved)
    own.press("y")
    own.sees("changed while you read")
    assert moved == own.trunk
    assert not merged(67, own.state)


@pytest.mark.acceptance
def test_21_the_title_doubts_an_unmeasured_trunk(tmp_path: Path) -> None:
    """A trunk that a hand has moved to a new tree has a question mark until its runs are there."""
    with seated(tmp_path, "trunkmoved") as seat:
        seat.sees(r"1 LAB.*trunk [0-9a-f]{7} \?")
        seat.sees("trunk moved outside: ")


@pytest.mark.acceptance
def test_23_two_marked_ones_merge_in_their_order(own: Seat) -> None:
    """One sheet with a numbered list; they merge in that order, each on the trunk that the one before made."""
    choose(own, 67)
    own.press("Space")
    choose(own, 68)
    own.press("Space", "m")
    own.sees(r"┃.*1.*#67", 5.0)
    own.sees(r"┃.*2.*#68", 5.0)
    say_yes(own)
    state = own.comes_to(lambda state: merged(67, state) and merged(68, state), "both are merged")
    assert [67, 68] == [merge.experiment for merge in state.merges[-2:]]
