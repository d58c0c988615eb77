"""How does what happens to a candidate change the lab's state?"""

from __future__ import annotations

from typing import Any

from agentcore import events as ev
from agentcore.fold.change import UNMEASURED, dissolve, follow, on_candidate, shorten_wish
from agentcore.fold.replacing import replace
from agentcore.state import LabState, Tally
from worktrees.statistics import Verdict


@follow.register
def _(event: ev.CandidateRebased, state: LabState, at: float) -> LabState:
    return _confirm(state, event, event.experiment, at, commit=event.commit, onto=event.trunk, stack=())


@follow.register
def _(event: ev.StackRebased, state: LabState, at: float) -> LabState:
    onto = event.trunk
    for number, commit in zip(event.experiments, event.commits, strict=True):
        state = _confirm(state, event, number, at, commit=commit, onto=onto, stack=event.experiments)
        onto = commit
    return state


def _confirm(
    state: LabState, event: ev.CandidateRebased | ev.StackRebased, number: int, at: float, **changes: Any
) -> LabState:
    return on_candidate(
        state,
        number,
        at,
        state="CONFIRM",
        confirmations=state.candidates[number].confirmations + 1,
        trunk=event.trunk,
        trunk_tree=event.trunk_tree,
        tree=event.tree,
        seeds=event.seeds,
        verdict=None,
        landing="",
        reason="",
        **changes,
    )


@follow.register
def _(event: ev.ThresholdChanged, state: LabState, at: float) -> LabState:
    return replace(state, threshold=event.z_confirm)


@follow.register
def _(event: ev.CandidateJudged, state: LabState, at: float) -> LabState:
    if not state.candidates[event.experiment].simpler:  # which is tested for something else
        state = _count(state, event.verdict)
    state = on_candidate(
        state,
        event.experiment,
        at,
        state=event.state,
        verdict=event.verdict,
        landing=event.landing,
        reason=event.reason,
    )
    return _found(state, event.experiment)


@follow.register
def _(event: ev.StackJudged, state: LabState, at: float) -> LabState:
    """One confirmation, whatever the number of its members."""
    state, onto = _count(state, event.verdict) if event.verdict else state, ""
    for number, commit in zip(event.experiments, event.landings, strict=False):
        found: dict[str, Any] = {"verdict": event.verdict, "landing": event.landings[-1], "reason": event.reason}
        onto = onto or state.candidates[number].trunk
        state = on_candidate(state, number, at, state="READY", commit=commit, onto=onto, **found)
        onto = commit
    for half in event.halves:
        for number in half:
            again = {"confirmations": 0, "half": half, "reason": event.reason}
            state = on_candidate(state, number, at, state="NEW", **again, **UNMEASURED)
    return _found(state, event.experiments[-1])


def _found(state: LabState, experiment: int) -> LabState:
    """Count experiments without a gain from here on, where this is one."""
    is_win = state.candidates[experiment].is_win
    state = replace(state, counts=replace(state.counts, without_gain=0)) if is_win else state
    return shorten_wish(state)


def _count(state: LabState, verdict: Verdict) -> LabState:
    tally = state.tally
    tally = Tally(tally.confirmations + 1, tally.negative + (verdict.gain < 0), tally.passed + verdict.passed)
    return replace(state, tally=tally)


@follow.register
def _(event: ev.CandidateMoved, state: LabState, at: float) -> LabState:
    number, word, intent = event.experiment, event.state, state.intent
    if intent and intent.experiment == number:
        intent = None
    candidate = state.candidates[number]
    released = candidate.released or (candidate.state == "BLOCKED" and word == "NEW")
    changes: dict[str, Any] = {"state": word, "reason": event.reason, "released": released}
    if word == "NEW":  # it begins anew
        changes["confirmations"] = 0
        if candidate.state == "NOISE":
            changes["retried"] = len(state.merges)
    if candidate.stack and word not in ("STALE", "MERGED", "PROVEN", "FADED"):
        changes |= UNMEASURED
    back: ev.CandidateState = "STALE" if word == "STALE" else "NEW"
    state = dissolve(state, number, at, back, f"its stack is dissolved: #{number} is {word}")
    return shorten_wish(replace(on_candidate(state, number, at, **changes), intent=intent))


@follow.register
def _(event: ev.CandidateExtended, state: LabState, at: float) -> LabState:
    changes = {"state": "CONFIRM", "seeds": event.seeds, "verdict": None, "landing": "", "reason": event.reason}
    for number in state.candidates[event.experiment].members:
        state = on_candidate(state, number, at, **changes)
    return state


@follow.register
def _(event: ev.CandidateReordered, state: LabState, at: float) -> LabState:
    candidates = state.candidates
    for place, number in enumerate(event.order):
        candidates = candidates.set(number, replace(candidates[number], place=place))
    return replace(state, candidates=candidates)
