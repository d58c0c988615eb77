"""What became of what a person said: when it was read, and from which experiment on it counts."""

from __future__ import annotations

from agentcore import events as ev
from agentcore.worktree.said import Said, said
from tests.agentcore.tales import calibrated


def proposed(number: int) -> ev.ExperimentProposed:
    """Return a proposal of wt0."""
    return ev.ExperimentProposed(
        number, "wt0", "search", "c0", "t0", f"c{number}", f"t{number}", "idea", 1, 1, ("train.py",), {}
    )


def test_a_message_tells_when_it_was_read_and_what_came_of_it() -> None:
    """Only those that were given to the agent are read; the proposal after that is the first that knows them."""
    tale = calibrated().tell(proposed(1), ev.MessageSent("wt0", "smaller", "you"), proposed(2))
    tale.tell(ev.ThinkingStarted("wt0", "anthropic"), ev.MessagesRead("wt0", 1))
    read = tale.state.at
    tale.tell(ev.MessageSent("wt0", "and faster", "you"))
    later = tale.state.at
    sent = said(tale.state, "wt0")[0].at
    assert (Said(sent, "you", "smaller", read, None), Said(later, "you", "and faster", None, None)) == said(
        tale.state, "wt0"
    )
    tale.tell(proposed(3), proposed(4))
    assert [3, None] == [each.experiment for each in said(tale.state, "wt0")]


def test_nothing_was_said_to_others() -> None:
    """Each worktree has its own, and one that does not exist has none."""
    tale = calibrated().tell(ev.MessageSent("wt0", "smaller", "you"))
    assert ((), ()) == (said(tale.state, "wt1"), said(tale.state, "nowhere"))
