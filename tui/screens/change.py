"""Which change is shown of a worktree? Its agent may write the next edit while the one before still trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import format as fmt
from tui.widgets.diff import DiffPane

if TYPE_CHECKING:
    from tui.view import View

WAITING, READING = "no change yet: waiting for the first edit", "reading"


def show_change(view: View, pane: DiffPane) -> None:
    """Show the selected worktree's change: the live edit while its agent thinks, else what trains, else the files."""
    scene, name, live = view.scene, view.selected, view.live
    worktree = scene.state.worktrees.get(name)
    # The search agent edits in no time: to show that would only flicker.
    is_editing = worktree and worktree.thinking and worktree.thinking.agent != "search"
    pending = worktree.experiment if worktree and not is_editing else None
    if pending is not None:
        pane.aside, pane.empty, pane.against = "", READING, scene.state.experiments[pending].base
        pane.show(view.change_of(pending), subject=f"{name} #{pending}")
        return
    pane.aside = f"{fmt.age(scene.now - live.edited)} ago" if live.edited else ""
    pane.empty, pane.against = WAITING, worktree.base if worktree else ""
    what = "next edit" if is_editing else "live diff"
    pane.show(live.diff if live.of == name else None, subject=f"{name} {what}")
