"""Which candidate is rebased, judged or merged next?"""

from __future__ import annotations

from collections.abc import Iterator, Set

from agentcore import events as ev
from agentcore.plan.actions import Action, Judge, JudgeStack, Limits, Promote, Rebase, Record, Stack
from agentcore.queue.judging import (
    doubt,
    is_calibrated,
    is_measured,
    is_worn_out,
    second_chance,
)
from agentcore.queue.stacks import groups
from agentcore.queue.verbs import STOPPED, order
from agentcore.state import Candidate, LabState

CONFIRM_DEPTH = 2
"""Candidates, or stacks of them, confirmed at a time. P(pass) is about 0.4, so a deeper queue would measure on trunks
that never come."""


def candidate_actions(state: LabState, limits: Limits) -> Iterator[Action]:
    """Take candidates through rebase, confirmation and, where the gate may, promotion."""
    if not is_calibrated(state) or state.intent:
        return
    candidates = in_order(state)
    doubtful = {each.experiment: reason for each in candidates if (reason := _doubt(state, each))}
    for number, reason in doubtful.items():
        yield Record(ev.CandidateMoved(number, "BLOCKED", reason, by="engine"))
    worn_out = {each.experiment: each for each in candidates if is_worn_out(state, each)}
    for number, each in worn_out.items():
        reason = f"trunk moved under {each.confirmations} confirmations ([gate] max_reconfirm)"
        yield Record(ev.CandidateMoved(number, "NOISE", reason, by="engine"))
    confirming = [each for each in candidates if each.state == "CONFIRM" and each.leads]
    for candidate in confirming:
        if _is_measured(state, candidate):
            yield JudgeStack(candidate.stack) if candidate.stack else Judge(candidate.experiment)
    ready = [each for each in candidates if each.state == "READY" and each.leads]
    undone = {merge.experiment for merge in state.merges if merge.undone}  # by a person: only a person merges it again
    if promotion := _wanted_now(state):
        yield promotion
        return
    may_merge = state.gate.mode == "gate" and STOPPED not in state.warnings
    if may_merge and (ready := [each for each in ready if each.experiment not in undone]):
        best = min(ready, key=lambda each: (_place(state, each), -confirmed_gain(each)))
        yield Promote(best.experiment)
        return
    if state.gate.mode != "hold" and not limits.stopping:
        if near := second_chance(state):
            reason = f"a near miss: tried again now that #{state.merges[-1].experiment} is in trunk"
            yield Record(ev.CandidateMoved(near.experiment, "NEW", reason, by="engine"))
        for group in in_line(state, {*doubtful, *worn_out})[: max(0, CONFIRM_DEPTH - len(confirming))]:
            yield Stack(group) if len(group) > 1 else Rebase(group[0])


def _wanted_now(state: LabState) -> Promote | None:
    """Return the merge that a person wants next, once it is READY; never one that brings what nobody asked for."""
    wish = state.wanted
    if wish is None or STOPPED in state.warnings:
        return None
    first = state.candidates[wish.experiments[0]]
    is_due = first.state == "READY" and set(first.members) <= set(wish.experiments)
    return Promote(first.experiment, wish.by) if is_due else None


def _place(state: LabState, leader: Candidate) -> float:
    """Return where a person put a candidate, or the first of its stack."""
    return min(order(state.candidates[number])[0] for number in leader.members)


def in_line(state: LabState, without: Set[int] = frozenset()) -> list[tuple[int, ...]]:
    """Return the candidates that wait to be rebased on trunk, the next one first; those that are stacked as a group."""
    waiting = [each for each in in_order(state) if each.state in ("NEW", "STALE") and each.experiment not in without]
    waiting.sort(key=lambda each: (order(each)[0], -(state.experiments[each.experiment].z or 0.0)))
    return groups(state, waiting)


def _doubt(state: LabState, candidate: Candidate) -> str:
    """Return why a new candidate's screening gain is not believed, before runs are spent on it."""
    gain = state.experiments[candidate.experiment].gain
    return doubt(state, candidate, gain) if candidate.state == "NEW" and gain is not None else ""


def in_order(state: LabState) -> list[Candidate]:
    """Return the candidates as they came."""
    return [candidate for _, candidate in sorted(state.candidates.items())]


def _is_measured(state: LabState, candidate: Candidate) -> bool:
    return bool(state.broken(candidate.tree)) or is_measured(state, candidate)


def confirmed_gain(candidate: Candidate) -> float:
    """Return the gain that fresh seeds confirmed; 0 before there is a verdict."""
    return candidate.verdict.gain if candidate.verdict else 0.0
