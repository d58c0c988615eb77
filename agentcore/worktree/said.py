"""What did a person say to an agent, when was it read, and from which experiment on does it count?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.state import LabState


@dataclass(frozen=True)
class Said:
    """One message, and what became of it."""

    at: float
    by: str
    text: str
    read: float | None
    """When its agent was given it, Unix time; None before."""
    experiment: int | None
    """The first that its agent proposed knowing it; None before there is one."""


def said(state: LabState, worktree: str) -> tuple[Said, ...]:
    """Return what was said to the agent of `worktree`, newest last."""
    own = state.worktrees.get(worktree)
    if own is None or not own.messages:
        return ()
    proposed = sorted((e.proposed, e.number) for e in state.experiments.values() if e.worktree == worktree)

    def first(read: float | None) -> int | None:
        return None if read is None else next((number for at, number in proposed if at >= read), None)

    return tuple(Said(each.at, each.by, each.text, each.read, first(each.read)) for each in own.messages)
