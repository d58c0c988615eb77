"""Which change is shown of a worktree, and against what? Its agent may write the next edit while one still trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentcore import format as fmt
from agentcore.state import LabState, Worktree
from tui.widgets.diff import DiffPane
from worktrees.rules import of_paths

if TYPE_CHECKING:
    from tui.view import View
    from worktrees.diff import Diff
    from worktrees.project import Sources

WAITING, READING = "no change yet: waiting for the first edit", "reading"

BASES = ("last kept", "trunk", "baseline", "uncommitted")
"""What a change can be shown against, in the order of `b`: the commit that the edit was made on comes first."""


def base_of(state: LabState, worktree: Worktree, base: str) -> tuple[str, str]:
    """Return the commit or tree that a choice of `BASES` means for a worktree, and how it is called."""
    match base:
        case "trunk" if state.trunk:
            return state.trunk.commit, f"trunk {fmt.short(state.trunk.commit)}"
        case "baseline" if state.baseline_tree:
            return state.baseline_tree, "the baseline"
        case "uncommitted":
            return worktree.at or worktree.base, "what is committed"
    return worktree.base, fmt.short(worktree.base)


def show_change(view: View, pane: DiffPane) -> None:
    """Show the selected worktree's change: the live edit while its agent thinks, else what trains, else the files."""
    scene, name, live = view.scene, view.selected, view.reading.live
    worktree = scene.state.worktrees.get(name)
    commit, against = base_of(scene.state, worktree, view.base) if worktree else ("", "")
    # The search agent edits in no time: to show that would only flicker.
    is_editing = worktree and worktree.thinking and worktree.thinking.agent != "search"
    pending = worktree.experiment if worktree and not is_editing and view.base != "uncommitted" else None
    if pending is not None:
        experiment = scene.state.experiments[pending]
        if view.base == BASES[0]:
            diff, against = view.reading.change_of(pending), fmt.short(experiment.base)
        else:
            diff = view.reading.change_between(commit, experiment.commit)
        pane.aside, pane.empty, pane.is_live = "", READING, False
        pane.show(diff, subject=f"{name} #{pending}", against=against, broken=broken_by(diff, live.sources))
        return
    pane.aside = f"{fmt.age(scene.now - live.edited)} ago" if live.edited else ""
    pane.empty, pane.is_live = WAITING, True
    diff = live.diff if live.of == (name, commit) else None
    what = "next edit" if is_editing else "live diff"
    pane.show(diff, subject=f"{name} {what}", against=against, broken=broken_by(diff, live.sources))


def broken_by(diff: Diff | None, sources: Sources | None) -> Mapping[str, str] | None:
    """Return {path: the rule that its change breaks}; None where it is not known which files may be changed."""
    if diff is None or sources is None:
        return None
    of_each = {file.path: list(of_paths([file.path], sources.edit, sources.frozen)) for file in diff.files}
    return {path: str(broken[0]) for path, broken in of_each.items() if broken}
