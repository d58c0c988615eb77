"""Stories of screen 6: what agents are told, who works on what, the ideas, the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.brief import prompts
from agentcore.engine.control import Answer, serve
from agentcore.project.seed import prompts_folder
from tests.tui.driving import FakeEngine, crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with a program of its own, one idea and one experiment that tried it."""
    lab = small_lab(tmp_path)
    lab.paths.config.write_text((Path(__file__).parents[2] / "nanochat" / "lab.toml").read_text())
    lab.paths.program.write_text("# Goal\nLower it\nby any means.\n\n- no packages\n")
    lab.tell(ev.PromptsChanged("digest", ("program.md",)))
    lab.tell(ev.IdeaAdded(1, "tie the embeddings", "ada"))
    lab.experiment("wt0", "idea 1: tied", "drop", 1.7040)
    lab.tell(ev.IdeaAdded(2, "value embeddings [red]", "wt1"))
    return lab


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 45), (250, 70)])
async def test_six_shows_the_program(lab: LabMaker, size: tuple[int, int]) -> None:
    """Its broken lines are joined to the pane's width; nothing sticks out at any size."""
    async with sitting_at(lab, size) as person:
        await person.press("6")
        assert "6 DIRECTIONS" in person.rows[0]
        assert "Lower it by any means." in person.text
        assert [] == crooked(person.rows, size[0])


async def test_a_saved_program_is_shown_at_once(lab: LabMaker) -> None:
    """The file is the truth, not what was read when the screen opened."""
    async with sitting_at(lab) as person:
        await person.press("6")
        lab.paths.program.write_text("# Goal\nShrink it, please.\n")
        person.now += 2
        await person.until(lambda: "Shrink it, please." in person.text)


async def test_ideas_tell_what_became_of_them(lab: LabMaker) -> None:
    """The tried one is a dead end with its experiment, the new one is open; text from a model is only text."""
    async with sitting_at(lab) as person:
        await person.press("6", "tab", "tab")
        assert "[Ideas]" in person.text
        assert "OPEN" in person.row("value embeddings [red]")
        assert "DEAD END" in person.row("tie the embeddings") and "#1" in person.row("tie the embeddings")


async def test_c_offers_an_idea_to_the_agents(lab: LabMaker) -> None:
    """What is typed goes to the engine as it is; in the line every letter is text."""
    engine = FakeEngine(Answer(0, "idea 3 is offered to every agent"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("6", "c", *"my q", "enter")
        await person.until(lambda: "idea 3 is offered" in person.strip)
        assert [("idea", {"text": "my q"})] == [(each.verb, each.arguments) for each in engine.commands]


async def test_x_drops_the_selected_idea(lab: LabMaker) -> None:
    """The newest stands on top."""
    engine = FakeEngine(Answer(0, "idea 2 is not offered any more"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("6", "tab", "tab", "x")
        await person.until(lambda: "not offered" in person.strip)
        assert [("drop-idea", {"idea": 2})] == [(each.verb, each.arguments) for each in engine.commands]


async def test_x_elsewhere_says_where_ideas_are(lab: LabMaker) -> None:
    """No silent key, and nothing is dropped that cannot be seen."""
    engine = FakeEngine(Answer(0, ""))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("6", "x")
        assert "tab goes to Ideas" in person.strip


async def test_each_column_stands_under_its_title(lab: LabMaker) -> None:
    """The titles begin where the names under them do."""
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("6")
        titles, first = person.row("IDEA NOW"), person.row("> wt0")
        assert titles.index("WT ") == first.index("wt0")


async def test_rules_are_those_of_lab_toml(lab: LabMaker) -> None:
    """Which files, which gate; an unreadable lab.toml says so and breaks nothing."""
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("6")
        assert "train.py" in person.row("may change")
        lab.paths.config.write_text("[project\n")
        person.now += 2
        await person.until(lambda: "lab.toml" in person.text and "may change" not in person.text)


async def test_x_drops_the_idea_that_was_chosen(lab: LabMaker) -> None:
    """An agent that writes an idea down meanwhile, above the others, does not slide it under the cursor."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("6", "tab", "tab")
        lab.tell(ev.IdeaAdded(3, "a third one", "wt0"))
        await person.sees("a third one")
        await person.press("x")
        await person.until(lambda: bool(engine.commands))
    assert [("drop-idea", {"idea": 2})] == [(each.verb, each.arguments) for each in engine.commands]


def save(lab: LabMaker, text: str) -> None:
    """Save the program, as the engine notices it."""
    lab.paths.program.write_text(text)
    state, texts = lab.state, prompts.read(lab.paths, prompts_folder())
    before = next((each for each in reversed(state.prompts_commits) if each), "")
    lab.tell(prompts.version(lab.paths, texts, state.prompts + 1, before, "you", lab.now))


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 45)])
async def test_d_shows_what_the_last_save_changed(lab: LabMaker, size: tuple[int, int]) -> None:
    """Line by line; b goes on to what changed since the first version, esc comes back."""
    for text in ("# Goal\nLower it.\n", "# Goal\nShrink it.\n", "# Goal\nShrink it, please.\n"):
        save(lab, text)
    async with sitting_at(lab, size) as person:
        await person.press("6", "d")
        await person.sees("Shrink it, please.")
        assert "texts v3 to v4" in person.rows[0]
        assert "Shrink it." in person.text.replace("Shrink it, please.", "")
        await person.press("b")
        await person.sees("Lower it.")
        assert "texts v2 to v4" in person.rows[0]
        assert [] == crooked(person.rows, size[0])
        await person.press("escape")
        assert "6 DIRECTIONS" in person.rows[0]


async def test_d_and_b_without_a_second_version_say_so(lab: LabMaker) -> None:
    """Nothing was saved yet that could be compared."""
    async with sitting_at(lab) as person:
        for key in ("d", "b"):
            await person.press("6", key)
            assert "there is one version of the texts: each save makes another" == person.strip


async def test_b_chooses_what_d_compares_with(lab: LabMaker) -> None:
    """It says what d will show."""
    for text in ("one", "two", "three"):
        save(lab, text)
    async with sitting_at(lab) as person:
        await person.press("6", "b")
        assert "d: texts v2 to v4" == person.strip
        await person.press("d")
        assert "texts v2 to v4" in person.rows[0]


async def test_u_asks_before_a_save_is_taken_back(lab: LabMaker) -> None:
    """It names the file and the version that it goes back to; the title says when the last save was."""
    save(lab, "one")
    save(lab, "two")
    engine = FakeEngine(Answer(0, "took the save back"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("6")
        assert "words v3, saved " in person.rows[0]
        await person.press("u")
        assert "Undo the save of program.md?" in person.text
        assert "program.md reads as in v2 again" in " ".join(person.text.replace("┃", " ").split())
        await person.moment(0.6)
        await person.press("y")
        await person.sees("took the save back")
    assert ["undo"] == [each.verb for each in engine.commands]


async def test_a_terminal_of_middle_width_has_the_ideas_below(lab: LabMaker) -> None:
    """Below 100 columns one pane under the tabs; from there on the list stays while tab goes through the others."""
    async with sitting_at(lab, (120, 35)) as person:
        await person.press("6")
        assert ("Lower it by any means." in person.text, "ideas: 1 open of 2" in person.text) == (True, True)
        await person.press("tab")
        assert ("per worktree" in person.text, "ideas: 1 open of 2" in person.text) == (True, True)
        await person.press("tab", "j")
        assert ">" in person.row("tie the embeddings")[:3]
        await person.resize(99, 35)
        assert "Lower it by any means." not in person.text
