"""What can happen to what the lab no longer needs?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TranscriptSpan:
    """Some transcripts of one worktree, the first and the last of them included."""

    worktree: str
    first: int
    last: int


@dataclass(frozen=True)
class LeftoversPruned:
    """Files, folders and refs that nothing needs are about to be removed. An audit misses those transcripts no more."""

    by: str
    """A person, or `engine`."""
    why: str
    """Why now."""
    counts: Mapping[str, int]
    """{kind: how many}."""
    bytes: int
    """What they took on the disk."""
    transcripts: tuple[TranscriptSpan, ...] = ()
