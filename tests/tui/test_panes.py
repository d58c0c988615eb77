"""Diff, log, events and queue: long contents, frozen contents, what is beside what."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.driving import sitting_at
from tests.tui.labs import SOURCE, LabMaker, small_lab
from tui.highlight import highlight
from tui.widgets.diff import Entry, flatten
from worktrees.diff import Diff, between

LONG = 5000


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab whose first worktree holds a change of 5,000 lines."""
    lab = small_lab(tmp_path)
    path = lab.paths.worktree("wt0") / "train.py"
    path.write_text(SOURCE + "".join(f"value_{number} = {number}\n" for number in range(LONG)))
    return lab


def change(lab: LabMaker, new: str) -> Diff:
    """Return the diff from the lab's source to `new`."""
    assert lab.state.trunk
    old = lab.state.trunk.commit
    return between(lab.paths.root, old, lab.commit(new, old, "new"))


async def test_a_long_diff_builds_only_what_is_seen(lab: LabMaker) -> None:
    """Of 5,000 lines only the visible blocks are highlighted; both ends are one key apart."""
    async with sitting_at(lab) as person:
        await person.press("d")
        await person.sees("value_9 = 9")
        pane = person.view.screen.query_one("#diff")
        assert len(pane._blocks) <= 1  # type: ignore[attr-defined]
        await person.press("G")
        assert f"value_{LONG - 1} = {LONG - 1}" in person.text
        assert len(pane._blocks) <= 2  # type: ignore[attr-defined]
        await person.press("g", "ctrl+d")
        assert "value_9 = 9" in person.text and "train.py  +5000" not in person.text


async def test_what_is_being_read_does_not_move(lab: LabMaker) -> None:
    """A diff that changes while the reader has scrolled waits, says so, and `F` shows it."""
    async with sitting_at(lab) as person:
        await person.press("d")
        await person.sees("value_9 = 9")
        await person.press("j", "j", "j")
        before = person.rows[4:]
        lab.edit("wt0", "value_9 = 9\n", "value_9 = -9\n")
        await person.sees("FROZEN, 1 newer  F: follow")
        assert before == person.rows[4:]
        await person.press("F")
        await person.sees("value_9 = -9")


async def test_long_lines_are_read_sideways(tmp_path: Path) -> None:
    """`l` and `h` scroll the diff to the right and back."""
    lab = small_lab(tmp_path)
    lab.edit("wt0", "DEPTH = 4", "DEPTH = 4  # " + "x" * 80 + "THE END")
    async with sitting_at(lab) as person:
        await person.press("d")
        await person.sees("xxx")
        assert "THE END" not in person.text
        await person.press(*"llll")
        assert "THE END" in person.text
        await person.press(*"hhhh")
        assert "THE END" not in person.text


async def test_hunks_are_jumped_to(tmp_path: Path) -> None:
    """`}` brings the next hunk to the top, `{` the one before."""
    lab = small_lab(tmp_path)
    lab.edit("wt0", "ROPE_BASE = 10_000", "ROPE_BASE = 20_000" + "\n# more" * 30)
    lab.edit("wt0", "base = ROPE_BASE", "base = 2 * ROPE_BASE")
    async with sitting_at(lab) as person:
        await person.press("d")
        await person.sees("20_000")
        await person.press("right_curly_bracket")
        assert "20_000" not in person.text and "2 * ROPE_BASE" in person.text
        await person.press("left_curly_bracket")
        assert "20_000" in person.text


async def test_the_log_shows_one_line_for_a_line_that_redraws_itself(tmp_path: Path) -> None:
    """The log tab follows the run's log; carriage returns replace the last line; `}` finds the error."""
    lab = small_lab(tmp_path)
    run = lab.screen(lab.propose("wt0", "idea"))
    lab.log(run, "start\n" + "\r".join(f"step {n}" for n in range(500)) + "\n" + "x\n" * 60 + "ValueError: no\n")
    async with sitting_at(lab) as person:
        await person.press("2", "tab")
        await person.sees("ValueError: no")
        assert f"log of run {run}" in person.text and "following" in person.text
        await person.press("g")
        await person.sees("FROZEN")
        assert "step 499" in person.text and "step 498" not in person.text
        await person.press("right_curly_bracket")
        assert "ValueError: no" in person.text


