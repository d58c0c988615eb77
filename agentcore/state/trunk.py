"""What is known of trunk, and of what landed on it?"""

from __future__ import annotations

from dataclasses import dataclass

from worktrees.statistics import Verdict


@dataclass(frozen=True)
class Trunk:
    """The branch of measured winners."""

    commit: str
    tree: str
    since: float
    by: str


@dataclass(frozen=True)
class Merge:
    """A promotion that happened, newest last."""

    experiment: int
    at: float
    old: str
    new: str
    by: str
    verdict: Verdict | None
    undone: bool = False
    """Trunk does not hold it any more: it was undone or reverted."""
    forced: str = ""
    """Why a person merged it although its verdict did not pass; empty where it did."""
    commit: str = ""
    """The commit that holds its change: `new`, or in a stack one below it."""
    stack: tuple[int, ...] = ()
    """Those that landed together, itself among them; empty where it was alone. Only the last one's merge has their
    verdict, so that it counts once, and loses it when one of them is reverted: nobody has measured the others alone."""
