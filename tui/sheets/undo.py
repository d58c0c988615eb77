"""The question before the last merge is taken back."""

from __future__ import annotations

from tui import format as fmt
from tui.follow import Scene
from tui.sheets.sheet import Question


def question(scene: Scene) -> Question:
    """Return what is asked before trunk goes back to where it was before the last merge."""
    state = scene.state
    trunk = state.trunk.commit if state.trunk else ""
    merge = state.merges[-1] if state.merges else None
    if merge is None or merge.undone or trunk != merge.new:
        why = "the last merge was taken back already, or trunk has moved on since"
        return Question("Take the last merge back?", (("so", why),), "", (trunk, "none"))
    idea = state.experiments[merge.experiment]
    again = "judged again by its runs: it was forced" if merge.forced else "READY again"
    facts = (
        ("merge", f'"{idea.hypothesis}" (by {merge.by}, {fmt.clock(merge.at)})'),
        ("trunk", f"{fmt.short(trunk)} back to {fmt.short(merge.old)}, not pushed anywhere"),
        ("after", f"#{merge.experiment} is {again}; what was confirmed on {fmt.short(trunk)} runs again"),
        ("undo", "nightlab force merges it again" if merge.forced else "m merges it again"),
    )
    title = f"Take the merge of {idea.worktree} #{merge.experiment} back?"
    pins = (trunk, merge.old, str(merge.experiment))
    return Question(title, facts, "take back", pins, "undo", {"expect": {"trunk": trunk}})
