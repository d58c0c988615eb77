"""What can happen in a lab?

Every fact that matters is one of these events, appended to the journal by the engine and by nobody else. State is
their fold (fold.py). An event records what was decided or observed, never what could be derived from earlier ones.
Where an event announces a side effect (RunStarted, MergeIntended) it is written *before* the effect, so that after a
kill the intent is known and the effect can be looked up.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from agentcore.spending import Usage
from worktrees.gate import GateSettings, Mode
from worktrees.project import RetestSettings
from worktrees.runs import Ending, Purpose
from worktrees.slots import Slot
from worktrees.statistics import Verdict

Outcome = Literal[
    "keep", "drop", "crash", "nan", "timeout", "invalid", "contended", "duplicate", "cancelled", "returned"
]
"""returned: trunk moved before its run began and it does not fit there: its idea goes back to its agent."""
AgentState = Literal["THINK", "LIMIT", "CUT", "REFUSED", "FULL"]
"""THINK: it works. LIMIT: it waits for the provider. CUT: a reply reached its limit of tokens. REFUSED: the model
declined. FULL: the conversation reached the model's context."""
CandidateState = Literal[
    "NEW", "CONFIRM", "READY", "MERGING", "MERGED", "NOISE", "REJECTED", "STALE", "CONFLICT", "HELD", "CANCELLED",
    "BLOCKED", "PROVEN", "FADED", "REVERTED",
]  # fmt: skip
"""BLOCKED: too good to be true, until a person releases it. After MERGED, by a retest at the larger size: PROVEN (the
gain holds), FADED (it is noise there). REVERTED: was in trunk, a later commit took it back, because a person said so or
a retest found it to be worse there."""
RetestVerdict = Literal["PROVEN", "FADED", "SHORT"]
"""SHORT: the trunk that was tried is worse than the one that it was compared with."""
RetestEnding = Literal["PROVEN", "FADED", "REVERTED", "LEFT", "DROPPED"]
"""LEFT: it fell short, or did not train, and nothing could be taken out: a person is told. DROPPED: its question has
gone, because trunk was moved back or the settings changed."""
Level = Literal["info", "warn"]


@dataclass(frozen=True)
class LabConfigured:
    """The lab's settings as the engine read them from lab.toml; written again whenever they change."""

    name: str
    metric: str
    lower_is_better: bool
    profile: str
    budget: str
    harness: str
    gate: GateSettings
    usd_limit: float = 0.0
    token_limit: int = 0
    """What models may cost before nothing more is proposed; 0 for no limit."""
    retest: RetestSettings = RetestSettings()


@dataclass(frozen=True)
class EngineStarted:
    """An engine took the lab. An agent's turn that the engine before it had open is lost, nothing else."""

    pid: int
    start_ticks: int
    boot_id: str
    version: str
    slots: tuple[Slot, ...]
    walls: str = ""
    """The sandbox's backend: full, reduced or none; empty where a nightlab without one wrote this."""


@dataclass(frozen=True)
class EngineStopped:
    """The engine left in an orderly way; runs go on under their shims."""

    reason: str


@dataclass(frozen=True)
class WorktreeCreated:
    """A worktree with its branch, its agent, and the slot that is its home."""

    worktree: str
    slot: str
    agent: str
    base: str
    tree: str


@dataclass(frozen=True)
class WorktreeMoved:
    """The worktree stands on `base` again, with no edits of its own."""

    worktree: str
    base: str
    tree: str


@dataclass(frozen=True)
class WorktreePaused:
    """No new experiment starts in this worktree until it is resumed."""

    worktree: str
    reason: str
    by: str


@dataclass(frozen=True)
class WorktreeResumed:
    """The worktree takes experiments again."""

    worktree: str
    by: str


@dataclass(frozen=True)
class AgentsAssigned:
    """These agents work in the worktrees from now on."""

    agents: Mapping[str, str]
    """{worktree: backend}."""
    model: str = ""
    """What the backend `anthropic` asks; empty where no worktree has it."""
    reason: str = ""
    """Why it is not what lab.toml says; empty where it is."""


@dataclass(frozen=True)
class AgentBarred:
    """No agent of this backend can work until a person does something: a refused key, an unknown model, no credit."""

    agent: str
    word: str
    """key, model or credit."""
    reason: str


@dataclass(frozen=True)
class ThinkingStarted:
    """The worktree's agent was asked for a proposal."""

    worktree: str
    agent: str = ""
    direction: str = ""
    fixes: int | None = None
    """The crashed experiment that it may mend this time."""


@dataclass(frozen=True)
class RoomEntered:
    """The sandbox of an agent's commands was tried before the first of them started, and every wall stood."""

    worktree: str
    walls: str
    checks: int
    """How many things were tried."""


@dataclass(frozen=True)
class AgentStateChanged:
    """The agent that thinks in a worktree waits, or goes on."""

    worktree: str
    state: AgentState
    text: str
    until: float | None = None
    """Unix time at which it goes on by itself, where that is known."""


