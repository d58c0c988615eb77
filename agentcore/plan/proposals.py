"""Which agent is asked for its next experiment, where does its worktree stand, and how many are held ready?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import ceil
from statistics import median

from agentcore.away import limits as away
from agentcore.engine.gone import gone
from agentcore.plan.actions import Action, Limits, MoveWorktree, Propose, RebaseExperiment
from agentcore.plan.candidates import confirmed_gain
from agentcore.plan.outcomes import is_waiting
from agentcore.plan.runs import fewest_runs_first
from agentcore.queue.judging import (
    is_calibrated,
)
from agentcore.state import Candidate, LabState, Run, Worktree
from worktrees.runs import LARGE

AHEAD_AT_FIRST = 2
"""Proposals ahead of a coding agent whose think time is not known yet."""
QUICK = 0.02
"""Think time, as a share of a run, that keeps no slot waiting: one proposal ahead is enough then."""
REMEMBERED = 9
"""Newest runs from which the time of a run is taken."""


def spent_out(state: LabState, limits: Limits) -> str:
    """Return which limit of money or tokens is reached, or an empty string."""
    if limits.usd and state.spent.usd >= limits.usd:
        return f"the limit of ${limits.usd:.2f} is reached: ${state.spent.usd:.2f} spent"
    if limits.tokens and state.spent.usage.tokens >= limits.tokens:
        return f"the limit of {limits.tokens:,} tokens is reached: {state.spent.usage.tokens:,} used"
    return ""


def rebases(state: LabState) -> Iterator[RebaseExperiment]:
    """A worktree's base moves while its proposals wait: they are brought there at once, or return to their agent."""
    if not is_calibrated(state) or state.intent:
        return
    homes = _home_bases(state)
    for worktree in state.standing:
        base = homes[worktree.name]
        for number in worktree.pending:
            experiment = state.experiments[number]
            if experiment.base != base and is_waiting(state, experiment):
                yield RebaseExperiment(number, base)


def proposal_actions(state: LabState, limits: Limits) -> Iterator[Action]:
    """Ask the agents that are to hold more experiments ready, and put their worktrees where they begin."""
    assert state.trunk is not None, "plan() has checked"
    if not state.pools.get(state.trunk.tree):  # with one run trunk has a number; its noise is measured meanwhile
        return
    if "prompts" in state.warnings:  # every brief would fail: the researcher mends the text, and all go on
        return
    room = None if limits.experiments is None else limits.experiments - len(state.experiments)
    if room is not None:
        room -= sum(worktree.thinking is not None for worktree in state.worktrees.values())
    is_spent = bool(spent_out(state, limits) or away.spent(state))
    run_s, homes, lost = recent_run_s(state), _home_bases(state), gone(state)
    for worktree in fewest_runs_first(state):
        if worktree.slot in lost:  # what it has ready runs elsewhere
            continue
        if worktree.rebase and worktree.thinking is None:
            yield MoveWorktree(worktree.name, homes[worktree.name])
            continue
        if worktree.thinking is not None or worktree.asking:
            continue
        if worktree.paused:  # a person may be editing in it: it is put on its base when it is resumed
            continue
        base = homes[worktree.name]
        wanted = not is_spent and _wants_proposal(state, worktree, limits, run_s) and (room is None or room > 0)
        if worktree.at != base and (wanted or not worktree.pending or not worktree.at):
            yield MoveWorktree(worktree.name, base)
        if wanted:
            room = None if room is None else room - 1
            yield Propose(worktree.name)


def _wants_proposal(state: LabState, worktree: Worktree, limits: Limits, run_s: float | None) -> bool:
    ahead = limits.proposals_ahead
    if ahead is None:
        ahead = proposals_ahead(worktree, run_s)
    if ahead == 0:
        return not worktree.pending
    return sum(is_waiting(state, state.experiments[number]) for number in worktree.pending) < ahead


def proposals_ahead(worktree: Worktree, run_s: float | None) -> int:
    """Return how many proposals a worktree should hold ready: 1 + ceil(think time / run time), by its newest ones.

    `run_s`: what runs take, see `recent_run_s`.
    """
    if run_s is None or not worktree.thought_s:
        return 1 if worktree.agent == "search" else AHEAD_AT_FIRST
    ratio = median(worktree.thought_s) / max(run_s, 1e-3)
    return 1 if ratio <= QUICK else 1 + ceil(ratio)


def recent_run_s(state: LabState) -> float | None:
    """Return the median seconds of the newest runs that went well; None before there is one."""
    ended = (state.runs[number] for number in range(len(state.runs), 0, -1))
    runs = [run.train_s + run.evaluate_s for run in islice((run for run in ended if _counts(run)), REMEMBERED)]
    return median(runs) if runs else None


def _counts(run: Run) -> bool:
    return run.ending == "ok" and run.purpose not in LARGE  # one takes as long as many small ones


def home_base(state: LabState, worktree: Worktree) -> str:
    """Return where a worktree stands between experiments: trunk, or its own best READY candidate on today's trunk.

    So wins still stack while the researcher sleeps, but only those that passed fresh seeds.
    """
    return _home_bases(state)[worktree.name]


def _home_bases(state: LabState) -> dict[str, str]:
    """Return {worktree: its home}: one look at all candidates serves every worktree, of which there may be hundreds."""
    assert state.trunk is not None, "worktrees exist only after trunk"
    ready: dict[str, Candidate] = {}
    for candidate in state.candidates.values():
        if candidate.state == "READY":
            name = state.experiments[candidate.experiment].worktree
            ready[name] = max(ready.get(name, candidate), candidate, key=confirmed_gain)
    return {name: ready[name].landing if name in ready else state.trunk.commit for name in state.worktrees}
