"""Stories of a stack: who is in it, what the question before its merge names, and what is told afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.engine.control import Answer, serve
from tests.tui.driving import FakeEngine, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui.story import line, tell


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with a READY stack of three candidates."""
    lab = small_lab(tmp_path)
    lab.make_stack("WARMUP 0.05 to 0.02", "MATRIX_LR 0.02 to 0.03", "ROPE_BASE 10k to 50k")
    return lab


async def test_m_asks_once_and_names_the_whole_stack(lab: LabMaker) -> None:
    """One question for all that will land, with what they gain together."""
    engine = FakeEngine(Answer(0, "merged #1, #2 and #3"))
    async with serve(lab.paths.socket, engine), sitting_at(lab, size=(80, 24)) as person:
        await person.press("3", "m")
        named = ("Merge #1, #2 and #3 into trunk?", '"WARMUP 0.05 to 0.02"', '"ROPE_BASE 10k to 50k"')
        assert [] == [words for words in (*named, "together trained 3 times") if words not in person.text]
        await person.moment(0.6)
        await person.press("y")
        await person.sees("merged #1, #2 and #3")
    assert ["merge"] == [command.verb for command in engine.commands]


async def test_the_queue_marks_a_stack(lab: LabMaker) -> None:
    """In the list by a word, beside it with the numbers of the others; the strip speaks of one thing to merge."""
    async with sitting_at(lab, size=(160, 45)) as person:
        assert "#1, #2 and #3 are ready to merge together" in person.text
        await person.press("3")
        assert "stack: WARMUP 0.05 to 0.02" in person.text
        assert "measured with #2 and #3: the gain is of" in person.text


async def test_the_diff_of_a_member_is_its_own(lab: LabMaker) -> None:
    """Not that of the whole stack."""
    async with sitting_at(lab, size=(160, 45)) as person:
        await person.press("3", "j")
        await person.sees("IDEA_2 = True")
        assert "IDEA_3 = True" not in person.text


async def test_the_question_before_an_undo_names_the_stack(lab: LabMaker) -> None:
    """All of it goes back."""
    lab.merge(1)
    async with serve(lab.paths.socket, FakeEngine()), sitting_at(lab, size=(80, 24)) as person:
        await person.press("u")
        assert "Undo the merge of #1, #2 and #3?" in person.text
        assert "#1, #2 and #3 are READY again" in person.text


async def test_the_question_before_one_is_taken_out_says_what_becomes_of_the_others(lab: LabMaker) -> None:
    """What was run was all of them together."""
    async with serve(lab.paths.socket, FakeEngine()), sitting_at(lab, size=(80, 24)) as person:
        await person.press("3", "x")
        await person.sees("#2 and #3 begin anew")


def test_a_stack_is_told_as_one(lab: LabMaker) -> None:
    """From its replay to its merge, each with the members' numbers."""
    lab.merge(1)
    told = [line(each) for entry in lab.state.recent if (each := tell(entry, lab.state))]
    stack = [text for text in told if "#1, #2 and #3" in text]
    assert ["CONFIRM", "MERGED"] == [word for text in stack for word in ("CONFIRM", "MERGED") if word in text]