@dataclass(frozen=True)
class TokensUsed:
    """One model turn was paid for, whatever came of it."""

    worktree: str
    model: str
    usage: Usage
    usd: float


@dataclass(frozen=True)
class NoteTaken:
    """The agent wants to read this again when it next thinks in this worktree."""

    worktree: str
    text: str


@dataclass(frozen=True)
class MessageSent:
    """The researcher said something to the agent of a worktree."""

    worktree: str
    text: str
    by: str


@dataclass(frozen=True)
class MessagesRead:
    """The agent has been given the first `count` messages of its worktree."""

    worktree: str
    count: int


@dataclass(frozen=True)
class PromptsChanged:
    """The researcher's texts (program, directions, templates) are others now; each change is a version."""

    digest: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class AgentFailed:
    """The agent returned no usable proposal."""

    worktree: str
    reason: str
    agent: str = ""
    excused: bool = False
    """It is no failure of the agent: the lab's money was spent, its key was refused."""
    transcript_sha256: str = ""
    """Of the finished transcript; empty where there is none."""


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
    counts, see `agentcore.contention`."""


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
class CandidateRebased:
    """The candidate was replayed on trunk; exactly this tree is to be confirmed by these seeds."""

    experiment: int
    trunk: str
    trunk_tree: str
    commit: str
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


@dataclass(frozen=True)
class CandidateExtended:
    """A person asked for more seeds: these are all of its confirmation, and its verdict is made anew."""

    experiment: int
    seeds: tuple[int, ...]
    by: str
    reason: str


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


@dataclass(frozen=True)
class ModeChanged:
    """Who merges READY candidates from now on, until an engine reads lab.toml again."""

    mode: Mode
    by: str
    reason: str


@dataclass(frozen=True)
class Step:
    """A move of trunk: the experiments that it brought, and where trunk stood then."""

    experiments: tuple[int, ...]
    commit: str
    tree: str


@dataclass(frozen=True)
class RetestStarted:
    """Trunk is compared, at the larger size, with the trunk that was last verified."""

    retest: int
    steps: tuple[Step, ...]
    """First the verified trunk, last the one that is tried; between them what bisection may ask for."""
    seeds: tuple[int, ...]
    """Of every trunk that is compared."""
    scale: int
    budget: str
    by: str


@dataclass(frozen=True)
class RetestJudged:
    """What the large runs say of one step, compared with the first."""

    retest: int
    step: int
    word: RetestVerdict
    verdict: Verdict
    runs: tuple[int, ...]
    """The runs that it rests on."""
    reason: str


@dataclass(frozen=True)
class RevertPrepared:
    """Trunk without the experiment that a retest found: this tree is run once at the small size, then it may land."""

    retest: int
    experiment: int
    old: str
    """The trunk that it was made from."""
    new: str
    tree: str


@dataclass(frozen=True)
class RetestEnded:
    """A retest is over; one that ends with a revert ends with its TrunkMoved instead."""

    retest: int
    word: RetestEnding
    reason: str


@dataclass(frozen=True)
class WarningRaised:
    """Something needs a person or explains why work waits. One per topic at a time."""

    topic: str
    message: str


@dataclass(frozen=True)
class WarningCleared:
    """The warning of this topic no longer holds."""

    topic: str


Event = (
    LabConfigured
    | EngineStarted
    | EngineStopped
    | WorktreeCreated
    | WorktreeMoved
    | WorktreePaused
    | WorktreeResumed
    | AgentsAssigned
    | AgentBarred
    | ThinkingStarted
    | RoomEntered
    | AgentStateChanged
    | TokensUsed
    | NoteTaken
    | MessageSent
    | MessagesRead
    | PromptsChanged
    | AgentFailed
    | ExperimentProposed
    | ExperimentRebased
    | RunStarted
    | RunEnded
    | ExperimentDecided
    | CandidateRebased
    | CandidateJudged
    | ThresholdChanged
    | CandidateMoved
    | MergeIntended
    | RevertIntended
    | TrunkMoved
    | CandidateExtended
    | ExperimentPinned
    | ExperimentUnpinned
    | ModeChanged
    | RetestStarted
    | RetestJudged
    | RevertPrepared
    | RetestEnded
    | WarningRaised
    | WarningCleared
)

TYPES: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__args__}


@dataclass(frozen=True)
class Entry:
    """An event in the journal: its place in the order, when it was written (Unix time), and itself."""

    seq: int
    at: float
    event: Event


def encode(event: Event) -> tuple[str, bytes]:
    """Return the event's type name and its JSON body."""
    return type(event).__name__, msgspec.json.encode(event)


def decode(name: str, body: bytes) -> Event:
    """Return the event of that type. Raises ValueError naming the nearest known type, or the field that is wrong."""
    kind = TYPES.get(name)
    if kind is None:
        near = difflib.get_close_matches(name, TYPES, n=1)
        hint = f" (nearest known: {near[0]})" if near else ""
        raise ValueError(f"unknown event {name!r}{hint}: this journal was written by a newer nightlab")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(f"event {name}: {error}") from error
