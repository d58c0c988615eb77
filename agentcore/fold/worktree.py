"""How does what happens to a worktree and its agent change the lab's state?"""

from __future__ import annotations

from typing import Any

from immutables import Map

from agentcore import events as ev
from agentcore.brief.spending import Spending
from agentcore.fold.change import follow, mend, on_worktree, waited_s
from agentcore.fold.replacing import replace
from agentcore.state import LabState, Message, Question, Thinking, Worktree

NOTES, MESSAGES = 20, 50
"""Notes and messages kept per worktree."""


@follow.register
def _(event: ev.WorktreeCreated, state: LabState, at: float) -> LabState:
    worktree = Worktree(event.worktree, event.slot, event.agent, event.base, event.tree, at=event.base, since=at)
    return replace(state, worktrees=state.worktrees.set(event.worktree, worktree))


@follow.register
def _(event: ev.WorktreeMoved, state: LabState, at: float) -> LabState:
    return on_worktree(state, event.worktree, base=event.base, base_tree=event.tree, at=event.base, rebase="")


@follow.register
def _(event: ev.WorktreeRetiring, state: LabState, at: float) -> LabState:
    return on_worktree(state, event.worktree, since=at, retiring=event.trash)


@follow.register
def _(event: ev.WorktreeRetired, state: LabState, at: float) -> LabState:
    return on_worktree(state, event.worktree, since=at, retiring=event.trash, retired=at, rebase="", questions=())


@follow.register
def _(event: ev.WorktreeRestored, state: LabState, at: float) -> LabState:
    """Pause it where it was away: its files stand as they were until it is resumed, and then goes to its base."""
    changes: dict[str, Any] = {"since": at, "retiring": "", "retired": None}
    if state.worktrees[event.worktree].retired is not None:
        changes |= {"at": "", "paused": f"restored by {event.by} with its files as they were", "paused_by": event.by}
    return on_worktree(state, event.worktree, **changes)


@follow.register
def _(event: ev.WorktreeRebaseAsked, state: LabState, at: float) -> LabState:
    return on_worktree(state, event.worktree, rebase=event.by if event.wanted else "")


@follow.register
def _(event: ev.WorktreePaused, state: LabState, at: float) -> LabState:
    return on_worktree(state, event.worktree, since=at, paused=event.reason, paused_by=event.by)


@follow.register
def _(event: ev.WorktreeResumed, state: LabState, at: float) -> LabState:
    """Try everything again that may have stopped it."""
    state = replace(state, barred=Map())
    return on_worktree(state, event.worktree, since=at, paused="", paused_by="", failures=0, silent=0)


@follow.register
def _(event: ev.AgentsAssigned, state: LabState, at: float) -> LabState:
    for name, agent in event.agents.items():
        if name in state.worktrees:
            state = on_worktree(state, name, agent=agent)
    return replace(state, agents=event)


@follow.register
def _(event: ev.AgentBarred, state: LabState, at: float) -> LabState:
    return replace(state, barred=state.barred.set(event.agent, event))


@follow.register
def _(event: ev.ThinkingStarted, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    thinking = Thinking(
        agent=event.agent or worktree.agent,
        since=at,
        direction=event.direction,
        fixes=event.fixes,
        prompts=state.prompts,
        changed=at,
    )
    state = mend(state, event.fixes, 1)
    return on_worktree(state, event.worktree, thinking=thinking, asked=worktree.asked + 1)


@follow.register
def _(event: ev.AgentStateChanged, state: LabState, at: float) -> LabState:
    thinking = state.worktrees[event.worktree].thinking
    if thinking is None:
        return state
    thinking = replace(
        thinking,
        state=event.state,
        text=event.text,
        until=event.until,
        changed=at,
        waited_s=waited_s(thinking, at),
    )
    return on_worktree(state, event.worktree, thinking=thinking)


@follow.register
def _(event: ev.RoomEntered, state: LabState, at: float) -> LabState:
    return state  # evidence for the log alone


@follow.register
def _(event: ev.TokensUsed, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    spent = Spending(event.usage, event.usd, turns=1)
    agent, thinking = worktree.agent, worktree.thinking
    if thinking is not None:
        agent, thinking = thinking.agent, replace(thinking, spent=thinking.spent + spent)
    state = on_worktree(state, worktree.name, thinking=thinking, spent=worktree.spent + spent)
    by_agent = state.spent_by.set(agent, state.spent_by.get(agent, Spending()) + spent)
    return replace(state, spent=state.spent + spent, spent_by=by_agent)


@follow.register
def _(event: ev.NoteTaken, state: LabState, at: float) -> LabState:
    notes = (*state.worktrees[event.worktree].notes, event.text)[-NOTES:]
    return on_worktree(state, event.worktree, notes=notes)


@follow.register
def _(event: ev.MessageSent, state: LabState, at: float) -> LabState:
    """What a person says while a question is open is its answer."""
    worktree = state.worktrees[event.worktree]
    is_answer = bool(worktree.questions) and event.by != "engine"
    about = worktree.questions if is_answer else ()
    messages = (*worktree.messages, Message(at, event.text, event.by, about=about))
    gone = max(0, min(len(messages) - MESSAGES, worktree.read))  # one that nobody has read is never dropped
    left = () if is_answer else worktree.questions
    return on_worktree(state, event.worktree, messages=messages[gone:], read=worktree.read - gone, questions=left)


@follow.register
def _(event: ev.MessageTakenBack, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    unread = range(worktree.read, len(worktree.messages))
    same = [place for place in unread if worktree.messages[place].text == event.text]
    if not same:
        return state
    gone = worktree.messages[same[-1]]
    kept = tuple(each for place, each in enumerate(worktree.messages) if place != same[-1])
    again = (each if each.parked else replace(each, at=at) for each in gone.about)
    return on_worktree(state, event.worktree, messages=kept, questions=(*again, *worktree.questions))


@follow.register
def _(event: ev.QuestionAsked, state: LabState, at: float) -> LabState:
    """End the turn as a failed one ends, but it is no failure."""
    questions = (*state.worktrees[event.worktree].questions, Question(at, event.question))
    return on_worktree(state, event.worktree, since=at, thinking=None, at="", silent=0, questions=questions)


@follow.register
def _(event: ev.QuestionParked, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    questions = tuple(each if each.parked else replace(each, parked=event.reason) for each in worktree.questions)
    return on_worktree(state, event.worktree, since=at, questions=questions)


@follow.register
def _(event: ev.MessagesRead, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    new, read = worktree.messages[worktree.read :], worktree.read + event.count
    seen = (replace(each, read=at) for each in new[: event.count])
    messages = (*worktree.messages[: worktree.read], *seen, *new[event.count :])
    return on_worktree(state, event.worktree, messages=messages, read=read)


@follow.register
def _(event: ev.AgentFailed, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    agent = event.agent or worktree.agent
    changes: dict[str, Any] = {}
    if not event.excused:
        counter = "silent" if event.agent not in ("", "search") else "failures"  # "": it was not even asked
        changes = {counter: getattr(worktree, counter) + 1, "trouble": event.reason}
        state = replace(state, failed_by=state.failed_by.set(agent, state.failed_by.get(agent, 0) + 1))
    return on_worktree(state, event.worktree, since=at, thinking=None, at="", **changes)
