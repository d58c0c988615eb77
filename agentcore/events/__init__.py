"""What can happen in a lab?

Every fact that matters is one of these events, appended to the journal by the engine and by nobody else. State is
their fold (agentcore/fold). An event records what was decided or observed, never what could be derived from earlier
ones. Where an event announces a side effect (RunStarted, MergeIntended) it is written *before* the effect, so that
after a kill the intent is known and the effect can be looked up.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import msgspec

from agentcore.events.action import ActionRedone, ActionUndone
from agentcore.events.away import (
    AwayEnded,
    AwayLimit,
    AwayLimitReached,
    AwayMerge,
    AwayQuestions,
    AwayStarted,
    AwayTell,
)
from agentcore.events.candidate import (
    CandidateExtended,
    CandidateJudged,
    CandidateMoved,
    CandidateRebased,
    CandidateReordered,
    CandidateState,
    StackJudged,
    StackRebased,
    ThresholdChanged,
)
from agentcore.events.experiment import (
    ExperimentDecided,
    ExperimentPinned,
    ExperimentProposed,
    ExperimentRebased,
    ExperimentUnpinned,
    Outcome,
    RunEnded,
    RunStarted,
    RunStopped,
)
from agentcore.events.idea import IdeaAdded, IdeaDropped
from agentcore.events.imported import HistoryDropped, HistoryImported, OldOutcome, OldRow
from agentcore.events.lab import (
    ClockMoved,
    EngineStarted,
    EngineStopped,
    LabConfigured,
    Level,
    ModeChanged,
    PromptsChanged,
    WarningCleared,
    WarningRaised,
)
from agentcore.events.notice import NoticeGiven
from agentcore.events.pruning import LeftoversPruned, TranscriptSpan
from agentcore.events.report import ReportWritten
from agentcore.events.retest import (
    RetestEnded,
    RetestEnding,
    RetestJudged,
    RetestStarted,
    RetestVerdict,
    RevertPrepared,
    SpeedMeasured,
    SpeedWord,
    Step,
)
from agentcore.events.trunk import MergeIntended, MergesWanted, RevertIntended, TrunkMoved
from agentcore.events.worktree import (
    AgentBarred,
    AgentFailed,
    AgentsAssigned,
    AgentState,
    AgentStateChanged,
    MessageSent,
    MessagesRead,
    MessageTakenBack,
    NoteTaken,
    QuestionAsked,
    QuestionParked,
    RoomEntered,
    ThinkingStarted,
    TokensUsed,
    WorktreeCreated,
    WorktreeMoved,
    WorktreePaused,
    WorktreeRebaseAsked,
    WorktreeRestored,
    WorktreeResumed,
    WorktreeRetired,
    WorktreeRetiring,
)

Event = (
    LabConfigured
    | EngineStarted
    | EngineStopped
    | ClockMoved
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
    | MessageTakenBack
    | QuestionAsked
    | QuestionParked
    | MessagesRead
    | PromptsChanged
    | AgentFailed
    | ExperimentProposed
    | ExperimentRebased
    | RunStarted
    | RunStopped
    | RunEnded
    | ExperimentDecided
    | CandidateRebased
    | StackRebased
    | CandidateJudged
    | StackJudged
    | ThresholdChanged
    | CandidateMoved
    | MergesWanted
    | MergeIntended
    | RevertIntended
    | TrunkMoved
    | CandidateExtended
    | CandidateReordered
    | WorktreeRebaseAsked
    | WorktreeRetiring
    | WorktreeRetired
    | WorktreeRestored
    | ExperimentPinned
    | ExperimentUnpinned
    | ModeChanged
    | RetestStarted
    | RetestJudged
    | RevertPrepared
    | RetestEnded
    | SpeedMeasured
    | IdeaAdded
    | IdeaDropped
    | HistoryImported
    | HistoryDropped
    | WarningRaised
    | WarningCleared
    | AwayStarted
    | AwayLimitReached
    | AwayEnded
    | ReportWritten
    | NoticeGiven
    | LeftoversPruned
    | ActionUndone
    | ActionRedone
)


TYPES: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__args__}

_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in TYPES.items()}


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
    decoder = _DECODERS.get(name)
    if decoder is None:
        near = difflib.get_close_matches(name, TYPES, n=1)
        hint = f" (nearest known: {near[0]})" if near else ""
        raise ValueError(f"unknown event {name!r}{hint}: this journal was written by a newer nightlab")
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(f"event {name}: {error}") from error
