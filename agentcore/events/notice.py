"""What can happen to what a person is told who does not look?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class NoticeGiven:
    """A person is told something; written before it is sent, so that nothing is told twice."""

    through: int
    """Number of the newest event that it was decided by: what is older is told, or not worth it."""
    level: Literal["stopped", "urgent", "report", "ready", "news"]
    texts: tuple[str, ...]
    """What it tells, a sentence for each thing; of a report its title."""
