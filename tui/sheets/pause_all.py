"""The question before all worktrees pause, or go on."""

from __future__ import annotations

from agentcore import format as fmt
from agentcore.worktree import permits
from tui.follow import Scene
from tui.sheets.sheet import Question


def question(scene: Scene) -> Question:
    """Return what is asked before all worktrees pause; where all of them do, before they go on."""
    state = scene.state
    verb = "pause" if permits.affected(state, "pause") else "resume"
    names = permits.affected(state, verb)
    others = len(state.worktrees) - len(names)
    facts = [("worktrees", ", ".join(names) + (f"; {others} {_already(verb, others)}" if others else ""))]
    if verb == "pause":
        runs = fmt.count(len(state.active), "run")
        facts += [
            ("after", f"{runs} in progress end by themselves; no agent is asked and no experiment starts"),
            ("not paused", "the merge queue and retests, which work on what is found already"),
            ("undo", "{undo}, or {pause-all} again"),
        ]
    else:
        facts += [
            ("after", "agents are asked again; what was parked after failures gets another try"),
            ("undo", "{undo}, or {pause-all} again"),
        ]
    title = f"{verb.capitalize()} all {len(names)} worktrees?" if not others else f"{verb.capitalize()} the others?"
    return Question(title, tuple(facts), f"{verb} all", (verb, *names), verb, {"all": True})


def _already(verb: str, count: int) -> str:
    return f"{'is' if count == 1 else 'are'} {'paused' if verb == 'pause' else 'at work'} already"
