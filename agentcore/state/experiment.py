"""What is known of an experiment, of its runs, and of all of them?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentcore.brief.spending import Spending
from agentcore.events import Outcome
from worktrees.runs import Ending, Purpose


@dataclass(frozen=True)
class Experiment:
    """One hypothesis: its commit, its screening run, its outcome."""

    number: int
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
    proposed: float
    detail: Mapping[str, Any]
    direction: str = ""
    prompts: int = 0
    """Version of the researcher's texts that its agent read."""
    thought_s: float = 0.0
    """Seconds that its agent thought, waiting for the provider not counted."""
    transcript: int = 0
    """Which of its worktree's transcripts tells how it came about."""
    spent: Spending = Spending()
    fixes: int | None = None
    """The crashed experiment that it mends."""
    broken: tuple[str, ...] = ()
    """Rules that its edit breaks."""
    mending: int = 0
    """How often an agent was asked to mend it."""
    run: int | None = None
    """Its latest screening run."""
    outcome: Outcome | None = None
    score: float | None = None
    gain: float | None = None
    z: float | None = None
    reason: str = ""
    decided: float | None = None


@dataclass(frozen=True)
class Run:
    """One training of one commit with one seed."""

    number: int
    purpose: Purpose
    experiment: int | None
    commit: str
    tree: str
    seed: int
    scale: int
    slot: str
    started: float
    harness: str
    """Of the lab when it started; a score of another harness enters no pool."""
    ending: Ending | None = None
    score: float | None = None
    reason: str = ""
    train_s: float = 0.0
    evaluate_s: float = 0.0
    train_cpu_s: float = 0.0
    peak_mb: float = 0.0
    holdout: float | None = None
    walls: str = ""
    """The sandbox's backend that it had; empty where that was not recorded."""
    tokens_per_s: float | None = None
    """Speed of the training; None where it does not matter."""
    stopped: str = ""
    """Who wants it to end; empty where nobody does."""
    ended: float | None = None
    fraction: float = 1.0
    """Of its size's budget. Scores of different fractions are never mixed: only those of the whole enter a pool."""
    self_reported: bool = False
    """True where the training printed the score itself."""
    guards: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """How many experiments came to what, kept with each outcome."""

    decided: int = 0
    kept: int = 0
    failed_in_a_row: int = 0
    """Crashed, diverged, too slow or invalid ones since the last other outcome, or since the engine was started."""
    without_gain: int = 0
    """Decided ones since fresh seeds last confirmed a gain, or since the engine was started."""
