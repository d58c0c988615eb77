"""What can happen to an idea that waits for an agent?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IdeaAdded:
    """Somebody had an idea that is worth an experiment: a person, or an agent that has another one at hand."""

    idea: int
    text: str
    by: str
    """A person, or the worktree whose agent it was."""


@dataclass(frozen=True)
class IdeaDropped:
    """The idea is not offered to agents any more."""

    idea: int
    by: str
