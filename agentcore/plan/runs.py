"""Which runs wait for a slot, and which of them starts where?

In the order of the promotion rule: trunk's own runs, then confirmations, then the larger size, then screening.
"""

from __future__ import annotations

from collections.abc import Iterator

from agentcore.engine.gone import gone
from agentcore.plan.actions import Action, StartRun
from agentcore.plan.candidates import in_order
from agentcore.plan.outcomes import is_waiting
from agentcore.queue.judging import (
    is_calibrated,
    new_seeds,
    screening_seed,
    seeds_due,
)
from agentcore.retest import due as retest
from agentcore.retest import speed
from agentcore.state import Candidate, LabState, Worktree
from worktrees.runs import LARGE, Purpose

POOL_MAX = 8
"""Runs up to which trunk's pool is filled while agents wait for their provider."""


def run_actions(state: LabState, moving: set[int]) -> Iterator[Action]:
    """Give each free slot the most urgent run that is wanted; a worktree's own experiment prefers its home.

    `moving` are the experiments that are rebased first.
    """
    taken = {run.slot for run in state.active.values()}
    taken |= gone(state)
    free = [slot.name for slot in state.slots if slot.name not in taken]
    room = state.retest_settings.slots(len(state.slots))
    room -= sum(run.purpose in LARGE for run in state.active.values())
    for purpose, experiment, commit, tree, seed, home in waiting_runs(state):
        if not free:
            return
        if (purpose == "screen" and experiment in moving) or (purpose in LARGE and room <= 0):
            continue
        room -= purpose in LARGE
        slot = home if home in free else free[0]
        free.remove(slot)
        fraction = speed.fraction(state) if purpose == "speed" else None
        yield StartRun(purpose, experiment, commit, tree, seed, slot, fraction or 1.0)


def _kind(purpose: Purpose) -> str:
    """Runs of one kind that share tree and seed are the same run."""
    return purpose if purpose in ("screen", *LARGE) else "pool"


Wanted = tuple[Purpose, int | None, str, str, int, str]
"""A run: its purpose, experiment, commit, tree, seed and home."""


def waiting_runs(state: LabState) -> Iterator[Wanted]:
    """Yield the runs that wait for a slot, the most urgent first; what is run already is not among them."""
    going = {(run.tree, run.seed, _kind(run.purpose)) for run in state.active.values()}
    for wanted in _wanted(state):
        purpose, _, _, tree, seed, _ = wanted
        if (key := (tree, seed, _kind(purpose))) not in going:
            going.add(key)
            yield wanted


def _wanted(state: LabState) -> Iterator[Wanted]:
    trunk = state.trunk
    assert trunk is not None, "plan() has checked"
    if state.broken(trunk.tree):
        return
    pool = state.pools.get(trunk.tree, {})
    first = trunk.tree == state.baseline_tree
    size = state.gate.calibration_runs if first else state.gate.pool_min
    for seed in new_seeds(max(0, size - len(pool)), list(pool)):
        yield "baseline", None, trunk.commit, trunk.tree, seed, ""
    if not is_calibrated(state):
        return
    for commit, tree, seed in retest.small_runs(state):
        yield "baseline", None, commit, tree, seed, ""
    for candidate in in_order(state):
        if candidate.state == "CONFIRM" and candidate.leads and not state.broken(candidate.tree):
            yield from _confirmation(state, candidate)
    for purpose, commit, tree, seed in speed.runs(state):  # of the retest before; else one after the other outruns it
        yield purpose, None, commit, tree, seed, ""
    for commit, tree, seed in retest.large_runs(state):
        yield "retest", None, commit, tree, seed, ""
    yield from _screenings(state)
    if any(worktree.thinking and worktree.thinking.state == "LIMIT" for worktree in state.worktrees.values()):
        for seed in new_seeds(max(0, POOL_MAX - len(pool)), list(pool)):  # better than a slot that waits as well
            yield "baseline", None, trunk.commit, trunk.tree, seed, ""


def _screenings(state: LabState) -> Iterator[Wanted]:
    """The experiments that wait for a slot: the first of every worktree, then the second of each, and so on."""
    waiting = [
        (place, worktree, experiment)
        for worktree in fewest_runs_first(state)
        if not worktree.paused or worktree.paused_by == "engine"  # a parked agent is not asked; what it has is tried
        for place, experiment in enumerate(
            each for each in map(state.experiments.__getitem__, worktree.pending) if is_waiting(state, each)
        )
    ]
    for _, worktree, experiment in sorted(waiting, key=lambda each: each[0]):
        seed = screening_seed(experiment.number)
        yield "screen", experiment.number, experiment.commit, experiment.tree, seed, worktree.slot


def _confirmation(state: LabState, candidate: Candidate) -> Iterator[Wanted]:
    for seed in seeds_due(state, candidate):
        if seed not in state.pools.get(candidate.tree, {}):
            yield "confirm", candidate.experiment, candidate.commit, candidate.tree, seed, ""
        if seed not in state.pools.get(candidate.trunk_tree, {}):
            yield "baseline", None, candidate.trunk, candidate.trunk_tree, seed, ""


def fewest_runs_first(state: LabState) -> list[Worktree]:
    """Return the worktrees that stand, those that have proposed the least first."""
    return sorted(state.standing, key=lambda worktree: (worktree.proposed, worktree.name))
