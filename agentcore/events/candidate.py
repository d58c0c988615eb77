"""What can happen to a candidate in the merge queue?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from worktrees.statistics import Verdict

CandidateState = Literal[
    "NEW", "CONFIRM", "READY", "MERGING", "MERGED", "NOISE", "REJECTED", "STALE", "CONFLICT", "HELD", "CANCELLED",
    "BLOCKED", "PROVEN", "FADED", "REVERTED",
]  # fmt: skip
"""BLOCKED: too good to be true, until a person releases it. After MERGED, by a retest at the larger size: PROVEN (the
gain holds), FADED (it is noise there). REVERTED: was in trunk, a later commit took it back, because a person said so or
a retest found it to be worse there."""


@dataclass(frozen=True)
class CandidateRebased:
    """The candidate was replayed on trunk; exactly this tree is to be confirmed by these seeds."""

    experiment: int
    trunk: str
    trunk_tree: str
    commit: str
    tree: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class StackRebased:
    """Candidates were replayed on trunk, each on the one before it; exactly the last one's tree is to be confirmed."""

    experiments: tuple[int, ...]
    commits: tuple[str, ...]
    """Each one's change, in the same order."""
    trunk: str
    trunk_tree: str
    tree: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class CandidateJudged:
    """The confirmation's verdict. `landing` is the commit that a merge would move trunk to, if READY."""

    experiment: int
    state: CandidateState
    verdict: Verdict
    landing: str
    reason: str


@dataclass(frozen=True)
class StackJudged:
    """The verdict on a stack: its members are READY together, or it is taken apart into halves."""

    experiments: tuple[int, ...]
    verdict: Verdict | None
    """Of all of them together; None where their tree does not train."""
    landings: tuple[str, ...]
    """The commit of each that a merge would bring into trunk, the last one's on top; empty where it is taken apart."""
    halves: tuple[tuple[int, ...], ...]
    """What it is taken apart into; empty where it is READY."""
    reason: str


@dataclass(frozen=True)
class ThresholdChanged:
    """Confirmations pass at another number of standard errors from now on, because of how many so far may be false."""

    z_confirm: float
    false_share: float
    """The meter that says so: an upper bound on the share of passed confirmations that are no gain."""
    confirmations: int


@dataclass(frozen=True)
class CandidateMoved:
    """The candidate's state changed for a reason other than a rebase, a verdict or a merge."""

    experiment: int
    state: CandidateState
    reason: str
    by: str


@dataclass(frozen=True)
class CandidateReordered:
    """A person put candidates into an order: so they are confirmed, or merged, from now on, and others after them."""

    experiment: int
    """The one that was moved."""
    order: tuple[int, ...]
    """All that stand with it, first to last."""
    by: str


@dataclass(frozen=True)
class CandidateExtended:
    """A person asked for more seeds: these are all of its confirmation, and its verdict is made anew."""

    experiment: int
    seeds: tuple[int, ...]
    by: str
    reason: str
