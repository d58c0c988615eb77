"""What is true of a lab? Its nouns, and the state that holds them.

Every reader (view, command line, brief, engine) reads only this; how it follows from the events is told in fold/. The
big tables are persistent maps (immutables.Map): a step costs the same at ten experiments and at ten thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from immutables import Map

from agentcore import events as ev
from agentcore.brief.spending import Spending
from agentcore.events import Entry, Step
from agentcore.journal.latest import latest
from agentcore.state.action import Action
from agentcore.state.away import Absence, Away
from agentcore.state.candidate import Candidate, Tally, Wish
from agentcore.state.experiment import Counts, Experiment, Run
from agentcore.state.idea import Idea
from agentcore.state.imported import Import
from agentcore.state.lab import Engine, Work
from agentcore.state.notice import Notices
from agentcore.state.retest import Retest, SpeedTest
from agentcore.state.trunk import Merge, Trunk
from agentcore.state.worktree import Message, Question, Thinking, Worktree
from worktrees.gate import GateSettings
from worktrees.project import RetestSettings
from worktrees.slots import Slot
from worktrees.statistics import Pool


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
    agents: ev.AgentsAssigned | None = None
    """Which agent works where; None before the first engine."""
    barred: Map[str, ev.AgentBarred] = field(default_factory=Map)
    """{backend: why none of its agents can work}."""
    prompts: int = 0
    """Version of the researcher's texts, counted up with each change."""
    prompts_digest: str = ""
    prompts_tree: str = ""
    """The lab's own texts as they were read last."""
    prompts_commits: tuple[str, ...] = ()
    """The commit of each version, the first first; empty where git could not keep it."""
    prompts_at: float = 0.0
    spent: Spending = Spending()
    spent_by: Map[str, Spending] = field(default_factory=Map)
    """{backend: what it has cost, proposals that came to nothing included}."""
    failed_by: Map[str, int] = field(default_factory=Map)
    """{backend: how often it was asked and returned no proposal}."""
    worktrees: Map[str, Worktree] = field(default_factory=Map)
    counts: Counts = Counts()
    experiments: Map[int, Experiment] = field(default_factory=Map)
    runs: Map[int, Run] = field(default_factory=Map)
    tried: Map[str, tuple[int, ...]] = field(default_factory=Map)
    """{tree: its runs, oldest first}; see `runs_of`."""
    work: Map[str, Work] = field(default_factory=Map)
    """{slot: what it has worked}."""
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
    wanted: Wish | None = None
    """What a person wants merged next; None where nobody asked, or the list has come to its end."""
    tally: Tally = Tally()
    threshold: float = 0.0
    """Standard errors with which a confirmation passes where that is more than the gate asks for; see
    `judging.threshold`."""
    intent: ev.MergeIntended | ev.RevertIntended | None = None
    """A merge, or a revert, that was announced and whose outcome is not known yet."""
    pinned: Map[int, str] = field(default_factory=Map)
    """{experiment: commit} that a person wants kept."""
    line: tuple[Step, ...] = ()
    """Trunk's moves from the first trunk to today's; those that were taken back are not among them."""
    large: Map[str, Pool] = field(default_factory=Map)
    """{tree: {seed: score}} of retest runs under today's harness, scale and budget of a retest."""
    large_failed: Map[str, tuple[str, ...]] = field(default_factory=Map)
    """{tree: why its retest runs failed, since the last that went well}."""
    retests: tuple[Retest, ...] = ()
    """Newest last; only that one may be open."""
    verified: tuple[str, ...] = ()
    """The trunk commits whose gain held at the larger size, newest last."""
    speed_test: SpeedTest | None = None
    """What is measured of the newest of them; None once it is known, or when its question has gone."""
    ideas: Map[int, Idea] = field(default_factory=Map)
    imports: tuple[Import, ...] = ()
    """Old nights of other machines, oldest import first: history, see project/importing.py."""
    dropped_imports: tuple[Import, ...] = ()
    """Those that were taken back."""
    away: Away | None = None
    """None while somebody is there."""
    last_away: Absence | None = None
    """The newest one that is over."""
    untold: float | None = None
    """Since when nobody was there, where that is over and no report of it was written yet. Unix time."""
    saved: ev.ReportWritten | None = None
    """The newest report that lies in a file."""
    notices: Notices = Notices()
    """What a person was told who did not look."""
    actions: tuple[Action, ...] = ()
    """The newest that persons did and may want to take back, oldest first."""
    warnings: Map[str, str] = field(default_factory=Map)
    recent: tuple[Entry, ...] = ()

    @property
    def standing(self) -> list[Worktree]:
        """The worktrees that are not retired, wt2 before wt10."""
        return list(_standing(self.worktrees))

    @property
    def newest(self) -> Iterator[Experiment]:
        """The experiments, newest first; they are numbered from 1 without a gap."""
        return (self.experiments[number] for number in range(len(self.experiments), 0, -1))

    def runs_of(self, tree: str) -> list[Run]:
        """Return the runs of one tree, oldest first; nobody has to walk all runs for them."""
        return [self.runs[number] for number in self.tried.get(tree, ())]

    def broken(self, tree: str) -> str:
        """Return why a tree counts as one that does not train (two runs in a row failed), or an empty string."""
        reasons = self.failed.get(tree, ())
        return reasons[-1] if len(reasons) >= 2 else ""

    def merged_as(self, experiment: int) -> str:
        """Return the commit that brought an experiment into trunk, the last time that one did."""
        return next(merge.commit for merge in reversed(self.merges) if merge.experiment == experiment)

    def leader(self, candidate: Candidate) -> Candidate:
        """Return the member that stands for a candidate's stack; a candidate that is alone is its own."""
        return self.candidates[candidate.members[-1]]

    @property
    def retest(self) -> Retest | None:
        """The retest that is open, if one is."""
        return self.retests[-1] if self.retests and self.retests[-1].word is None else None

    @property
    def retest_settings(self) -> RetestSettings:
        """How trunk is tried at the larger size; without a budget, as before the lab was configured, it is not."""
        return self.config.retest if self.config else RetestSettings()

    @property
    def large_harness(self) -> str:
        """What makes scores of the larger size comparable; never that of a small run."""
        settings = self.retest_settings
        return f"{self.harness}-x{settings.scale}-{settings.budget}"

    @property
    def gate(self) -> GateSettings:
        """The gate's settings; the defaults before the lab was configured."""
        return self.config.gate if self.config else GateSettings()

    @property
    def harness(self) -> str:
        """What makes scores comparable today; empty before the lab was configured."""
        return self.config.harness if self.config else ""


@latest
def _standing(worktrees: Map[str, Worktree]) -> tuple[Worktree, ...]:
    found = [each for each in worktrees.values() if not each.retiring]
    return tuple(sorted(found, key=lambda each: (len(each.name), each.name)))
