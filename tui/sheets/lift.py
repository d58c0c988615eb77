"""The question before a rule is lifted for one candidate: what was too good to be true is confirmed all the same."""

from __future__ import annotations

from agentcore import format as fmt
from tui.follow import Scene
from tui.sheets.sheet import Question

BECAUSE = "in the view, after reading its diff"
"""What is recorded as the reason: a key gives none. `nightlab release` takes one."""


def question(scene: Scene, number: int) -> Question:
    """Return what is asked before a BLOCKED candidate goes on to its confirmation."""
    state = scene.state
    candidate, idea = state.candidates[number], state.experiments[number]
    title = f"Lift the rule for {idea.worktree} #{number}?"
    pins = (candidate.state, candidate.reason, candidate.tree)
    if candidate.state != "BLOCKED":
        return Question(title, (("so", f"it is {candidate.state} now: no rule holds it"),), "", pins, about=number)
    facts = (
        ("candidate", f'"{idea.hypothesis}"'),
        ("change", f"{fmt.change(idea.added, idea.removed)} {' '.join(idea.files)}"),
        ("rule", candidate.reason),
        ("after", "its fresh seeds are run; it lands only if they confirm it"),
        ("recorded", f"that you lifted it: {BECAUSE}"),
    )
    arguments = {"experiment": number, "because": BECAUSE}
    return Question(title, facts, "lift it", pins, "release", arguments, about=number)
