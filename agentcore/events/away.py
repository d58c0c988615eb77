"""What can happen while a person leaves the lab alone?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AwayMerge = Literal["gate", "none"]
"""Who merges READY candidates meanwhile: the gate itself, or nobody."""
AwayQuestions = Literal["park", "wait"]
"""park: an agent's question is put aside at once, and it takes another idea. wait: as if somebody were there."""
AwayTell = Literal["stopped", "urgent", "nothing"]
"""stopped: a person is called only where nobody works any more. urgent: also for what needs them. Both: for the report
at the end. nothing: not at all.
"""
AwayLimit = Literal["until", "usd"]


@dataclass(frozen=True)
class AwayStarted:
    """A person leaves the lab alone, within these limits. They hold with no view open."""

    until: float | None
    """Unix time from which on nothing new starts; None for no such time."""
    usd: float | None
    """Dollars that models may cost from now on; None for no limit beside lab.toml's."""
    merge: AwayMerge
    questions: AwayQuestions
    by: str
    tell: AwayTell = "urgent"
    """The default is what held before one could choose."""


@dataclass(frozen=True)
class AwayLimitReached:
    """A limit of away mode holds from now on. `until`: nothing new starts, and the merge mode is what it was before.
    `usd`: nothing more is proposed.
    """

    limit: AwayLimit
    reason: str


@dataclass(frozen=True)
class AwayEnded:
    """The person is back: no limit of away mode holds any more."""

    reason: str
    by: str
