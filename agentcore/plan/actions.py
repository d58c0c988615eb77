"""What can the engine be told to do next, and within which limits is that decided?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore import events as ev
from worktrees.runs import Purpose


@dataclass(frozen=True)
class Record:
    """Append an event that needs no side effect."""

    event: ev.Event


@dataclass(frozen=True)
class StartRun:
    """Start a run on a slot."""

    purpose: Purpose
    experiment: int | None
    commit: str
    tree: str
    seed: int
    slot: str
    fraction: float = 1.0
    """Of the size's budget."""


@dataclass(frozen=True)
class MoveWorktree:
    """Put an idle worktree on `base`."""

    worktree: str
    base: str


@dataclass(frozen=True)
class Propose:
    """Ask a worktree's agent for its next experiment."""

    worktree: str


@dataclass(frozen=True)
class RebaseExperiment:
    """Replay an experiment that has not run yet on its worktree's new base, or return it to its agent."""

    experiment: int
    base: str


@dataclass(frozen=True)
class Rebase:
    """Replay a candidate on trunk."""

    experiment: int


@dataclass(frozen=True)
class Stack:
    """Replay candidates on trunk, one on the other, to confirm them as one."""

    experiments: tuple[int, ...]


@dataclass(frozen=True)
class Judge:
    """Judge a candidate whose confirmation is complete."""

    experiment: int


@dataclass(frozen=True)
class JudgeStack:
    """Judge a stack whose confirmation is complete."""

    experiments: tuple[int, ...]


@dataclass(frozen=True)
class Promote:
    """Merge a READY candidate without asking: the gate's mode says so, or a person has asked for it before."""

    experiment: int
    by: str = "gate"


@dataclass(frozen=True)
class Settle:
    """Carry the open retest on where that takes git: end it, or take out of trunk what it found."""


Action = (
    Record
    | StartRun
    | MoveWorktree
    | Propose
    | RebaseExperiment
    | Rebase
    | Stack
    | Judge
    | JudgeStack
    | Promote
    | Settle
)


@dataclass(frozen=True)
class Limits:
    """What the engine was told to stay within."""

    experiments: int | None = None
    """No proposal is asked for once so many experiments exist."""
    stopping: bool = False
    """Start nothing new; runs in progress end."""
    crashes_in_a_row: int = 3
    usd: float = 0.0
    tokens: int = 0
    """No proposal is asked for once the lab has spent so much; 0 for no limit."""
    proposals_ahead: int | None = None
    """Prepared experiments per worktree; None follows the think and run times that were measured."""
