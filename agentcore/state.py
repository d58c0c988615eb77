"""What is true of a lab? Its nouns, and the state that holds them.

Every reader (view, command line, brief, engine) reads only this; how it follows from the events is told in fold/. The
big tables are persistent maps (immutables.Map): a step costs the same at ten experiments and at ten thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from immutables import Map

from agentcore import events as ev
from agentcore.events import AgentState, CandidateState, Entry, Outcome, RetestEnding, Step
from agentcore.latest import latest
from agentcore.spending import Spending
from worktrees.gate import GateSettings, Mode
from worktrees.project import RetestSettings
from worktrees.runs import Ending, Purpose
from worktrees.slots import Slot
from worktrees.statistics import NOT_WORSE_Z, Pool, Verdict


@dataclass(frozen=True)
class Engine:
    """The engine that holds or last held the lab."""

    pid: int
    start_ticks: int
    boot_id: str
    version: str
    since: float
    walls: str = ""
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
class Thinking:
    """An agent at work on a proposal."""

    agent: str
    since: float
    direction: str = ""
    fixes: int | None = None
    prompts: int = 0
    """Version of the researcher's texts that it was given."""
    state: AgentState = "THINK"
    text: str = ""
    """What the state means just now, e.g. the provider's words."""
    until: float | None = None
    """Unix time at which a waiting agent goes on."""
    changed: float = 0.0
    """Unix time at which the state began."""
    waited_s: float = 0.0
    """Seconds spent in LIMIT, which are not the agent's."""
    spent: Spending = Spending()


@dataclass(frozen=True)
class Message:
    """What the researcher said to a worktree's agent."""

    at: float
    text: str
    by: str
    read: float | None = None
    """When its agent was given it, Unix time; None before."""
    about: str = ""
    """The agent's question that it answers."""

    @property
    def words(self) -> str:
        """What the agent is given."""
        return f'in answer to your question "{self.about}": {self.text}' if self.about else self.text


@dataclass(frozen=True)
class Question:
    """What a worktree's agent wants to know from the researcher, and nobody has answered yet."""

    at: float
    text: str
    parked: str = ""
    """Why it waits no longer; empty while the worktree waits for its answer."""


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
    decided: int = 0
    """How many of them have an outcome."""
    asked: int = 0
    """How often its agent was asked for a proposal: the number of its newest transcript."""
    thought_s: tuple[float, ...] = ()
    """Seconds that its agents thought for its newest proposals, waiting for a provider not counted; newest last."""
    thinking: Thinking | None = None
    """Its agent's work on the next proposal; None when it is not asked just now."""
    pending: tuple[int, ...] = ()
    """Its experiments without an outcome, oldest first: the first trains or trains next, others wait for a slot."""
    spent: Spending = Spending()
    notes: tuple[str, ...] = ()
    """What its agents wanted to read again, newest last."""
    messages: tuple[Message, ...] = ()
    read: int = 0
    """How many of the messages an agent has been given."""
    questions: tuple[Question, ...] = ()
    """What its agent has asked and nobody has answered, oldest first."""
    since: float = 0.0
    """Unix time of the last change that concerned its agent: a proposal, an outcome, a pause."""
    paused: str = ""
    """Why no new experiment starts; empty when it is not paused."""
    paused_by: str = ""
    retiring: str = ""
    """Under which name its folder goes, or went, to the trash; empty for one that is there to stay."""
    retired: float | None = None
    """When it was retired, Unix time: it is in no list and gets no work, and what it has found stays."""
    rebase: str = ""
    """Who wants it on its base of today; empty where nobody asked, or it stands there."""
    failures: int = 0
    """Experiments in a row that crashed, or that never came because the search agent found nothing."""
    silent: int = 0
    """How often in a row its agent, not the search agent, returned no proposal."""
    trouble: str = ""
    """Why the last of them failed."""

    @property
    def asking(self) -> Question | None:
        """The question that it waits for; None where there is none, or it is parked."""
        return next((each for each in self.questions if not each.parked), None)

    @property
    def experiment(self) -> int | None:
        """The oldest experiment without an outcome: the one that trains, or trains next."""
        return self.pending[0] if self.pending else None


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
class Work:
    """What a slot has worked, kept with each run so that nobody has to walk all runs for it."""

    total_s: float = 0.0
    """Seconds of training and evaluation of all runs that have ended."""
    busy_s: float = 0.0
    """The same since this engine started."""
    since: float | None = None
    """Unix time from which on this engine's share counts: its start, or the slot's first run if that was later."""
    ended: float | None = None
    """When its last run ended."""


