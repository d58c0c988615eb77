"""Which candidates are confirmed together? Pure: from the state to groups of them.

A stack is confirmed as one tree that holds the change of every member, by as many runs as one candidate takes. If the
tree passes, all of them land, by one move of trunk, to exactly that tree; what they gain counts once, as one verdict.
If it does not, the stack is taken apart: each half is confirmed anew, alone or as a stack of its own, down to single
candidates, and its members are never stacked with anybody else again. Only those go into a stack that its verdict can
hardly hide: screened at `Z` or more, and never turned away, doubted, or taken back before.

Members must change different places: files, or parts of a file that are further than three lines apart once each is
replayed on trunk (stacking.py asks git). What kind of change it is would have to be believed from who wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentcore.state import Candidate, LabState

Z = 3.0
"""Standard errors of a screening run from which a candidate is stacked: of those hardly one in a hundred is none."""


def groups(state: LabState, waiting: Sequence[Candidate]) -> list[tuple[int, ...]]:
    """Return the waiting candidates, best first, as they are to be confirmed; who goes alone is a group of one."""
    taken_back = {merge.experiment for merge in state.merges if merge.undone}
    left, found = list(waiting), []
    while left:
        first = left.pop(0)
        others = [each for each in left if _fits(state, first, each, taken_back)][: state.gate.stack_max - 1]
        left = [each for each in left if each not in others]
        found.append((first.experiment, *(each.experiment for each in others)))
    return found


def halves(stack: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what a stack that failed is taken apart into."""
    middle = len(stack) // 2
    return stack[:middle], stack[middle:]


def named(experiments: Sequence[int]) -> str:
    """Return experiments in words, as `#3, #5 and #8`; nothing for none."""
    names = [f"#{number}" for number in experiments]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def besides(candidate: Candidate) -> str:
    """Return the others of a candidate's stack in words; empty where it is alone, or trunk moved and each waits."""
    others = [number for number in candidate.stack if number != candidate.experiment]
    return named(others) if candidate.state != "STALE" else ""


def parties(state: LabState, experiments: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Return what is merged together when these are merged in their order: each stack once, where its first stands."""
    return tuple(dict.fromkeys(state.candidates[number].members for number in experiments))


def _fits(state: LabState, one: Candidate, other: Candidate, taken_back: set[int]) -> bool:
    """True where two may stand in one stack; what a person wants merged never lands with what nobody asked for."""
    wanted = state.wanted.experiments if state.wanted else ()
    if (one.experiment in wanted) != (other.experiment in wanted):
        return False
    return one.half == other.half and all(_is_sure(state, each, taken_back) for each in (one, other))


def _is_sure(state: LabState, candidate: Candidate, taken_back: set[int]) -> bool:
    is_doubted = candidate.simpler or candidate.released or candidate.retried or candidate.experiment in taken_back
    return not is_doubted and (state.experiments[candidate.experiment].z or 0.0) >= Z
