"""The question before an action that touched git is taken back, or done again."""

from __future__ import annotations

from typing import Literal

from agentcore import format as fmt
from agentcore.queue.stacks import named
from agentcore.state import Action, LabState
from agentcore.undo import undoing
from tui.follow import Scene
from tui.sheets.sheet import Question

Verb = Literal["undo", "redo"]


def chosen(state: LabState, verb: Verb) -> Action | None:
    """Return the action that the verb means now."""
    return undoing.undoable(state) if verb == "undo" else undoing.redoable(state)


def question(scene: Scene, verb: Verb) -> Question:
    """Return what is asked before a person's last action is taken back, or done again."""
    state = scene.state
    action, trunk = chosen(state, verb), state.trunk.commit if state.trunk else ""
    if action is None:
        return Question(f"{verb.capitalize()} what?", (("so", f"there is nothing to {verb} any more"),), "", ("none",))
    pins = (trunk, str(action.seq), *_standing(state, action))
    title = f"{verb.capitalize()} the {action.kind} of {_subject(state, action)}?"
    expect = {"action": action.seq, "trunk": trunk}
    comes_to = undoing.back(state, action) if verb == "undo" else undoing.again(state, action)
    facts = [
        ("action", f"{undoing.told(state, action)}, by {action.by} at {fmt.clock(action.at)}"),
        ("so", f"{comes_to}; nothing is pushed anywhere"),
        *_after(state, action, verb),
        ("undo", f"{'{redo} does it' if verb == 'undo' else '{undo} takes it back'} again"),
    ]
    if verb == "redo" and (reason := undoing.redo_refusal(state, action)):
        return Question(title, (("so", reason),), "", pins)
    return Question(title, tuple(facts), verb, pins, verb, {"expect": expect})


def _subject(state: LabState, action: Action) -> str:
    known = state.experiments.get(action.experiment or 0)
    if action.stack:
        return named(action.stack)
    return f"{known.worktree} #{known.number}" if known else ", ".join(action.names)


def _standing(state: LabState, action: Action) -> tuple[str, ...]:
    candidate = state.candidates.get(action.experiment or 0)
    return (candidate.state, candidate.landing) if candidate else ()


def _after(state: LabState, action: Action, verb: Verb) -> list[tuple[str, str]]:
    """Return what becomes of the queue."""
    if action.kind != "merge" or verb != "undo":
        return []
    trunk = fmt.short(state.trunk.commit) if state.trunk else ""
    if not undoing.is_last_move(state, action):
        return [("after", "the new trunk is measured first; what is in the queue is confirmed again")]
    back = "judged again by its runs: it was forced" if state.merges[-1].forced else "READY again"
    who = f"{named(action.stack)} are" if action.stack else f"#{action.experiment} is"
    return [("after", f"{who} {back}; what was confirmed on {trunk} runs again")]
