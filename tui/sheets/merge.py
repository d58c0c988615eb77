"""The question before candidates are merged into trunk."""

from __future__ import annotations

from collections.abc import Sequence

from agentcore import format as fmt
from agentcore.queue import verbs
from agentcore.queue.effects import ChangeOf, Effect, effect, then, told
from agentcore.queue.evidence import gain_with_error
from agentcore.queue.stacks import named, parties
from agentcore.retest import due as retest
from agentcore.state import Candidate, LabState
from tui.follow import Scene
from tui.sheets.sheet import Question


def question(scene: Scene, experiment: int, change_of: ChangeOf) -> Question:
    """Return what is asked before #`experiment` is merged, by what the journal says now."""
    state = scene.state
    candidate, idea = state.candidates[experiment], state.experiments[experiment]
    title = f"Merge {named(candidate.stack) if candidate.stack else f'{idea.worktree} #{experiment}'} into trunk?"
    trunk, pins = _trunk(state), (_trunk(state), *_pins(candidate))
    if candidate.state != "READY":
        standing = f"{candidate.state}" + (f": {candidate.reason}" if candidate.reason else "")
        return Question(title, (("it is now", standing), ("so", "it cannot be merged")), "", pins, about=experiment)
    ideas = [state.experiments[number] for number in candidate.members]
    files = " ".join(dict.fromkeys(file for each in ideas for file in each.files))
    lines = fmt.change(sum(each.added for each in ideas), sum(each.removed for each in ideas))
    facts = (
        *((f"#{each.number}" if candidate.stack else "commit", f'"{each.hypothesis}"') for each in ideas),
        ("change", f"{'simpler: ' if candidate.simpler else ''}{lines} {files}"),
        ("tree", f"{fmt.short(candidate.tree)}, {_evidence(state, candidate)}"),
        ("trunk", f"{fmt.short(trunk)} to {fmt.short(candidate.landing)}, not pushed anywhere"),
        ("after", _others(effect(state, candidate.members, change_of))),
        *_then(state),
        ("undo", f"{{undo}}: trunk goes back to {fmt.short(trunk)}; once it has moved on, by a new commit"),
    )
    expect = {"trunk": trunk, "landing": candidate.landing}
    arguments = {"experiment": experiment, "expect": expect}
    return Question(title, facts, "merge", pins, "merge", arguments, about=experiment)


def question_of_all(scene: Scene, numbers: Sequence[int], change_of: ChangeOf) -> Question:
    """Return what is asked before several are merged: the first at once, the others as each is confirmed on its trunk.

    A stack counts as one, and lands whole.
    """
    state = scene.state
    groups = parties(state, numbers)
    if len(groups) == 1:
        return question(scene, numbers[0], change_of)
    pins = (_trunk(state), *(pin for number in numbers for pin in _pins(state.candidates[number])))
    title = f"Merge {len(groups)} candidates into trunk, in this order?"
    if reasons := [reason for number in numbers if (reason := verbs.unready(state, number))]:
        return Question(title, tuple(("so", reason) for reason in reasons), "", pins)
    first = state.candidates[groups[0][-1]]
    following = [number for group in groups[1:] for number in group]
    facts = (
        *((str(place), _party(state, group)) for place, group in enumerate(groups, 1)),
        ("at once", f"{named(groups[0])}: trunk {fmt.short(_trunk(state))} to {fmt.short(first.landing)}"),
        (
            "then",
            f"{named(following)}: run again on the new trunk, and merged in this order once READY there, also when no "
            "view is open; the first that does not pass ends the list",
        ),
        ("after", _others(effect(state, (*groups[0], *following), change_of))),
        (
            "undo",
            "{undo} takes the last merge back, and ends the list; {hold} or {take-out} on one that waits ends it there",
        ),
        ("pushed", "nothing, anywhere"),
    )
    expect = {"trunk": _trunk(state), "landing": first.landing}
    arguments = {"experiment": groups[0][0], "then": following, "expect": expect}
    return Question(title, facts, "merge them", pins, "merge", arguments)


def _party(state: LabState, group: Sequence[int]) -> str:
    candidate = state.candidates[group[-1]]
    ideas = "; ".join(state.experiments[number].hypothesis for number in group)
    whose = "" if len(group) > 1 else f"{state.experiments[group[0]].worktree} "
    gain = gain_with_error(state, group[-1])
    return f'{whose}{named(group)} "{ideas}", tree {fmt.short(candidate.tree)}' + (f", {gain}" if gain else "")


def _pins(candidate: Candidate) -> tuple[str, ...]:
    return candidate.state, candidate.landing, candidate.tree


def _trunk(state: LabState) -> str:
    return state.trunk.commit if state.trunk else ""


def _evidence(state: LabState, candidate: Candidate) -> str:
    together = "together " if candidate.stack else ""
    trained = f"{together}trained {fmt.count(len(candidate.seeds), 'time')} on fresh seeds"
    gain = gain_with_error(state, candidate.experiment)
    return f"{trained}: gain {gain}" if gain else trained


def _then(state: LabState) -> tuple[tuple[str, str], ...]:
    """Return what begins by itself after a merge, if anything does."""
    return (("then", then(state)),) if state.retest or retest.merges_left(state) is not None else ()


def _others(found: Effect) -> str:
    return "; ".join([*told(found), "every worktree rebases between two experiments"])
