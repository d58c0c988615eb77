"""What has a person done that can be taken back?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    """Something that a person did and can take back, see undo/undoing.py."""

    kind: str
    """merge, revert, pause, resume, hold, unhold, cancel, pin, unpin, mode, say, save, import."""
    by: str
    names: tuple[str, ...] = ()
    """The worktrees that it was done to; of a save the files."""
    experiment: int | None = None
    stack: tuple[int, ...] = ()
    """All that were merged with it; empty where it was alone."""
    text: str = ""
    """What was said, the new mode, the pinned commit, the reason of a pause, the tree of the saved texts, the digest of
    an import."""
    was: tuple[str, ...] = ()
    """What was so before: the mode, the candidate's state, each worktree's reason to be paused. Of a save the commit
    before it, and its own."""
    together: bool = False
    """It was done to all worktrees at once."""
    seq: int = 0
    upto: int = 0
    """The journal's numbers of its first and its last entry."""
    at: float = 0.0
    undone: int = 0
    """The journal's number of the entry that says it was taken back; 0 while it holds."""
