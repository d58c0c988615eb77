"""What can an old night bring along? Rows that somebody else measured: history, and no measurement of this lab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OldOutcome = Literal["keep", "drop", "crash"]


@dataclass(frozen=True)
class OldRow:
    """One experiment as a results.tsv tells it."""

    commit: str
    """As it stands there: mostly a short hash."""
    outcome: OldOutcome
    score: float | None
    """None for one that crashed."""
    memory_gb: float
    idea: str
    known_as: str = ""
    """The whole hash where this repository has that commit, so that its change can be read; else empty."""


@dataclass(frozen=True)
class HistoryImported:
    """Rows of a results.tsv that were not here before: told to people and agents, part of no number."""

    source: str
    """The file that they came from."""
    digest: str
    """SHA-256 of that file, in hex."""
    metric: str
    """What its second column is called."""
    rows: tuple[OldRow, ...]
    by: str


@dataclass(frozen=True)
class HistoryDropped:
    """Somebody took an import back: neither people nor agents are told of its rows any more."""

    digest: str
    by: str
