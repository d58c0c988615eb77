"""What is known of a candidate, and of what became of all of them?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.events import CandidateState
from worktrees.statistics import NOT_WORSE_Z, Verdict


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
    """Its change, replayed on `onto`."""
    onto: str = ""
    """That trunk commit, or the commit of the member before it in its stack."""
    tree: str = ""
    """What is confirmed: its commit's tree; of every member of a stack the last one's, which holds them all."""
    seeds: tuple[int, ...] = ()
    """Seeds of its confirmation."""
    stack: tuple[int, ...] = ()
    """Those that are confirmed as one tree, itself among them, in the order of their commits; empty where it is alone.
    Its verdict is then that of all of them together."""
    half: tuple[int, ...] = ()
    """Of a stack that failed: the only ones that it may be stacked with again. Empty where it was in none."""
    verdict: Verdict | None = None
    landing: str = ""
    """The commit that a merge moves trunk to."""
    reason: str = ""
    confirmations: int = 0
    """How often it was replayed on a trunk to be confirmed there, since it came to the queue, or came back to it."""
    retried: int = 0
    """Number of merges after which it was tried again as a near miss; 0 for never."""
    simpler: bool = False
    """It is here because it removes lines: it must not be worse, and need not be better."""
    place: int | None = None
    """Where a person put it in the order of confirming and merging; None: after those, as the queue has it."""
    released: bool = False
    """A person has looked at why it was BLOCKED, and let it go on."""

    @property
    def members(self) -> tuple[int, ...]:
        """The experiments whose change is in its tree."""
        return self.stack or (self.experiment,)

    @property
    def leads(self) -> bool:
        """True for the one whose commit has the tree that is run; the queue does with it what it does with a stack."""
        return self.members[-1] == self.experiment

    @property
    def is_win(self) -> bool:
        """True where fresh seeds confirmed a gain; not where a simplification was only shown to lose nothing."""
        verdict = self.verdict
        return verdict is not None and verdict.passed and (not self.simpler or verdict.z >= NOT_WORSE_Z)


@dataclass(frozen=True)
class Wish:
    """Candidates that a person wants merged in this order, each once it is READY; never empty."""

    experiments: tuple[int, ...]
    by: str


@dataclass(frozen=True)
class Tally:
    """The verdicts of all confirmations so far, whatever became of the candidates."""

    confirmations: int = 0
    negative: int = 0
    """With a gain below zero."""
    passed: int = 0
