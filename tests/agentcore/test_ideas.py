"""Ideas wait for an agent, which takes one by naming it; what became of it follows from its experiments."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.brief import text as briefs
from agentcore.engine.commands import REFUSED, USAGE, Desk
from agentcore.engine.control import Command
from agentcore.worktree.ideas import IdeaRow, idea_of, ideas, open_ideas
from tests.agentcore import labs
from tests.agentcore.tales import Tale, calibrated
from tests.agentcore.test_brief import text


def with_idea() -> Tale:
    """Return a lab with one idea of a person."""
    return calibrated().tell(ev.IdeaAdded(1, "tie the embeddings", "ada"))


def only(tale: Tale) -> IdeaRow:
    """Return the one idea."""
    (row,) = ideas(tale.state)
    return row


@pytest.mark.parametrize(
    ("hypothesis", "expected"),
    [
        ("idea 7: tie the embeddings", 7),
        ("Idea #12, with a longer warm-up", 12),
        ("a good idea", None),
        ("ideally 3 layers", None),
    ],
)
def test_a_hypothesis_names_its_idea(hypothesis: str, expected: int | None) -> None:
    """The word and a number, anywhere; no other number."""
    assert expected == idea_of(hypothesis)


def test_a_new_idea_is_open() -> None:
    """Nobody has tried it."""
    assert ("OPEN", (), "") == (only(with_idea()).standing, only(with_idea()).experiments, only(with_idea()).reason)


def test_an_idea_that_runs_is_tried() -> None:
    """Its experiment is named."""
    tale = with_idea()
    number = tale.propose("wt0", "t1", "idea 1: tied")
    assert ("TRIED", (number,)) == (only(tale).standing, only(tale).experiments)


@pytest.mark.parametrize(("outcome", "expected"), [("drop", "DEAD END"), ("crash", "DEAD END"), ("keep", "KEPT")])
def test_its_experiment_decides_what_becomes_of_it(outcome: ev.Outcome, expected: str) -> None:
    """Kept, or a dead end."""
    tale = with_idea()
    number = tale.propose("wt0", "t1", "idea 1: tied")
    tale.screen(number, 0.8)
    tale.decide(number, outcome, 0.8, 2.0)
    assert expected == only(tale).standing


def test_an_experiment_that_never_counted_leaves_it_open() -> None:
    """What a person stopped has answered nothing."""
    tale = with_idea()
    number = tale.propose("wt0", "t1", "idea 1: tied")
    tale.decide(number, "cancelled")
    assert "OPEN" == only(tale).standing


def test_a_dropped_idea_is_offered_no_more() -> None:
    """It stays in the list, with who dropped it."""
    tale = with_idea().tell(ev.IdeaDropped(1, "ada"))
    assert ("DROPPED", "by ada", ()) == (only(tale).standing, only(tale).reason, open_ideas(tale.state))


def test_agents_are_told_the_open_ones() -> None:
    """With the number that they are to name."""
    assert "- idea 1 (from ada): tie the embeddings" == text(with_idea(), "$ideas")


def test_without_ideas_the_brief_says_none() -> None:
    """An empty heading would look like a mistake."""
    assert "None." == text(calibrated(), "$ideas")


def test_a_brief_holds_no_more_than_a_dozen() -> None:
    """However many wait."""
    tale = calibrated().tell(*(ev.IdeaAdded(number, "try it", "ada") for number in range(1, 20)))
    assert briefs.IDEAS == len(text(tale, "$ideas").splitlines())


async def test_ideas_are_added_and_dropped_by_command(tmp_path: Path) -> None:
    """Numbered from one; an unknown number, a second drop and an empty idea are refused."""
    async with labs.desk(tmp_path / "lab") as at:
        desk = Desk(at.lab, lambda reason, now: None)
        added = await desk.handle(Command("idea", "ada", {"text": " tie them "}))
        empty = await desk.handle(Command("idea", "ada", {"text": "  "}))
        unknown = await desk.handle(Command("drop-idea", "ada", {"idea": 5}))
        dropped = await desk.handle(Command("drop-idea", "ada", {"idea": 1}))
        again = await desk.handle(Command("drop-idea", "ada", {"idea": 1}))
        assert (0, USAGE, REFUSED, 0, REFUSED) == (
            added.code, empty.code, unknown.code, dropped.code, again.code
        )  # fmt: skip
        assert "there is no idea 5; there are: 1" == unknown.message
