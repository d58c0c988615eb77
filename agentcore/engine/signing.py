"""Who asks, and why? In words that can be recorded: one line each, without secrets, of bounded length."""

from __future__ import annotations

from agentcore.engine.control import Command
from agentcore.engine.lab import Lab
from agentcore.worktree.workspace import one_line

REASON_CHARACTERS, NAME_CHARACTERS = 1000, 60
SAY_WHY = "say why: it is recorded with your name"


def who(lab: Lab, command: Command) -> str:
    """Return the name that is recorded."""
    return one_line(lab.scrubber.clean(command.by), NAME_CHARACTERS) or "you"


def because(lab: Lab, command: Command) -> str:
    """Return the reason. One line: it becomes a trailer of a commit, and must not bring others along."""
    return one_line(lab.scrubber.clean(str(command.arguments.get("because") or "")), REASON_CHARACTERS)
