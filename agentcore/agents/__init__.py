"""Who proposes? A backend per module, all behind one protocol: the diff in the worktree is the interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from agentcore.brief.text import Brief
from agentcore.worktree.workspace import Workspace


class NoProposal(Exception):
    """The agent has nothing to propose now. The message says why."""


class Asked(NoProposal):
    """The agent cannot go on without the researcher. The message is its question."""


class Barred(Exception):
    """No agent of this backend can work until a person does something. Carries the word for it and the reason."""

    def __init__(self, word: str, reason: str) -> None:
        super().__init__(reason)
        self.word = word
        """key, model or credit."""


@dataclass(frozen=True)
class Proposal:
    """What an agent returns beside the edit that it left in the worktree."""

    hypothesis: str
    """One line: what should help and why."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """JSON that the agent will find again in its later briefs."""
    rework_of: int | None = None
    """The experiment in conflict whose idea this is, written again on today's trunk."""
    mends: bool = False
    """It corrects the crash that its brief began with, and is not another idea."""


class Agent(Protocol):
    """Something that edits a worktree."""

    name: str

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Edit the files in `workspace.folder` and say what should help.

        Raises NoProposal, and for a coding agent Barred and OutOfBudget.
        """
        ...
