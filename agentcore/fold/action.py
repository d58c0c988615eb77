"""Which of a person's actions does the lab remember, so that they can be taken back?

Everything that a person did and that has an opposite is an action, with what was so before it. Nothing is stored beside
the journal: the list is its fold, and so it is there after every restart.
"""

from __future__ import annotations

from functools import singledispatch
from typing import get_args

from agentcore import events as ev
from agentcore.events import Entry
from agentcore.fold.change import follow
from agentcore.fold.replacing import replace
from agentcore.queue import verbs
from agentcore.state import Action, LabState
from worktrees.project import Backend

KEPT = 50
"""Actions that are remembered."""

MACHINES = ("engine", "gate", "hand", "retest", "init", "away", *get_args(Backend))
"""Who acts without being a person. A hand on git is one, but not one whose steps we know."""


def remember(before: LabState, after: LabState, entry: Entry) -> LabState:
    """Return the state after `entry` with the action that it is, if it is one."""
    action = _action(entry.event, before)
    if action is None or action.by in MACHINES:
        return after
    action = replace(action, seq=entry.seq, upto=entry.seq, at=entry.at)
    last = after.actions[-1] if after.actions else None
    if last and action.together and _is_part(last, action):
        last = replace(last, upto=entry.seq, names=(*last.names, *action.names), was=(*last.was, *action.was))
        return replace(after, actions=(*after.actions[:-1], last))
    return replace(after, actions=(*after.actions, action)[-KEPT:])


def _is_part(last: Action, action: Action) -> bool:
    same = (last.kind, last.by, last.text, last.together) == (action.kind, action.by, action.text, True)
    return same and last.upto == action.seq - 1 and not last.undone


@singledispatch
def _action(event: object, state: LabState) -> Action | None:
    return None


@_action.register
def _(event: ev.TrunkMoved, state: LabState) -> Action | None:
    if event.experiment is not None:
        return Action("merge", event.by, experiment=event.experiment, stack=event.stack)
    return Action("revert", event.by, experiment=event.reverted) if event.reverted is not None else None


@_action.register
def _(event: ev.WorktreePaused, state: LabState) -> Action:
    return Action("pause", event.by, (event.worktree,), text=event.reason, together=event.all)


@_action.register
def _(event: ev.WorktreeResumed, state: LabState) -> Action:
    was = state.worktrees[event.worktree].paused
    return Action("resume", event.by, (event.worktree,), was=(was,), together=event.all)


@_action.register
def _(event: ev.CandidateMoved, state: LabState) -> Action | None:
    was = state.candidates[event.experiment].state
    kinds = {"HELD": "hold", "CANCELLED": "cancel"}
    kind = kinds.get(event.state) or ("unhold" if was == "HELD" else "")
    if event.state == "NEW" and was in ("NOISE", "REJECTED", "CONFLICT", "STALE"):
        kind = "reconfirm"
    return Action(kind, event.by, experiment=event.experiment, was=(was,)) if kind else None


@_action.register
def _(event: ev.CandidateReordered, state: LabState) -> Action:
    was = tuple(str(each) for each in verbs.line(state, event.experiment))
    return Action("move", event.by, experiment=event.experiment, was=was, text=",".join(map(str, event.order)))


@_action.register
def _(event: ev.WorktreeRetired, state: LabState) -> Action:
    return Action("retire", event.by, (event.worktree,), text=event.trash, was=(event.kept,))


@_action.register
def _(event: ev.WorktreeRebaseAsked, state: LabState) -> Action | None:
    return Action("rebase", event.by, (event.worktree,)) if event.wanted else None


@_action.register
def _(event: ev.ExperimentPinned, state: LabState) -> Action:
    return Action("pin", event.by, experiment=event.experiment, text=event.commit)


@_action.register
def _(event: ev.ExperimentUnpinned, state: LabState) -> Action:
    return Action("unpin", event.by, experiment=event.experiment, text=state.pinned.get(event.experiment, ""))


@_action.register
def _(event: ev.ModeChanged, state: LabState) -> Action:
    return Action("mode", event.by, text=event.mode, was=(state.gate.mode,))


@_action.register
def _(event: ev.PromptsChanged, state: LabState) -> Action | None:
    before = state.prompts_commits[-1] if state.prompts_commits else ""
    if not (event.files and event.commit and before):
        return None
    return Action("save", event.by, event.files, text=event.tree, was=(before, event.commit))


@_action.register
def _(event: ev.HistoryImported, state: LabState) -> Action:
    return Action("import", event.by, text=event.digest)


@_action.register
def _(event: ev.MessageSent, state: LabState) -> Action:
    return Action("say", event.by, (event.worktree,), text=event.text, together=event.all)


@follow.register
def _(event: ev.ActionUndone, state: LabState, at: float) -> LabState:
    undone, others = _parted(state, event.action, event.since)
    return replace(state, actions=_in_place(others, replace(undone, undone=state.seq + 1))) if undone else state


@follow.register
def _(event: ev.ActionRedone, state: LabState, at: float) -> LabState:
    """Keep the place of the action, and what is known of it as it was done now."""
    old, others = _parted(state, event.action, event.since)
    if old is None:
        return state
    again = next((each for each in reversed(state.actions) if each.seq > event.since and _is_same(each, old)), old)
    return replace(state, actions=_in_place(others, replace(again, seq=old.seq, upto=old.upto, undone=0)))


def _parted(state: LabState, seq: int, since: int) -> tuple[Action | None, list[Action]]:
    """Return the action, and the others without those that only took it back, or did it again."""
    action = next((each for each in state.actions if each.seq == seq), None)
    if action is None:
        return None, list(state.actions)
    rest = [each for each in state.actions if each.seq != seq]
    return action, [each for each in rest if each.seq <= since or not _is_same(each, action)]


def _is_same(one: Action, other: Action) -> bool:
    """True where one is about the same thing as the other, or about a part of it."""
    about = one.experiment == other.experiment and bool(one.names) == bool(other.names)
    return about and set(one.names) <= set(other.names)


def _in_place(others: list[Action], action: Action) -> tuple[Action, ...]:
    return tuple(sorted([*others, action], key=lambda each: each.seq))
