"""What is known of a worktree, and of the agent in it?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.brief.spending import Spending
from agentcore.events import AgentState


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
class Question:
    """What a worktree's agent wants to know from the researcher, and nobody has answered yet."""

    at: float
    text: str
    parked: str = ""
    """Why it waits no longer; empty while the worktree waits for its answer."""


@dataclass(frozen=True)
class Message:
    """What the researcher said to a worktree's agent."""

    at: float
    text: str
    by: str
    read: float | None = None
    """When its agent was given it, Unix time; None before."""
    about: tuple[Question, ...] = ()
    """The agent's questions that nobody had answered before; the newest is the one that it answers."""

    @property
    def words(self) -> str:
        """What the agent is given."""
        return f'in answer to your question "{self.about[-1].text}": {self.text}' if self.about else self.text


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
