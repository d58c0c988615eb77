"""What can happen in a worktree and to its agent?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agentcore.brief.spending import Usage

AgentState = Literal["THINK", "LIMIT", "CUT", "REFUSED", "FULL"]
"""THINK: it works. LIMIT: it waits for the provider. CUT: a reply reached its limit of tokens. REFUSED: the model
declined. FULL: the conversation reached the model's context."""


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
    all: bool = False
    """It was one of all worktrees that were paused at once."""


@dataclass(frozen=True)
class WorktreeResumed:
    """The worktree takes experiments again."""

    worktree: str
    by: str
    all: bool = False


@dataclass(frozen=True)
class WorktreeRetiring:
    """The worktree is about to be retired: its agent is ended, then its folder goes to the trash under that name."""

    worktree: str
    trash: str
    by: str


@dataclass(frozen=True)
class WorktreeRetired:
    """Its agent is gone and its folder lies in the trash; its branch and what it has found stay."""

    worktree: str
    trash: str
    kept: str
    """The commit of what lay in it and in no other commit; empty where there was nothing."""
    by: str


@dataclass(frozen=True)
class WorktreeRestored:
    """The folder of a worktree is back as it was, or was never taken away. Its agent waits until it is resumed."""

    worktree: str
    by: str


@dataclass(frozen=True)
class WorktreeRebaseAsked:
    """A person wants the worktree on its base of today as soon as its agent does not think; or no longer."""

    worktree: str
    wanted: bool
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
    all: bool = False
    """It was said to all agents at once."""


@dataclass(frozen=True)
class QuestionAsked:
    """The agent cannot go on without the researcher: instead of a proposal its turn ends with a question."""

    worktree: str
    question: str
    agent: str
    transcript_sha256: str = ""


@dataclass(frozen=True)
class QuestionParked:
    """The open question of a worktree waits no longer: its agent takes another idea, and a person may answer later."""

    worktree: str
    reason: str


@dataclass(frozen=True)
class MessageTakenBack:
    """The newest message of that text, which no agent has been given, is not said after all."""

    worktree: str
    text: str
    by: str


@dataclass(frozen=True)
class MessagesRead:
    """The agent has been given the first `count` messages of its worktree."""

    worktree: str
    count: int


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