@dataclass(frozen=True)
class Counts:
    """How many experiments came to what, kept with each outcome."""

    decided: int = 0
    kept: int = 0
    failed_in_a_row: int = 0
    """Crashed, diverged, too slow or invalid ones since the last other outcome, or since the engine was started."""
    without_gain: int = 0
    """Decided ones since fresh seeds last confirmed a gain, or since the engine was started."""


@dataclass(frozen=True)
class Idea:
    """An idea that waits for an agent; what became of it is told by the experiments that name it (ideas.py)."""

    number: int
    text: str
    by: str
    at: float
    dropped_by: str = ""
    """Who took it from the list; empty while it is offered."""


@dataclass(frozen=True)
class Tally:
    """The verdicts of all confirmations so far, whatever became of the candidates."""

    confirmations: int = 0
    negative: int = 0
    """With a gain below zero."""
    passed: int = 0


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


@dataclass(frozen=True)
class Retest:
    """Trunk tried at the larger size against the trunk that was last verified."""

    number: int
    steps: tuple[Step, ...]
    """The verified trunk, and every trunk since; the last one is tried."""
    seeds: tuple[int, ...]
    scale: int
    by: str
    since: float
    judged: tuple[ev.RetestJudged, ...] = ()
    """The tried trunk first, then what bisection asked for."""
    prepared: ev.RevertPrepared | None = None
    """Trunk without what was found to be worse, while that is tried at the small size."""
    word: RetestEnding | None = None
    """How it ended; None while it is open."""
    reason: str = ""
    ended: float | None = None
    speed: ev.SpeedMeasured | None = None
    """What came of measuring the proven trunk's speed-up; None while that goes on, or where it was not asked for."""
    harness: str = ""
    """Of its runs, see `LabState.large_harness`."""
    ended_by: str = "engine"


@dataclass(frozen=True)
class SpeedTest:
    """The verified trunk trained with smaller budgets, until its speed-up over the first baseline is known."""

    retest: int
    trunk: Step
    seeds: tuple[int, ...]
    tried: tuple[float, ...] = ()
    """Fractions of the budget, in the order in which they were tried."""
    scores: Map[tuple[float, int], float] = field(default_factory=Map)
    """{(fraction, seed): score}."""
    failed: tuple[str, ...] = ()
    """Why its runs failed, since the last that went well."""


@dataclass(frozen=True)
class Away:
    """A person has left the lab alone, see away.py."""

    since: float
    until: float | None
    usd: float | None
    """Dollars that models may cost from then on."""
    merge: ev.AwayMerge
    questions: ev.AwayQuestions
    by: str
    mode_before: Mode
    """Who merged before, and does so again afterwards."""
    spent_before: float
    """Dollars that models had cost by then."""
    reached: tuple[str, ...] = ()
    """The limits that were reached."""
    over: str = ""
    """Why nothing new starts until the person is back; empty while the lab works."""


@dataclass(frozen=True)
class Absence:
    """When a person left the lab alone, and when they were back. Unix times."""

    began: float
    ended: float


@dataclass(frozen=True)
class Action:
    """Something that a person did and can take back, see undoing.py."""

    kind: str
    """merge, revert, pause, resume, hold, unhold, cancel, pin, unpin, mode, say."""
    by: str
    names: tuple[str, ...] = ()
    """The worktrees that it was done to."""
    experiment: int | None = None
    stack: tuple[int, ...] = ()
    """All that were merged with it; empty where it was alone."""
    text: str = ""
    """What was said, the new mode, the pinned commit, the reason of a pause."""
    was: tuple[str, ...] = ()
    """What was so before: the mode, the candidate's state, each worktree's reason to be paused."""
    together: bool = False
    """It was done to all worktrees at once."""
    seq: int = 0
    upto: int = 0
    """The journal's numbers of its first and its last entry."""
    at: float = 0.0
    undone: int = 0
    """The journal's number of the entry that says it was taken back; 0 while it holds."""


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
    away: Away | None = None
    """None while somebody is there."""
    last_away: Absence | None = None
    """The newest one that is over."""
    untold: float | None = None
    """Since when nobody was there, where that is over and no report of it was written yet. Unix time."""
    saved: ev.ReportWritten | None = None
    """The newest report that lies in a file."""
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
