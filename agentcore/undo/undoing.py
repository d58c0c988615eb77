"""What did a person do last that can be taken back, what does that come to, and why can another thing not be?

Pure: from the state to an action, or to a sentence. Taking back walks from the newest action to older ones; what no
longer holds (a message that was read, a worktree that goes on already) is passed over. Something can be done again only
right after it was taken back: as soon as a person does anything else there is nothing to do again.
"""

from __future__ import annotations

from agentcore.queue import verbs
from agentcore.queue.stacks import named
from agentcore.state import Action, LabState
from agentcore.worktree import permits

ASKED = ("merge", "revert", "retire", "save")
"""Kinds that touch trunk, a branch, a folder or a person's files: they are asked before these are taken back, or done
again."""
RESTORABLE_S = 14 * 86400.0
"""How long a retired worktree can be brought back."""


def undoable(state: LabState) -> Action | None:
    """Return the newest action that can be taken back; None where there is none."""
    held = (action for action in reversed(state.actions) if not action.undone)
    return next((action for action in held if not undo_refusal(state, action)), None)


def redoable(state: LabState) -> Action | None:
    """Return the action that was taken back last, unless a person has done something else since."""
    undone = max((action for action in state.actions if action.undone), key=lambda each: each.undone, default=None)
    if undone is None or any(not each.undone and each.upto > undone.undone for each in state.actions):
        return None
    return undone


def undo_refusal(state: LabState, action: Action) -> str:
    """Return why an action cannot be taken back now, or an empty string."""
    candidate = state.candidates.get(action.experiment) if action.experiment is not None else None
    now = candidate.state if candidate else ""
    match action.kind:
        case "merge":
            return "" if now in verbs.ALLOWED["revert"] else f"#{action.experiment} is {now}: trunk does not hold it"
        case "revert":
            return "" if now == "REVERTED" else f"#{action.experiment} is {now} by now"
        case "pause":
            return "" if still_paused(state, action) else "all of them go on already"
        case "resume":
            return "" if at_work(state, action) else "all of them are paused already"
        case "hold":
            return "" if now == "HELD" else f"#{action.experiment} is {now} by now"
        case "unhold":
            return "" if now in verbs.QUEUED else f"#{action.experiment} is {now} by now"
        case "cancel":
            return "" if now == "CANCELLED" else f"#{action.experiment} is {now} by now"
        case "pin":
            return "" if state.pinned.get(action.experiment or 0) == action.text else "it is not pinned any more"
        case "unpin":
            return f"#{action.experiment} is pinned again" if action.experiment in state.pinned else ""
        case "reconfirm":
            return "" if now == "NEW" else f"#{action.experiment} is {now} by now"
        case "move":
            return "" if _order_now(state, action) == action.text else "the queue is in another order by now"
        case "retire" if state.at - action.at > RESTORABLE_S:
            return "it was retired more than 14 days ago"
        case "retire":
            is_away = state.worktrees[action.names[0]].retired is not None
            return "" if is_away else f"{action.names[0]} is back already"
        case "rebase":
            return "" if state.worktrees[action.names[0]].rebase else f"{action.names[0]} stands there already"
        case "mode" if _left_or_back(state, action):
            return "away mode has begun or ended since, with a mode of its own"
        case "mode":
            return "" if state.gate.mode == action.text else f"the mode is {state.gate.mode} by now"
        case "say":
            return "" if unread(state, action) else "it was read already"
        case "save":
            return "" if state.prompts_tree == action.text else "they were saved again since"
        case "import":
            return "" if any(each.digest == action.text for each in state.imports) else "its rows are gone already"
    return f"{action.kind} cannot be taken back"


def redo_refusal(state: LabState, action: Action) -> str:
    """Return why an action cannot be done again now, or an empty string."""
    number = action.experiment
    candidate = state.candidates.get(number) if number is not None else None
    now = candidate.state if candidate else ""
    match action.kind:
        case "merge" if now not in ("READY", "REVERTED"):
            return f"#{number} is {now}: it is merged again once fresh seeds have confirmed it on today's trunk"
        case "revert" if now not in (*verbs.QUEUED, *verbs.ALLOWED["revert"], "HELD", "NOISE", "REJECTED"):
            return f"#{number} is {now}"
        case "move" if _order_now(state, action) != ",".join(action.was):
            return "the queue is in another order by now"
        case "retire":
            return permits.retire_refusal(state, action.names[0])
        case "rebase":
            return permits.rebase_refusal(state, action.names[0])
        case "hold" | "cancel" | "unhold" | "reconfirm":
            return verbs.refusal(state, action.kind, number or 0)
        case "pin" | "unpin":
            return verbs.pin_refusal(state, action.kind, number or 0)
        case "pause" if not at_work(state, action):
            return "all of them are paused already"
        case "resume" if not still_paused(state, action):
            return "all of them go on already"
        case "mode" if _left_or_back(state, action):
            return "away mode has begun or ended since, with a mode of its own"
        case "mode" if state.gate.mode == action.text:
            return f"the mode is {state.gate.mode} already"
        case "save" if state.prompts_tree == action.text:
            return "the texts are that version already"
    return ""


def _left_or_back(state: LabState, action: Action) -> bool:
    """Return True where a person has left the lab alone since, or is back, or should be."""
    away, last = state.away, state.last_away
    times = [away.since, *([away.until] if away.over and away.until else [])] if away else []
    times += [last.ended] if last else []
    return any(at > action.at for at in times)


