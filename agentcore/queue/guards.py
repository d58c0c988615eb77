"""Is a second number given up for the score? What the project's guards read in the runs, and what they allow.

A guard is no second objective: it earns nothing, it can only turn away. The statistics of the score do not know of it.
One screening run is a look: it turns away only what lies beyond the limit by more than the noise of the guard's own
numbers. A confirmation must hold every guard by the mean of its seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

from agentcore import format as fmt
from agentcore.state import Candidate, Experiment, LabState, Run
from worktrees.project import Guard
from worktrees.statistics import NOT_WORSE_Z, Pool, pooled_noise


@dataclass(frozen=True)
class Reading:
    """What one guard reads of a tree."""

    name: str
    own: float
    """Mean of its runs."""
    trunk: float | None
    """Mean of trunk's pool."""
    limit: str
    """What the guard allows, in words."""
    broken: bool

    @property
    def text(self) -> str:
        """In words: `quality .4312, trunk .4350; at least 0.43: holds`."""
        trunk = f", trunk {fmt.score(self.trunk)}" if self.trunk is not None else ""
        return f"{self.name} {fmt.score(self.own)}{trunk}; {self.limit}: {'BROKEN' if self.broken else 'holds'}"


def screened(state: LabState, experiment: Experiment, run: Run) -> str:
    """Return which guards a screening run breaks beyond the noise, in words; empty where it breaks none."""
    return _said(_readings(state, experiment.base_tree, [run], is_look=True))


def readings(state: LabState, candidate: Candidate) -> tuple[Reading, ...]:
    """Return what the guards read in the runs of a candidate's confirmation so far."""
    own = [run for run in _unselected(state, candidate.tree) if run.seed in candidate.seeds]
    return tuple(_readings(state, candidate.trunk_tree, own, is_look=False))


def broken(state: LabState, candidate: Candidate) -> str:
    """Return which guards a candidate's confirmation breaks, in words; empty where it holds them all."""
    return _said(readings(state, candidate))


def trunk_breaks(state: LabState) -> str:
    """Return which guards trunk itself breaks, so that hardly anything can be kept; empty where it holds them all."""
    if state.trunk is None:
        return ""
    tree = state.trunk.tree
    return _said(_readings(state, tree, list(_unselected(state, tree)), is_look=False))


def limit(guard: Guard) -> str:
    """Return what a guard allows, in words."""
    said = [f"at least {guard.at_least:g}"] if guard.at_least is not None else []
    said += [f"at most {guard.at_most:g}"] if guard.at_most is not None else []
    said += [f"may lose {guard.may_lose:g}"] if guard.may_lose is not None else []
    return ", ".join(said)


MARK = "guard "
"""How a reason begins that a guard gave."""


def _said(found: Iterable[Reading]) -> str:
    told = "; ".join(each.text for each in found if each.broken)
    return f"{MARK}{told}" if told else ""


def _readings(state: LabState, base: str, own: list[Run], *, is_look: bool) -> Iterator[Reading]:
    """Yield what each guard reads. `base`: the tree of trunk. `is_look`: allow for the noise of a single run."""
    for name, guard in sorted(state.config.guards.items()) if state.config else ():
        values = [run.guards[name] for run in own if name in run.guards]
        if not values:
            continue
        pool = _pool(state, base, name)
        trunk = fmean(pool.values()) if pool else None
        noise = _noise(state, name) if is_look else 0.0
        reads = fmean(values)
        yield Reading(name, reads, trunk, limit(guard), _is_broken(guard, reads, trunk, noise, len(pool)))


def _is_broken(guard: Guard, own: float, trunk: float | None, noise: float, runs: int) -> bool:
    alone = NOT_WORSE_Z * noise
    if guard.at_least is not None and own < guard.at_least - alone:
        return True
    if guard.at_most is not None and own > guard.at_most + alone:
        return True
    if guard.may_lose is None or trunk is None:
        return False
    loss = own - trunk if guard.lower_is_better else trunk - own
    return loss > guard.may_lose + alone * sqrt(1 + 1 / runs)


def _noise(state: LabState, name: str) -> float:
    """Return the spread of a guard's number over runs of the same tree, pessimistic; 0 before it is known."""
    found = pooled_noise(_pool(state, tree, name) for tree in state.pools)
    return found.used if found else 0.0


def _pool(state: LabState, tree: str, name: str) -> Pool:
    return {run.seed: run.guards[name] for run in _unselected(state, tree) if name in run.guards}


def _unselected(state: LabState, tree: str) -> Iterator[Run]:
    """Yield the runs of a tree that its pool is made of."""
    for run in state.runs_of(tree):
        is_whole = run.purpose in ("baseline", "confirm") and run.scale == 1 and run.harness == state.harness
        if is_whole and run.score is not None:
            yield run
