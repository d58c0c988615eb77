"""Stories of screen 3: what it tells of a candidate, of merges and of what comes; several merged by one question."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.control import Answer, Command, serve
from tests.tui.driving import DARK, FakeEngine, crooked, sitting_at
from tests.tui.labs import SOURCE, LabMaker, small_lab


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with one merge, two READY candidates that change the same line, and one that a rule holds."""
    lab = small_lab(tmp_path)
    lab.merge(lab.make_ready("wt0", "EMBED_LR 0.2 to 0.3"))
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02", 1.6980)
    lab.make_ready("wt1", "WARMUP 0.05 to 0.10", 1.6985)
    held = lab.experiment("wt1", "seed 42 to 137", "keep", 1.6000)
    lab.tell(ev.CandidateMoved(held, "BLOCKED", "only the seed changes", "engine"))
    return lab


async def test_at_80_columns_everything_is_told(lab: LabMaker) -> None:
    """Candidates, merges with the word of their retest, and what the selected one rests on and would change."""
    async with sitting_at(lab) as person:
        await person.press("3")
        await person.sees("#3 changes train.py:")
        assert person.row("> READY").startswith("> READY     wt0 #2")
        assert "no larger size" in person.row("MERGED")
        wanted = (
            "mean 1.6980",
            "same seeds",
            "trained 3 times",
            "rules kept",
            "it becomes CONFLICT",
            "has no larger size",
        )
        assert [] == [words for words in wanted if words not in person.text]


async def test_at_160_columns_there_are_bases_history_and_the_pipeline(lab: LabMaker) -> None:
    """Nothing is asked for twice: what waits, why, and what runs next stand beside the list."""
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("3")
        trunk = lab.state.trunk
        assert trunk and trunk.commit[:7] in person.row("> READY")
        assert "why not merged yet: 2 for you, 1 for a look" in person.text
        assert "#1 EMBED_LR 0.2" in person.row(f"{trunk.commit[:7]} #1") and "trunk history" in person.text
        assert "rebase on trunk" in person.text and "merge policy: you (m)" in person.text


async def test_the_cursor_goes_on_from_the_candidates_to_the_merges(lab: LabMaker) -> None:
    """One cursor for both lists; on a merge the evidence says who merged it and when."""
    async with sitting_at(lab) as person:
        await person.press("3", "G")
        assert person.row("> MERGED").startswith("> MERGED    wt0 #1")
        assert "by you: trunk" in person.text
        await person.press("k")
        assert person.row("> BLOCKED")


async def test_the_cursor_stays_on_its_candidate(lab: LabMaker) -> None:
    """Others that come before it do not move it to another one."""
    async with sitting_at(lab) as person:
        await person.press("3", "j")
        lab.judge(4)
        await person.until(lambda: "READY     wt1 #4" in person.text)
        assert "#3" in person.row("> READY")


