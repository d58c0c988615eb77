"""What may a person do with a candidate just now, and why not? Pure: from the state to a sentence, empty where it may.

The engine refuses by it; the command line's --dry-run and the keys of the view ask it beforehand, so that they say the
same. What only git can tell (a conflict, a trunk that moved this moment) the promoter refuses on top.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agentcore.queue.judging import MORE_SEEDS, MOST_SEEDS, complete_pairs
from agentcore.queue.stacks import besides
from agentcore.state import Candidate, LabState

STOPPED = "promotions"
"""Topic of the warning that trunk was found with another tree than the tested one: until a person has looked
(`nightlab release`) nothing is merged, and no retest begins or takes anything out."""
QUEUED = ("NEW", "CONFIRM", "READY", "STALE", "CONFLICT", "BLOCKED")
"""States in which the queue may still do something with a candidate by itself."""

ALLOWED: Mapping[str, tuple[str, ...]] = {
    "verify": ("CONFIRM", "READY", "NOISE", "REJECTED"),
    "hold": QUEUED,
    "unhold": ("HELD",),
    "cancel": (*QUEUED, "HELD"),
    "force": ("CONFIRM", "NOISE", "REJECTED", "BLOCKED"),
    "revert": ("MERGED", "PROVEN", "FADED"),
    "reconfirm": ("NOISE", "REJECTED", "CONFLICT", "STALE"),
    "move": ("NEW", "CONFIRM", "READY", "STALE", "CONFLICT", "BLOCKED", "HELD"),
}
"""{verb: the states of a candidate that it is for}."""

_MEANINGS: Mapping[str, str] = {
    "NEW": "the queue has not rebased it yet",
    "CONFIRM": "its fresh seeds train now",
    "READY": "nightlab merge {number} merges it",
    "MERGING": "trunk is being moved to it",
    "MERGED": "trunk holds it",
    "NOISE": "it has left the queue",
    "REJECTED": "it has left the queue",
    "STALE": "it is rebased and confirmed again by itself",
    "CONFLICT": "it does not fit on trunk",
    "HELD": "nightlab unhold {number} lets it go on",
    "CANCELLED": "it was taken out for good",
    "BLOCKED": "nightlab release {number} lets it go on",
    "PROVEN": "trunk holds it",
    "FADED": "trunk holds it",
    "REVERTED": "it was taken back from trunk",
}


def refusal(state: LabState, verb: str, number: int) -> str:
    """Return why a person may not `verb` the candidate `number` now, or an empty string."""
    candidate = state.candidates.get(number)
    if candidate is None:
        return f"#{number} is not in the queue"
    allowed = ALLOWED[verb]
    if candidate.state not in allowed:
        meaning = _MEANINGS.get(candidate.state, "").format(number=number)
        return f"#{number} is {candidate.state}{meaning and f' ({meaning})'}: {verb} is for {_listed(allowed)}"
    more = _MORE.get(verb)
    return more(state, candidate) if more else ""


def order(candidate: Candidate) -> tuple[float, int]:
    """Return by what the queue is ordered: where a person put a candidate, else its arrival after all of those."""
    return (float("inf") if candidate.place is None else candidate.place, candidate.experiment)


def line(state: LabState, number: int) -> list[int]:
    """Return the candidates that one stands with: those that can be merged, or those that are still to be confirmed."""
    is_ready = state.candidates[number].state == "READY"
    beside = [each for each in state.candidates.values() if each.state in ALLOWED["move"]]
    return [each.experiment for each in sorted(beside, key=order) if (each.state == "READY") == is_ready]


def moved(state: LabState, number: int, steps: int) -> tuple[int, ...]:
    """Return the order after a candidate was moved so many places later, at most to the end (or the beginning)."""
    numbers = line(state, number)
    place = numbers.index(number)
    numbers.remove(number)
    numbers.insert(max(0, min(len(numbers), place + steps)), number)
    return tuple(numbers)


def move_refusal(state: LabState, number: int, steps: int) -> str:
    """Return why a candidate cannot be moved so many places later (or earlier), or an empty string."""
    if reason := refusal(state, "move", number):
        return reason
    if list(moved(state, number, steps)) != line(state, number):
        return ""
    kind = "those that are READY" if state.candidates[number].state == "READY" else "those that wait for confirmation"
    return f"#{number} is the {'first' if steps < 0 else 'last'} of {kind} already"


def unready(state: LabState, number: int) -> str:
    """Return why a candidate cannot be merged now, or an empty string."""
    candidate = state.candidates.get(number)
    if candidate is None:
        return f"#{number} is not in the queue; see nightlab queue"
    if candidate.state == "READY":
        return ""
    why = f": {candidate.reason}" if candidate.reason else ""
    return f"#{number} is {candidate.state}, only READY candidates merge{why}"


def pin_refusal(state: LabState, verb: str, number: int) -> str:
    """Return why an experiment may not be pinned or unpinned, or an empty string."""
    if number not in state.experiments:
        return f"there is no experiment #{number}"
    pinned = state.pinned.get(number)
    if verb == "pin" and pinned:
        return f"#{number} is pinned already, at {pinned[:7]}"
    return f"#{number} is not pinned" if verb == "unpin" and not pinned else ""


def changed(state: LabState, number: int, expected: Mapping[str, object]) -> str:
    """Return which fact is no longer what the caller saw when it asked, or an empty string."""
    candidate = state.candidates.get(number)
    facts = {
        "trunk": state.trunk.commit if state.trunk else "",
        "landing": candidate.landing if candidate else "",
        "tree": candidate.tree if candidate else "",
    }
    for name, seen in expected.items():
        if facts[name] != seen:
            return f"changed while you read: {name} was {str(seen)[:7]} and is {facts[name][:7] or 'gone'}"
    return ""


def _verify(state: LabState, candidate: Candidate) -> str:
    if reason := _astray(state, candidate):
        return reason
    if len(candidate.seeds) + MORE_SEEDS > MOST_SEEDS:
        return f"#{candidate.experiment} has {len(candidate.seeds)} seeds: no more than {MOST_SEEDS} are run"
    if reason := state.broken(candidate.tree):
        return f"#{candidate.experiment} does not train: {reason}"
    return ""


def _force(state: LabState, candidate: Candidate) -> str:
    name = f"#{candidate.experiment} is {candidate.state}"
    if others := besides(candidate):
        return f"{name} together with {others}: no run has tested it alone; nightlab hold one of them takes them apart"
    if not candidate.tree:
        return f"{name} and was never rebased on trunk: no run has tested what would land"
    if reason := _astray(state, candidate):
        return reason
    if not complete_pairs(state, candidate):
        return f"{name} without one seed that it and trunk have run under today's harness: nothing untested lands"
    return busy(state)


def _reconfirm(state: LabState, candidate: Candidate) -> str:
    now = state.trunk.commit if state.trunk else ""
    if candidate.state in ("NOISE", "REJECTED") and candidate.trunk == now:
        return f"#{candidate.experiment} was measured on today's trunk {now[:7]}: nightlab verify adds seeds"
    return ""


def _revert(state: LabState, candidate: Candidate) -> str:
    return busy(state)


def _astray(state: LabState, candidate: Candidate) -> str:
    """Why the runs of a candidate say nothing of today's trunk."""
    now = state.trunk.commit if state.trunk else ""
    if candidate.trunk == now:
        return ""
    name = f"#{candidate.experiment} is {candidate.state}"
    return f"{name}, measured on trunk {candidate.trunk[:7]}: trunk is {now[:7]} now, which is not its parent"


def busy(state: LabState) -> str:
    """Return why trunk cannot be moved just now, or an empty string."""
    intent = state.intent
    return f"trunk is being moved for #{intent.experiment}: ask again in a moment" if intent else ""


def _listed(states: tuple[str, ...]) -> str:
    return states[0] if len(states) == 1 else f"{', '.join(states[:-1])} and {states[-1]}"


_MORE: Mapping[str, Callable[[LabState, Candidate], str]] = {
    "verify": _verify,
    "force": _force,
    "revert": _revert,
    "reconfirm": _reconfirm,
}