async def test_worktrees_are_walked_through(tmp_path: Path) -> None:
    """`]` and `[` show the neighbours' diffs, and the overview then stands on them."""
    lab = small_lab(tmp_path)
    lab.edit("wt1", "DEPTH = 4", "DEPTH = 6")
    async with sitting_at(lab) as person:
        await person.press("2", "right_square_bracket")
        await person.sees("DEPTH = 6")
        assert "2 WORKTREE  wt1" in person.rows[0]
        await person.press("1")
        assert person.row(" wt1 ").startswith(">")


async def test_a_worktree_that_goes_away_is_no_fault(lab: LabMaker) -> None:
    """While a checkout is removed or made anew the last diff stays, and is current again when it is back."""
    async with sitting_at(lab, (160, 45)) as person:
        await person.sees("value_9 = 9")
        folder = lab.paths.worktree("wt0")
        aside = folder.rename(folder.with_name("aside"))
        await person.until(lambda: person.view.reading.live.diff is None)
        assert "value_9 = 9" in person.text
        aside.rename(folder)
        lab.edit("wt0", "value_9 = 9\n", "value_9 = -9\n")
        await person.sees("value_9 = -9")


async def test_the_queue_lists_open_and_closed_candidates(tmp_path: Path) -> None:
    """Screen 3 shows READY first, then what was merged, what has left, and the evidence of the selected one."""
    lab = small_lab(tmp_path)
    merged = lab.make_ready("wt0", "first", 1.6995)
    lab.merge(merged)
    noise = lab.experiment("wt1", "noisy", "keep", 1.7000)
    lab.rebase(noise)
    lab.confirm(noise, (1.7010, 1.7012, 1.7013))
    lab.judge(noise, "NOISE", 0.0001)
    ready = lab.make_ready("wt0", "second", 1.6980)
    async with sitting_at(lab) as person:
        await person.press("3")
        await person.until(lambda: "READY" in person.text)
        words = [word for row in person.rows for word in ("READY", "MERGED", "NOISE") if f" {word} " in row[:12]]
        assert (["READY", "MERGED", "NOISE"], ready) == (words, 3)
        assert "1.6980 1.6984 1.6977" in person.text
        await person.sees("# idea 3")
        await person.press("j", "j")
        assert "NOISE: the gain is inside the noise" in person.text


async def test_an_empty_queue_says_how_it_fills(tmp_path: Path) -> None:
    """Without candidates screen 3 is a sentence, and `enter` says that there is nothing to read."""
    async with sitting_at(small_lab(tmp_path)) as person:
        await person.press("3")
        assert "Nothing to merge yet." in person.text
        await person.press("enter")
        assert "there is no candidate to open" == person.strip


async def test_events_stand_still_while_they_are_read(tmp_path: Path) -> None:
    """With the cursor off the newest event, later ones are counted instead of pushing the list down."""
    lab = small_lab(tmp_path)
    async with sitting_at(lab) as person:
        await person.press("8", "j", "j")
        marked = person.row(">")
        lab.experiment("wt0", "a new idea", "drop", 1.7040)
        await person.sees("newer  F: follow")
        assert marked == person.row(">")
        await person.press("F")
        assert person.row(">").split()[1:] != marked.split()[1:] and "a new idea" in person.text


def test_lines_that_replace_each_other_know_their_twin(tmp_path: Path) -> None:
    """A changed number is paired with what it was, so that only the number is marked."""
    lab = small_lab(tmp_path)
    entries = flatten(change(lab, SOURCE.replace("DEPTH = 4", "DEPTH = 5")), single=True)
    twins = [(entry.kind, entry.text, entry.twin) for entry in entries if entry.kind in "+-"]
    assert [("-", "DEPTH = 4", "DEPTH = 5"), ("+", "DEPTH = 5", "DEPTH = 4")] == twins


def test_added_lines_without_a_counterpart_have_no_twin(tmp_path: Path) -> None:
    """Two lines for one are not paired."""
    lab = small_lab(tmp_path)
    entries = flatten(change(lab, SOURCE.replace("DEPTH = 4", "DEPTH = 5\nMORE = 1")), single=True)
    assert {None} == {entry.twin for entry in entries if entry.kind in "+-"}


def test_a_binary_file_is_named_and_not_shown(tmp_path: Path) -> None:
    """A diff of bytes is one note."""
    diff = Diff((*change(small_lab(tmp_path), "\x00\x01").files,))
    assert Entry("note", "binary file") in flatten(diff, single=True)


def test_docstrings_are_told_from_code() -> None:
    """Lines are highlighted together, so that a word in a docstring is no keyword."""
    lines = highlight(['"""A doc', "for all of it", '"""', "for x in y:"], "a.py")
    assert "keyword" not in [role for _, role in lines[1]]
    assert ("for", "keyword") in lines[3]
