"""What is true of a lab? Its nouns, and the state that holds them.

Every reader (view, command line, brief, engine) reads only this; how it follows from the events is told in fold.py. The
big tables are persistent maps (immutables.Map): a step costs the same at ten experiments and at ten thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from immutables import Map

from agentcore import events as ev
from agentcore.events import CandidateState, Entry, Outcome
from worktrees.gate import GateSettings
from worktrees.runs import Ending, Purpose
from worktrees.slots import Slot
from worktrees.statistics import Pool, Verdict


@dataclass(frozen=True)
class Engine:
    """The engine that holds or last held the lab."""

    pid: int
    start_ticks: int
    boot_id: str
    version: str
    since: float
    stopped: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Trunk:
    """The branch of measured winners."""

    commit: str
    tree: str
    since: float
    by: str


@dataclass(frozen=True)
class Worktree:
    """One worktree, the agent in it, and what it is at."""

    name: str
    slot: str
    agent: str
    base: str
    base_tree: str
    """The commit that its edits are made on, and that commit's tree."""
    at: str
    """The commit whose files it holds; empty when an edit was given up half way."""
    proposed: int = 0
    """How many experiments it has had."""
    thinking_since: float | None = None
    experiment: int | None = None
    """The experiment that it waits for; None when the agent may propose."""
    since: float = 0.0
    """Unix time of the last change that concerned its agent: a proposal, an outcome, a pause."""
    paused: str = ""
    """Why no new experiment starts; empty when it is not paused."""
    paused_by: str = ""
    failures: int = 0
    """Experiments in a row that crashed, or turns without a proposal."""
    trouble: str = ""
    """Why the last of them failed."""


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
    ended: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A kept experiment in the merge queue."""

    experiment: int
    state: CandidateState
    since: float
    trunk: str = ""
    """The trunk commit that it was rebased on."""
    trunk_tree: str = ""
    commit: str = ""
    tree: str = ""
    seeds: tuple[int, ...] = ()
    """Seeds of its confirmation."""
    verdict: Verdict | None = None
    landing: str = ""
    """The commit that a merge moves trunk to."""
    reason: str = ""


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


@dataclass(frozen=True)
class LabState:
    """Everything that is true of the lab after `seq` events."""

    seq: int = 0
    at: float = 0.0
    config: ev.LabConfigured | None = None
    engine: Engine | None = None
    slots: tuple[Slot, ...] = ()
    trunk: Trunk | None = None
    baseline_tree: str = ""
    """The tree of the first trunk."""
    worktrees: Map[str, Worktree] = field(default_factory=Map)
    experiments: Map[int, Experiment] = field(default_factory=Map)
    runs: Map[int, Run] = field(default_factory=Map)
    active: Map[int, Run] = field(default_factory=Map)
    """The runs that have not ended, by number."""
    candidates: Map[int, Candidate] = field(default_factory=Map)
    pools: Map[str, Pool] = field(default_factory=Map)
    """{tree: {seed: score}} of valid, unselected runs at scale 1 under today's harness and budget."""
    failed: Map[str, tuple[str, ...]] = field(default_factory=Map)
    """{tree: why its baseline and confirmation runs failed, since the last that went well}; see `broken`."""
    trees: Map[str, int] = field(default_factory=Map)
    """{tree: the first experiment that proposed it}: the same tree is never run twice as an experiment."""
    merges: tuple[Merge, ...] = ()
    intent: ev.MergeIntended | None = None
    """A merge that was announced and whose outcome is not known yet."""
    warnings: Map[str, str] = field(default_factory=Map)
    recent: tuple[Entry, ...] = ()

    def broken(self, tree: str) -> str:
        """Return why a tree counts as one that does not train (two runs in a row failed), or an empty string."""
        reasons = self.failed.get(tree, ())
        return reasons[-1] if len(reasons) >= 2 else ""

    @property
    def gate(self) -> GateSettings:
        """The gate's settings; the defaults before the lab was configured."""
        return self.config.gate if self.config else GateSettings()

    @property
    def harness(self) -> str:
        """What makes scores comparable today; empty before the lab was configured."""
        return self.config.harness if self.config else ""
