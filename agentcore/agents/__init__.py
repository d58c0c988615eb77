"""Who proposes? A backend per module, all behind one protocol: the diff in the worktree is the interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from agentcore.brief import Brief


class NoProposal(Exception):
    """The agent has nothing to propose now. The message says why."""


@dataclass(frozen=True)
class Proposal:
    """What an agent returns beside the edit that it left in the worktree."""

    hypothesis: str
    """One line: what should help and why."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """JSON that the agent will find again in its later briefs."""
    rework_of: int | None = None
    """The experiment in conflict whose idea this is, written again on today's trunk."""


class Agent(Protocol):
    """Something that edits a worktree."""

    name: str

    async def propose(self, brief: Brief, workspace: Path) -> Proposal:
        """Edit the files in `workspace` and say what should help. Raises NoProposal."""
        ...
