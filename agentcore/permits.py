"""What may a person do with a worktree and its run just now, and why not? Pure, as verbs.py is for candidates.

The engine refuses by it; --dry-run and the keys of the view ask it beforehand, so that they say the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentcore.state import LabState, Run, Worktree


def named(state: LabState, name: str) -> Worktree | None:
    """Return the worktree of that name."""
    return state.worktrees.get(name)


def unknown(state: LabState, name: str) -> str:
    """Return why there is no such worktree, or an empty string."""
    if named(state, name):
        return ""
    known = ", ".join(sorted(state.worktrees, key=lambda each: (len(each), each))) or "none yet"
    return f"{name!r} is no worktree ({known})"


def run_of(state: LabState, name: str) -> Run | None:
    """Return the run that a worktree means to a person: its slot's, else that of its own experiment elsewhere."""
    worktree = state.worktrees[name]
    here = next((run for run in state.active.values() if run.slot == worktree.slot), None)
    own = (run for run in state.active.values() if run.purpose == "screen" and run.experiment in worktree.pending)
    return here or next(own, None)


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
    if not state.worktrees:
        return "there is no worktree yet"
    return "" if affected(state, verb) else f"all worktrees are {'paused already' if verb == 'pause' else 'at work'}"


def affected(state: LabState, verb: str) -> list[str]:
    """Return the worktrees that pausing, or resuming, all of them would change."""
    names = [name for name in state.worktrees if not pause_refusal(state, verb, name)]
    return sorted(names, key=lambda each: (len(each), each))


def changed(state: LabState, name: str, expected: Mapping[str, object]) -> str:
    """Return which fact is no longer what the caller saw when it asked, or an empty string."""
    run = run_of(state, name)
    now = run.number if run else None
    if "run" in expected and expected["run"] != now:
        return f"changed while you read: run {expected['run']} has ended"
    return ""
