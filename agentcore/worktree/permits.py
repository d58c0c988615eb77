"""What may a person do with a worktree and its run just now, and why not? Pure, as queue/verbs.py is for candidates.

The engine refuses by it; --dry-run and the keys of the view ask it beforehand, so that they say the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentcore.state import LabState, Run, Worktree

MOST_NEW = 32
"""Worktrees that are made at once."""


def unknown(state: LabState, name: str) -> str:
    """Return why there is no such worktree, or an empty string."""
    worktree = state.worktrees.get(name)
    if worktree and worktree.retiring:
        return f"{name} is retired" + ("; nightlab undo --list tells how to bring it back" if worktree.retired else "")
    if worktree:
        return ""
    known = ", ".join(each.name for each in state.standing) or "none yet"
    return f"{name!r} is no worktree ({known})"


def run_of(state: LabState, name: str) -> Run | None:
    """Return the run that a worktree means to a person: its slot's, else that of its own experiment elsewhere."""
    worktree = state.worktrees[name]
    own = (run for run in state.active.values() if run.purpose == "screen" and run.experiment in worktree.pending)
    return shown_run(state, worktree) or next(own, None)


def shown_run(state: LabState, worktree: Worktree) -> Run | None:
    """Return the run that a worktree's row shows: its slot's. One that shares its slot with others shows its own run,
    so that no run is on two rows.
    """
    first = next((each for each in state.standing if each.slot == worktree.slot), worktree)
    runs = (run for run in state.active.values() if run.slot == worktree.slot)
    if first.name != worktree.name:
        runs = (run for run in state.active.values() if run.purpose == "screen" and run.experiment in worktree.pending)
    return next(runs, None)


def retire_refusal(state: LabState, name: str) -> str:
    """Return why a worktree cannot be retired, or an empty string."""
    return unknown(state, name)


def new_refusal(state: LabState, count: int) -> str:
    """Return why so many worktrees cannot be made, or an empty string."""
    if state.trunk is None:
        return "there is no trunk yet to stand on"
    return "" if 1 <= count <= MOST_NEW else f"make 1 to {MOST_NEW} worktrees at a time"


def new_names(state: LabState, count: int) -> list[str]:
    """Return the names of the next worktrees; a retired one's is not used again, its branch is there."""
    free = (f"wt{index}" for index in range(len(state.worktrees) + count))
    return [name for name in free if name not in state.worktrees][:count]


def new_home(state: LabState) -> str:
    """Return the slot at which the fewest worktrees are at home: there may be more worktrees than slots.

    Slots are a pool in which every worktree has its turn, those with the fewest experiments first.
    """
    at_home = [each.slot for each in state.standing]
    return min((slot.name for slot in state.slots), key=at_home.count)


def kill_refusal(state: LabState, name: str) -> str:
    """Return why no run of a worktree can be stopped, or an empty string."""
    if reason := unknown(state, name):
        return reason
    run = run_of(state, name)
    if run is None:
        return f"nothing trains in {name} just now"
    return f"run {run.number} in {name} is being stopped already, by {run.stopped}" if run.stopped else ""


def described(run: Run) -> str:
    """Return what a run is, in words: `run 12 on gpu0 (confirm of #7, seed 3)`."""
    of = f"#{run.experiment}" if run.experiment is not None else f"trunk {run.commit[:7]}"
    return f"run {run.number} on {run.slot} ({run.purpose} of {of}, seed {run.seed})"


def after_kill(state: LabState, run: Run) -> str:
    """Return what becomes of the work of a run that is stopped."""
    match run.purpose:
        case "screen":
            return f"#{run.experiment} is cancelled, its agent is told and goes on with its next idea"
        case "retest":
            return f"retest {state.retests[-1].number} is dropped; nightlab retest begins another"
    what = f"#{run.experiment}" if run.experiment is not None else f"trunk {run.commit[:7]}"
    return f"nothing is counted; {what} needs seed {run.seed}, so it is run again: no seed is left out by hand"


def pause_refusal(state: LabState, verb: str, name: str) -> str:
    """Return why a worktree cannot be paused, or resumed, or an empty string."""
    if reason := unknown(state, name):
        return reason
    if verb == "pause" and (paused := state.worktrees[name].paused):
        return f"{name} is paused already: {paused}"
    return f"{name} is not paused" if verb == "resume" and not state.worktrees[name].paused else ""


def rebase_refusal(state: LabState, name: str) -> str:
    """Return why a worktree cannot be put on its base of today, or an empty string."""
    if reason := unknown(state, name):
        return reason
    asked = state.worktrees[name].rebase
    return f"{name} goes to its base already, asked for by {asked}" if asked else ""


def all_refusal(state: LabState, verb: str) -> str:
    """Return why nothing would be paused, or resumed, or an empty string."""
    if not state.standing:
        return "there is no worktree yet"
    return "" if affected(state, verb) else f"all worktrees are {'paused already' if verb == 'pause' else 'at work'}"


def affected(state: LabState, verb: str) -> list[str]:
    """Return the worktrees that pausing, or resuming, all of them would change."""
    return [each.name for each in state.standing if not pause_refusal(state, verb, each.name)]


def changed(state: LabState, name: str, expected: Mapping[str, object]) -> str:
    """Return which fact is no longer what the caller saw when it asked, or an empty string."""
    run = run_of(state, name)
    now = run.number if run else None
    if "run" in expected and expected["run"] != now:
        return f"changed while you read: run {expected['run']} has ended"
    return ""