async def test_marked_ones_are_merged_by_one_question_in_the_order_of_the_list(lab: LabMaker) -> None:
    """The sheet numbers them and says that only the first lands at once; the engine is told who follows."""
    engine = FakeEngine(Answer(0, "merged #2; #3 follows once confirmed on it"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("3", "j", "space", "k", "space", "m")
        assert "Merge 2 candidates into trunk, in this order?" in person.text
        assert 'wt0 #2 "WARMUP 0.05 to 0.02"' in person.row("  1  ") and "wt1 #3" in person.row("  2  ")
        assert "run again on the new trunk" in person.text
        await person.moment()
        await person.press("y")
        await person.sees("#3 follows once confirmed")
    trunk, landing = lab.state.trunk, lab.state.candidates[2].landing
    assert trunk
    expected = {"experiment": 2, "then": [3], "expect": {"trunk": trunk.commit, "landing": landing}}
    assert [("merge", expected)] == [(each.verb, each.arguments) for each in engine.commands]


async def test_the_marks_of_what_was_merged_are_forgotten(lab: LabMaker) -> None:
    """The next `m` means the candidate under the cursor again; a refusal leaves them."""

    async def answer(command: Command) -> Answer:
        lab.merge(2)
        return Answer(0, "merged #2")

    async with serve(lab.paths.socket, answer), sitting_at(lab) as person:
        await person.press("3", "space", "j", "space", "m")
        await person.moment()
        await person.press("y")
        await person.sees("merged #2")
        assert " *" not in person.row("MERGED    wt0 #2") and set() == person.view.front.marks  # type: ignore[union-attr]


async def test_one_marked_that_cannot_merge_is_named(lab: LabMaker) -> None:
    """No sheet is opened, whatever else is marked or under the cursor."""
    async with sitting_at(lab) as person:
        await person.press("3", "space", "j", "j", "space", "k", "m")
        assert "wt1 #4 is BLOCKED: only the seed changes" == person.strip
        assert "Merge" not in person.text


async def test_facts_that_change_while_the_question_is_open_are_shown_first(lab: LabMaker) -> None:
    """One of several is not READY any more: `y` merges nothing, and is not offered again."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("3", "space", "j", "space", "m")
        lab.tell(ev.CandidateMoved(3, "HELD", "held by ada", "ada"))
        await person.moment()
        await person.press("y")
        assert "changed while you read" in person.text
        assert "#3 is HELD, only READY candidates merge: held by" in person.text
        assert "y  merge" not in person.text
    assert [] == engine.commands


async def test_enter_opens_all_that_is_known_and_esc_comes_back(lab: LabMaker) -> None:
    """With the verdict and what went into it."""
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("3", "j", "enter")
        await person.sees("correlation of seeds")
        assert "#3" in person.rows[0] and "of 1.64 asked" in person.text
        await person.press("escape")
        assert person.rows[0].startswith(" 3 QUEUE") and "#3" in person.row("> READY")


async def test_i_speaks_to_the_candidates_own_agent(lab: LabMaker) -> None:
    """Whichever worktree was selected elsewhere."""
    lab.employ(wt1="anthropic")
    engine = FakeEngine(Answer(0, "told wt1"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("3", "j", "i", *"go", "enter")
        await person.sees("told wt1")
    assert [("say", {"worktree": "wt1", "text": "go"})] == [(each.verb, each.arguments) for each in engine.commands]


async def test_t_asks_before_a_retest(lab: LabMaker) -> None:
    """Or says why there is none."""
    async with sitting_at(lab) as person:
        await person.press("3", "t")
        assert "Try trunk at the larger size?" in person.text and "set [retest] budget" in person.text


async def test_an_empty_queue_says_what_comes_here(tmp_path: Path) -> None:
    """And what a candidate must prove."""
    async with sitting_at(small_lab(tmp_path)) as person:
        await person.press("3")
        assert "Nothing to merge yet. A kept experiment with gain above 0" in person.text
        assert "gate: 3 fresh seeds" in person.text


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (100, 30), (140, 40), (250, 70)])
async def test_every_size_holds_in_ascii(tmp_path: Path, size: tuple[int, int]) -> None:
    """Every line is as wide as the terminal and holds only what it can show, with a merge list of one's own too."""
    lab = small_lab(tmp_path)
    lab.merge(lab.make_ready("wt0", "日本 [red]x\x1b[2J"))
    lab.make_ready("wt1", SOURCE[:200])
    lab.tell(ev.MergesWanted((2,), "ada"))
    async with sitting_at(lab, size, look=replace(DARK, ascii=True)) as person:
        await person.press("3", "j")
        assert [] == crooked(person.rows, size[0])
        assert "wt1 #2" in person.text
        assert {"日", "本"} >= {letter for letter in person.text if ord(letter) > 127}


@pytest.mark.parametrize(("width", "is_shown"), [(60, False), (66, True), (160, True)])
async def test_a_column_that_has_no_room_is_left_out_whole(lab: LabMaker, width: int, is_shown: bool) -> None:
    """The size of a change, cut in the middle, says nothing."""
    async with sitting_at(lab, (width, 24)) as person:
        await person.press("3")
        title = person.row("SEEDS")
        assert is_shown == ("±LINES" in title)
        assert "…" not in title
