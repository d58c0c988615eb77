"""The question before a run is ended by a person."""

from __future__ import annotations

from agentcore import format as fmt
from agentcore.worktree import permits
from tui.follow import Scene
from tui.sheets.sheet import Question


def question(scene: Scene, worktree: str) -> Question:
    """Return what is asked before the run of `worktree` is ended."""
    state = scene.state
    if reason := permits.kill_refusal(state, worktree):
        return Question(f"Stop the run of {worktree}?", (("so", reason),), "", ("none",))
    run = permits.run_of(state, worktree)
    assert run is not None, "kill_refusal has looked"
    known = state.experiments.get(run.experiment) if run.experiment is not None else None
    idea = (("idea", f'"{known.hypothesis}"'),) if known else ()
    facts = (
        ("run", f"{permits.described(run)}, {fmt.duration(scene.now - run.started)} so far"),
        *idea,
        ("after", permits.after_kill(state, run)),
        ("undo", "cannot be undone: a killed run is lost"),
    )
    what = "drop the retest" if run.purpose == "retest" else "stop the run"
    title = "Drop the retest and stop its runs?" if run.purpose == "retest" else f"Stop the run of {worktree}?"
    arguments = {"worktree": worktree, "expect": {"run": run.number}}
    return Question(title, facts, what, (str(run.number),), "kill", arguments)
