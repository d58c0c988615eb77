"""The form in which a person asks for more worktrees."""

from __future__ import annotations

from collections.abc import Mapping

from agentcore import format as fmt
from agentcore.worktree import permits
from tui.follow import Scene
from tui.sheets.form import Field
from tui.sheets.sheet import Question

COUNTS = tuple(str(count) for count in range(1, 9))


def fields() -> tuple[Field, ...]:
    """Return the lines that can be changed."""
    return Field("count", COUNTS[0], COUNTS), Field("direction", "")


def question(scene: Scene, values: Mapping[str, str]) -> Question:
    """Return what is asked before worktrees are made."""
    state, count = scene.state, int(values["count"])
    names = permits.new_names(state, count)
    slots, now = len(state.slots), len(state.standing)
    share = f"{fmt.count(now + count, 'worktree')} for {fmt.count(slots, 'slot')}"
    turns = ": each has its turn, those with the fewest experiments first" if now + count > slots else ""
    facts = (
        ("how many", values["count"]),
        ("direction", values["direction"] or "as it is dealt out to all"),
        ("makes", f"{', '.join(names)} on trunk{', and directions/ files' if values['direction'] else ''}"),
        ("after", share + turns),
        ("undo", "X retires one"),
    )
    if reason := permits.new_refusal(state, count):
        return Question("New worktrees?", (*facts, ("so", reason)), "", ("none",))
    arguments = {"count": count, "direction": values["direction"]}
    return Question("New worktrees?", facts, "make", (*names, values["direction"]), "new", arguments)
