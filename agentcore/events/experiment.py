"""What can happen to an experiment and to a run?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from worktrees.runs import Ending, Purpose

Outcome = Literal[
    "keep", "drop", "crash", "nan", "timeout", "invalid", "contended", "duplicate", "cancelled", "returned"
]
"""returned: trunk moved before its run began and it does not fit there: its idea goes back to its agent."""


@dataclass(frozen=True)
class ExperimentProposed:
    """An agent's edit, checked, committed and pinned."""

    experiment: int
    worktree: str
    agent: str
    base: str
    base_tree: str
    commit: str
    tree: str
    hypothesis: str
    added: int
    removed: int
    files: tuple[str, ...]
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What the agent wants to remember of it, e.g. the constants it chose."""
    fixes: int | None = None
    """The crashed experiment that it mends."""
    broken: tuple[str, ...] = ()
    """Rules that the edit breaks, each with what broke it: such an experiment is invalid and never run."""
    transcript_sha256: str = ""
    """Of the finished transcript; empty where a nightlab wrote it that kept none."""


@dataclass(frozen=True)
class ExperimentRebased:
    """An experiment that had not run yet was replayed on its worktree's new base: this is what will run."""

    experiment: int
    base: str
    base_tree: str
    commit: str
    tree: str


@dataclass(frozen=True)
class RunStarted:
    """A run was assigned to a slot. Its shim is started after this row is on disk."""

    run: int
    purpose: Purpose
    experiment: int | None
    commit: str
    tree: str
    seed: int
    scale: int
    slot: str
    fraction: float = 1.0
    """Of the size's budget."""


@dataclass(frozen=True)
class RunStopped:
    """A person wants this run to end: its shim is told so until it has. One that ends by itself meanwhile counts."""

    run: int
    by: str


@dataclass(frozen=True)
class RunEnded:
    """A run's result was collected (or, when lost, given up: its work is assigned again under a new number)."""

    run: int
    ending: Ending
    score: float | None
    reason: str
    train_s: float
    evaluate_s: float
    train_cpu_s: float
    peak_mb: float
    holdout: float | None = None
    """Score on the hidden hold-out, of runs that may move trunk; no agent is told."""
    walls: str = ""
    """The sandbox's backend; empty where a nightlab without one wrote this."""
    checks: int = 0
    """How many things its rooms' self-tests tried before anything started, all of them as they must be."""
    tokens_per_s: float | None = None
    other_mb: float | None = None
    """Speed of the training, and the most GPU memory (MiB) that others held meanwhile, where either decides whether it
    counts, see `agentcore.engine.contention`."""
    self_reported: bool = False
    """True where the training, agents' code, printed the score itself."""
    guards: Mapping[str, float] = field(default_factory=dict)
    """{name: number} of the project's guards, where there is a score."""


@dataclass(frozen=True)
class ExperimentDecided:
    """The experiment's outcome. `gain` and `z` are of its screening run against its base's pool."""

    experiment: int
    outcome: Outcome
    score: float | None
    gain: float | None
    z: float | None
    reason: str
    simpler: bool = False
    """Kept because it removes lines, not because it seems better."""


@dataclass(frozen=True)
class ExperimentPinned:
    """A person wants this commit kept, whatever becomes of the experiment."""

    experiment: int
    commit: str
    by: str
    reason: str


@dataclass(frozen=True)
class ExperimentUnpinned:
    """The pin of this experiment is gone; other refs may still hold its commit."""

    experiment: int
    by: str
    reason: str
