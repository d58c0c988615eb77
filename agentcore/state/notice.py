"""What was a person told who did not look?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Notices:
    """What was told, as far as it decides what is told next."""

    through: int = 0
    """The newest event that it was decided by."""
    at: float = float("-inf")
    """When the last one was given, Unix time."""
    ready_at: float = float("-inf")
    """The same of one that told of nothing but READY candidates."""
    said: tuple[tuple[str, float], ...] = ()
    """(sentence, when it was told), the newest last."""
