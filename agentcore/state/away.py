"""What holds while a person has left the lab alone?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore import events as ev
from worktrees.gate import Mode


@dataclass(frozen=True)
class Away:
    """A person has left the lab alone, see away/limits.py."""

    since: float
    until: float | None
    usd: float | None
    """Dollars that models may cost from then on."""
    merge: ev.AwayMerge
    questions: ev.AwayQuestions
    by: str
    mode_before: Mode
    """Who merged before, and does so again afterwards."""
    spent_before: float
    """Dollars that models had cost by then."""
    reached: tuple[str, ...] = ()
    """The limits that were reached."""
    over: str = ""
    """Why nothing new starts until the person is back; empty while the lab works."""
    tell: ev.AwayTell = "urgent"
    """What the person is called for."""


@dataclass(frozen=True)
class Absence:
    """When a person left the lab alone, and when they were back. Unix times."""

    began: float
    ended: float
