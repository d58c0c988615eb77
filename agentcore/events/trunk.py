"""What can happen to trunk?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MergeIntended:
    """Trunk is about to move from `old` to `new`, if it still is `old`."""

    experiment: int
    old: str
    new: str
    tree: str
    nonce: str
    by: str
    forced: str = ""
    """Why it merges although its verdict did not pass; empty where it did."""
    stack: tuple[int, ...] = ()
    """All that trunk gets with it, itself last; empty where it is alone."""


@dataclass(frozen=True)
class RevertIntended:
    """Trunk is about to move from `old` to `new`, which takes the merge of `experiment` back, if it still is `old`."""

    experiment: int
    old: str
    new: str
    tree: str
    nonce: str
    by: str
    reason: str
    retest: int | None = None
    """The retest that found it; None where a person asked for it."""
    stack: tuple[int, ...] = ()
    """All that it takes back, where that is a stack as a whole."""


@dataclass(frozen=True)
class TrunkMoved:
    """Trunk points to `new`. `experiment` is None where no candidate moved it (creation, a hand, an undo)."""

    old: str
    new: str
    tree: str
    experiment: int | None
    by: str
    undone: int | None = None
    """The experiment whose merge this move takes back."""
    forced: str = ""
    """Why the candidate was merged although its verdict did not pass."""
    reverted: int | None = None
    """The experiment whose change a new commit takes back; other merges may lie between."""
    reason: str = ""
    """Why it was reverted."""
    stack: tuple[int, ...] = ()
    """All that were merged with `experiment`, or taken back with `undone` or `reverted`; empty where that is alone."""


@dataclass(frozen=True)
class MergesWanted:
    """A person wants these candidates merged in this order, each once it is READY on the trunk of then.

    The first that turns out not to be mergeable ends the list, as does any other move of trunk.
    """

    experiments: tuple[int, ...]
    by: str
