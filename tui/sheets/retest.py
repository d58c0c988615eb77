"""The question before trunk is tried at the larger size: what is compared, and what that costs."""

from __future__ import annotations

from agentcore import format as fmt
from agentcore.retest import due as retest
from tui.follow import Scene
from tui.sheets.sheet import Question


def question(scene: Scene) -> Question:
    """Return what is asked before a retest begins."""
    state = scene.state
    trunk = state.trunk.commit if state.trunk else ""
    title = "Try trunk at the larger size?"
    if reason := retest.refusal(state):
        return Question(title, (("so", reason),), "", (trunk,))
    started, settings = retest.begin(state, "you"), state.retest_settings
    base, head = started.steps[0].commit, started.steps[-1].commit
    merges = sum(len(step.experiments) for step in started.steps[1:])
    facts = (
        (
            "compared",
            f"trunk {fmt.short(head)} with {fmt.short(base)}, which was verified last: {merges} merges between",
        ),
        ("cost", f"{2 * settings.seeds} runs at most, {settings.scale} times the size, {settings.budget} each"),
        ("after", "a gain there makes the merges PROVEN, none FADED; what is worse is looked for and taken out"),
        ("undo", "cannot be undone, but it changes nothing by itself unless trunk turns out to be worse"),
    )
    return Question(title, facts, "try it", (trunk, base), "retest", {})
