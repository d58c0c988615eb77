"""How does what happens to a candidate change the lab's state?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentcore import events as ev
from agentcore.fold.change import follow, on_candidate
from agentcore.state import LabState, Tally


@follow.register
def _(event: ev.CandidateRebased, state: LabState, at: float) -> LabState:
    return on_candidate(
        state,
        event.experiment,
        at,
        state="CONFIRM",
        confirmations=state.candidates[event.experiment].confirmations + 1,
        trunk=event.trunk,
        trunk_tree=event.trunk_tree,
        commit=event.commit,
        tree=event.tree,
        seeds=event.seeds,
        verdict=None,
        landing="",
        reason="",
    )


@follow.register
def _(event: ev.ThresholdChanged, state: LabState, at: float) -> LabState:
    return replace(state, threshold=event.z_confirm)


@follow.register
def _(event: ev.CandidateJudged, state: LabState, at: float) -> LabState:
    tally, verdict = state.tally, event.verdict
    if not state.candidates[event.experiment].simpler:  # which is tested for something else
        tally = Tally(tally.confirmations + 1, tally.negative + (verdict.gain < 0), tally.passed + verdict.passed)
    state = replace(state, tally=tally)
    state = on_candidate(
        state,
        event.experiment,
        at,
        state=event.state,
        verdict=event.verdict,
        landing=event.landing,
        reason=event.reason,
    )
    if state.candidates[event.experiment].is_win:
        state = replace(state, counts=replace(state.counts, without_gain=0))
    return state


@follow.register
def _(event: ev.CandidateMoved, state: LabState, at: float) -> LabState:
    intent = state.intent
    if intent and intent.experiment == event.experiment:
        intent = None
    released = state.candidates[event.experiment].released or _is_release(state, event)
    changes: dict[str, Any] = {"state": event.state, "reason": event.reason, "released": released}
    if event.state == "NEW":  # it begins anew
        changes["confirmations"] = 0
        if state.candidates[event.experiment].state == "NOISE":
            changes["retried"] = len(state.merges)
    return replace(on_candidate(state, event.experiment, at, **changes), intent=intent)


@follow.register
def _(event: ev.CandidateExtended, state: LabState, at: float) -> LabState:
    changes = {"state": "CONFIRM", "seeds": event.seeds, "verdict": None, "landing": "", "reason": event.reason}
    return on_candidate(state, event.experiment, at, **changes)


@follow.register
def _(event: ev.CandidateReordered, state: LabState, at: float) -> LabState:
    candidates = state.candidates
    for place, number in enumerate(event.order):
        candidates = candidates.set(number, replace(candidates[number], place=place))
    return replace(state, candidates=candidates)


def _is_release(state: LabState, event: ev.CandidateMoved) -> bool:
    return state.candidates[event.experiment].state == "BLOCKED" and event.state == "NEW"
