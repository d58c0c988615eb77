"""Which changes of the state do several events share, and which function follows an event?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from itertools import takewhile
from typing import Any

from immutables import Map

from agentcore import events as ev
from agentcore.events import CandidateState
from agentcore.fold.replacing import replace
from agentcore.state import Candidate, Experiment, LabState, Thinking


@singledispatch
def follow(event: object, state: LabState, at: float) -> LabState:
    """Return the state after `event`. Raises TypeError for an event that no module of this package follows."""
    raise TypeError(f"no fold for {type(event).__name__}")


def on_worktree(state: LabState, name: str, /, **changes: Any) -> LabState:
    """Change fields of a worktree."""
    return replace(state, worktrees=state.worktrees.set(name, replace(state.worktrees[name], **changes)))


def on_candidate(lab: LabState, experiment: int, at: float, /, **changes: Any) -> LabState:
    """Change fields of a candidate; it counts as changed now."""
    candidate = replace(lab.candidates[experiment], since=at, **changes)
    return replace(lab, candidates=lab.candidates.set(experiment, candidate))


LIVE = ("CONFIRM", "READY", "MERGING")
"""States in which a stack holds together."""
UNMEASURED: Mapping[str, Any] = {
    "trunk": "",
    "trunk_tree": "",
    "commit": "",
    "onto": "",
    "tree": "",
    "seeds": (),
    "stack": (),
    "verdict": None,
    "landing": "",
}
"""What a candidate is left with that leaves a stack: whatever was run was all of it together."""


def dissolve(state: LabState, leaving: int, at: float, back: CandidateState, reason: str) -> LabState:
    """Send the others of a stack back to the queue, because one of them leaves it."""
    candidate = state.candidates[leaving]
    for number in candidate.stack if candidate.state in LIVE else ():
        if number != leaving and back == "STALE":
            state = on_candidate(state, number, at, state=back, reason=reason)
        elif number != leaving:
            state = on_candidate(state, number, at, state=back, reason=reason, confirmations=0, **UNMEASURED)
    return state


def on_retest(state: LabState, /, **changes: Any) -> LabState:
    """Change fields of the newest retest."""
    return replace(state, retests=(*state.retests[:-1], replace(state.retests[-1], **changes)))


def end_retest(state: LabState, word: ev.RetestEnding, reason: str, at: float) -> LabState:
    """End the open retest with a word; without one nothing changes."""
    if state.retest is None:
        return state
    return on_retest(state, word=word, reason=reason, ended=at)


def outdate(candidates: Map[int, Candidate], trunk: str, at: float) -> Map[int, Candidate]:
    """Mark what was measured against another trunk: it is rebased and confirmed again."""
    for number, candidate in candidates.items():
        if candidate.state in ("CONFIRM", "READY") and candidate.trunk != trunk:
            candidates = candidates.set(number, replace(candidate, state="STALE", since=at, reason="trunk moved"))
    return candidates


ON_ITS_WAY: tuple[ev.CandidateState, ...] = ("NEW", "STALE", "CONFIRM", "READY", "MERGING")
"""A candidate in one of these states can still be merged without a person's help."""


def shorten_wish(state: LabState) -> LabState:
    """End the list of merges that a person wants before the first that cannot be merged any more."""
    if state.wanted is None:
        return state
    kept = takewhile(lambda number: state.candidates[number].state in ON_ITS_WAY, state.wanted.experiments)
    return with_wish(state, tuple(kept))


def with_wish(state: LabState, experiments: tuple[int, ...]) -> LabState:
    """Want these merged instead; an empty list is no wish."""
    wish = replace(state.wanted, experiments=experiments) if state.wanted and experiments else None
    return replace(state, wanted=wish)


def mend(state: LabState, number: int | None, by: int) -> LabState:
    """Count that so many more (or fewer) agents mend an experiment."""
    if number is None:
        return state
    experiment = state.experiments[number]
    experiment = replace(experiment, mending=experiment.mending + by)
    return replace(state, experiments=state.experiments.set(number, experiment))


def waited_s(thinking: Thinking, at: float) -> float:
    """Return how long a proposal has waited for the provider by now, in seconds."""
    return thinking.waited_s + (at - thinking.changed if thinking.state == "LIMIT" else 0.0)


def with_tree(state: LabState, tree: str, experiment: int) -> LabState:
    """Remember which experiment brought a tree first."""
    return state if tree in state.trees else replace(state, trees=state.trees.set(tree, experiment))


def without_tree(state: LabState, experiment: Experiment) -> LabState:
    """Forget the tree of an experiment that did not run as it was proposed: nobody has measured it."""
    is_first = state.trees.get(experiment.tree) == experiment.number
    return replace(state, trees=state.trees.delete(experiment.tree)) if is_first else state
