"""What does the published loop make of the same ideas? It keeps whatever scored lower than its recorded best, once."""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.synthetic.world import World, score, true_gain


@dataclass(frozen=True)
class Kept:
    """What such a loop kept. Gains are in σ of the world."""

    kept: int
    false: int
    """Of them, those that made its branch no better, or worse."""
    true_gain: float
    """Of the branch with the lowest recorded score: the one that a person would take."""
    claimed: float
    """How far that score lies below the first one."""


@dataclass
class _Branch:
    ideas: frozenset[int]
    best: float
    first: float


def own_branches(world: World, runs: int, slots: int) -> Kept:
    """Run a loop per slot, each on a branch of its own; ideas are dealt out in their order, each tried once."""
    branches = [_started(world, slot) for slot in range(slots)]
    gains: list[float] = []
    for run in range(slots, runs):
        branch = branches[run % slots]
        _try(world, branch, branch.ideas | {run}, run, gains)
    return _summed(world, min(branches, key=lambda branch: branch.best), gains)


def shared_trunk(world: World, runs: int, slots: int) -> Kept:
    """Run one loop on all slots: a run starts from trunk as it then is, and is compared with the best when it ends.

    What is lower becomes trunk as it was run, so what was kept meanwhile is lost unless that is lower still.
    """
    trunk = _started(world, 0)
    bases = [trunk.ideas] * slots
    gains: list[float] = []
    for run in range(1, runs):
        _try(world, trunk, bases[run % slots] | {run}, run, gains)
        bases[run % slots] = trunk.ideas
    return _summed(world, trunk, gains)


def _started(world: World, seed: int) -> _Branch:
    first = score(world, frozenset(), seed)
    return _Branch(frozenset(), first, first)


def _try(world: World, branch: _Branch, ideas: frozenset[int], seed: int, gains: list[float]) -> None:
    found = score(world, ideas, seed)
    if found < branch.best:
        gains.append(true_gain(world, ideas) - true_gain(world, branch.ideas))
        branch.ideas, branch.best = ideas, found


def _summed(world: World, branch: _Branch, gains: list[float]) -> Kept:
    false = sum(gain <= 0 for gain in gains)
    claimed = (branch.first - branch.best) / world.sigma
    return Kept(len(gains), false, true_gain(world, branch.ideas), claimed)