def _order_now(state: LabState, action: Action) -> str:
    candidate = state.candidates[action.experiment or 0]
    is_open = candidate.state in verbs.ALLOWED["move"]
    return ",".join(map(str, verbs.line(state, candidate.experiment))) if is_open else ""


def is_last_move(state: LabState, action: Action) -> bool:
    """Return True where trunk still stands on an action's merge, so that it can simply go back."""
    merge = state.merges[-1] if state.merges else None
    stands = merge is not None and state.trunk is not None and merge.new == state.trunk.commit and not merge.undone
    return stands and merge is not None and merge.experiment == action.experiment


def still_paused(state: LabState, action: Action) -> list[str]:
    """Return those of an action's worktrees that are paused, and not by the engine: such a pause is nobody's action."""
    known = (state.worktrees[name] for name in action.names if name in state.worktrees)
    return [each.name for each in known if each.paused and each.paused_by != "engine"]


def at_work(state: LabState, action: Action) -> list[str]:
    """Return those of an action's worktrees that are not paused."""
    return [name for name in action.names if name in state.worktrees and not state.worktrees[name].paused]


def unread(state: LabState, action: Action) -> list[str]:
    """Return the worktrees whose agent has not been given what an action said."""
    worktrees = (state.worktrees[name] for name in action.names if name in state.worktrees)
    return [each.name for each in worktrees if action.text in [said.text for said in each.messages[each.read :]]]


def asks(action: Action) -> bool:
    """Return True for an action whose taking back a person is asked about."""
    return action.kind in ASKED


def told(state: LabState, action: Action) -> str:
    """Return what was done, in words: `pause of wt0 and wt1`."""
    names = ", ".join(action.names)
    match action.kind:
        case "mode":
            return f"mode {action.was[0]} to {action.text}"
        case "import":
            night = next(each for each in (*state.imports, *state.dropped_imports) if each.digest == action.text)
            return f"import of {len(night.rows)} rows from {night.source}"
        case "say":
            return f'message to {names}: "{action.text}"'
        case "pause" | "resume" | "rebase" | "retire" | "save":
            return f"{action.kind} of {names}"
    if action.stack:
        return f"{action.kind} of {named(action.stack)}"
    known = state.experiments.get(action.experiment or 0)
    return f"{action.kind} of #{action.experiment}" + (f" ({known.hypothesis})" if known else "")


def back(state: LabState, action: Action) -> str:
    """Return what taking an action back comes to."""
    number = action.experiment
    match action.kind:
        case "merge" if is_last_move(state, action):
            return f"trunk goes back from {state.merges[-1].new[:7]} to {state.merges[-1].old[:7]}"
        case "merge" if action.stack:
            return "trunk has moved on: a new commit takes exactly this stack back; other merges stay"
        case "merge":
            return "trunk has moved on: a new commit takes exactly this change back; other merges stay"
        case "revert":
            return f"#{number} comes back to the queue and is confirmed again on today's trunk"
        case "pause":
            return _with_verb(still_paused(state, action), "goes on", "go on")
        case "resume":
            return _with_verb(at_work(state, action), "pauses again", "pause again")
        case "hold":
            return f"#{number} goes on"
        case "unhold":
            return f"#{number} is held again"
        case "cancel":
            return f"#{number} comes back to the queue"
        case "pin":
            return f"#{number} is pinned no more"
        case "unpin":
            return f"#{number} is pinned again at {action.text[:7]}"
        case "reconfirm":
            return f"#{number} is {action.was[0]} again"
        case "move":
            return f"the order is {', '.join(f'#{each}' for each in action.was)} again"
        case "retire":
            return f"{action.names[0]} comes back with its files as they were, paused: its agent goes on with resume"
        case "rebase":
            return f"{action.names[0]} stays where it is"
        case "mode":
            return f"the mode is {action.was[0]} again"
        case "save":
            return _read_as(state, action, action.was[0])
        case "import":
            return "nobody is told of them any more; what agents have read they have read"
    return _with_verb(unread(state, action), "does not get to read it", "do not get to read it")


def _read_as(state: LabState, action: Action, commit: str) -> str:
    """Say as which version an action's files read, and who notices when."""
    names, number = ", ".join(action.names), state.prompts_commits.index(commit) + 1
    verb = "reads" if len(action.names) == 1 else "read"
    return f"{names} {verb} as in v{number} again, for each agent from its next proposal on"


def _with_verb(names: list[str], one: str, more: str) -> str:
    return f"{', '.join(names)} {one if len(names) == 1 else more}"


def again(state: LabState, action: Action) -> str:
    """Return what doing an action again comes to."""
    match action.kind:
        case "merge" if state.candidates[action.experiment or 0].state == "REVERTED":
            if action.stack:
                return f"{named(action.stack)} are confirmed again on today's trunk, each alone, before they are merged"
            return f"#{action.experiment} is confirmed again on today's trunk before it is merged"
        case "merge":
            return f"trunk moves to {state.candidates[action.experiment or 0].landing[:7]} again"
        case "revert":
            return f"#{action.experiment} is taken out again"
        case "save":
            return _read_as(state, action, action.was[1])
    return told(state, action)
