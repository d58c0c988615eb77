"""How is an event told to a person who sees nothing else, in one sentence, and is it still so?"""

from __future__ import annotations

from functools import singledispatch

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.queue.stacks import named
from agentcore.state import LabState
from worktrees.text import printable

IDEA = 80
"""Characters of a hypothesis."""


@singledispatch
def words(event: object, state: LabState) -> str:
    """Return the sentence; an empty one for what is not so any more, or has no words."""
    return ""


@words.register
def _(event: ev.EngineStarted, state: LabState) -> str:
    is_this = state.engine is not None and state.engine.pid == event.pid
    return f"the engine was killed; process {event.pid} goes on in its place" if is_this else ""


@words.register
def _(event: ev.EngineStopped, state: LabState) -> str:
    return "" if state.engine is None or state.engine.stopped is None else f"the lab has stopped: {event.reason}"


@words.register
def _(event: ev.WarningRaised, state: LabState) -> str:
    return event.message if state.warnings.get(event.topic) == event.message else ""


@words.register
def _(event: ev.WorktreePaused, state: LabState) -> str:
    still = event.worktree in state.worktrees and state.worktrees[event.worktree].paused_by == "engine"
    return f"{event.worktree} is parked: {event.reason}" if still else ""


@words.register
def _(event: ev.AwayLimitReached, state: LabState) -> str:
    return f"{event.reason}: nothing more is proposed" if state.away else ""


@words.register
def _(event: ev.RunEnded, state: LabState) -> str:
    return f"trunk does not train: {state.broken(state.trunk.tree)}" if state.trunk else ""


@words.register
def _(event: ev.QuestionAsked, state: LabState) -> str:
    open_ones = state.worktrees[event.worktree].questions if event.worktree in state.worktrees else ()
    is_open = any(each.text == event.question for each in open_ones)
    return f'{event.worktree} asks: "{event.question}"' if is_open else ""


@words.register
def _(event: ev.AgentBarred, state: LabState) -> str:
    is_so = event.agent in state.barred
    return f"{event.agent} cannot work ({event.word}): {event.reason}; the search agent stands in" if is_so else ""


@words.register
def _(event: ev.ThresholdChanged, state: LabState) -> str:
    wanted = f"the gate now asks for {event.z_confirm:g} standard errors"
    return f"up to {event.false_share:.0%} of what passed may be false: {wanted}"


@words.register
def _(event: ev.CandidateMoved, state: LabState) -> str:
    return _candidate(event.experiment, event.state, state)


@words.register
def _(event: ev.CandidateJudged, state: LabState) -> str:
    return _candidate(event.experiment, event.state, state)


@words.register
def _(event: ev.StackJudged, state: LabState) -> str:
    return _candidate(event.experiments[-1], "READY", state)


@words.register
def _(event: ev.TrunkMoved, state: LabState) -> str:
    if event.reverted is not None:
        return f"#{event.reverted} was taken back by {event.by}: {event.reason}"
    if event.experiment is None:
        return f"trunk was moved to {fmt.short(event.new)} by {event.by}"
    verb = "was taken back" if event.undone is not None else "was merged" if not event.stack else "were merged"
    return f"{named(event.stack or (event.experiment,))} {verb} by {event.by}{_idea(event.experiment, state)}"


@words.register
def _(event: ev.RetestEnded, state: LabState) -> str:
    return f"retest {event.retest}: {event.word}, {event.reason}"


@words.register
def _(event: ev.ReportWritten, state: LabState) -> str:
    return f"report since {fmt.clock(event.since)}"


def _candidate(number: int, word: str, state: LabState) -> str:
    candidate = state.candidates.get(number)
    if candidate is None or candidate.state != word:
        return ""
    match word:
        case "BLOCKED":
            return f"#{number} is BLOCKED: {candidate.reason}"
        case "CONFLICT":
            return f"#{number} does not fit on trunk any more"
    verdict = candidate.verdict
    gain = f", gain {fmt.gain(verdict.gain)} ({fmt.sigmas(verdict.z)}σ)" if verdict else ""
    verb = "are" if candidate.stack else "is"
    return f"{named(candidate.members)} {verb} ready to merge{gain}{_idea(number, state)}"


def _idea(number: int, state: LabState) -> str:
    experiment = state.experiments.get(number)
    first = printable(experiment.hypothesis.partition("\n")[0]).strip() if experiment else ""
    return f": {first[:IDEA]}" if first else ""
