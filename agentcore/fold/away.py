"""How does a person's leaving and coming back change the lab's state?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.fold.change import follow
from agentcore.fold.replacing import replace
from agentcore.state import Absence, Away, LabState
from worktrees.gate import Mode


@follow.register
def _(event: ev.AwayStarted, state: LabState, at: float) -> LabState:
    """Remember the merge mode of before; leaving again while away only changes the limits."""
    before = state.away.mode_before if state.away and not state.away.over else state.gate.mode
    away = Away(
        at, event.until, event.usd, event.merge, event.questions, event.by, before, state.spent.usd, tell=event.tell
    )
    return _with_mode(replace(state, away=away), meanwhile(event.merge, before))


@follow.register
def _(event: ev.AwayLimitReached, state: LabState, at: float) -> LabState:
    away = state.away
    if away is None:
        return state
    away = replace(away, reached=(*away.reached, event.limit))
    if event.limit != "until":
        return replace(state, away=away)
    away = replace(away, over=event.reason)
    return _with_mode(replace(state, away=away, untold=away.since), away.mode_before)


@follow.register
def _(event: ev.AwayEnded, state: LabState, at: float) -> LabState:
    away = state.away
    if away is None:
        return state
    state = replace(state, away=None, last_away=Absence(away.since, at))
    return state if away.over else _with_mode(replace(state, untold=away.since), away.mode_before)


def meanwhile(merge: ev.AwayMerge, mode: Mode) -> Mode:
    """Return who merges while a person is away from a lab of that mode."""
    if merge == "gate":
        return "gate"
    return "hold" if mode == "hold" else "me"


def kept(event: ev.LabConfigured, state: LabState) -> tuple[ev.LabConfigured, LabState]:
    """Return the settings of an engine that starts while a person is away, with away's mode in place of lab.toml's.

    `hold` stays: a lab without a sandbox says so, and nothing may move its trunk.
    """
    away = state.away
    if away is None or away.over or event.gate.mode == "hold":
        return event, state
    mode = meanwhile(away.merge, event.gate.mode)
    state = replace(state, away=replace(away, mode_before=event.gate.mode))
    return replace(event, gate=replace(event.gate, mode=mode)), state


def _with_mode(state: LabState, mode: Mode) -> LabState:
    if state.config is None or state.gate.mode == mode:
        return state
    return replace(state, config=replace(state.config, gate=replace(state.gate, mode=mode)))
