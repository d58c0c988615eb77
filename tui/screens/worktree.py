"""Screen 2: one worktree: what it changes, and what its run prints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import events

from tui import format as fmt
from tui import layout
from tui.bindings import Target
from tui.follow import Scene
from tui.lines import Line
from tui.screens.base import Action, BaseScreen
from tui.screens.targets import target_of_row
from tui.theme import Theme
from tui.widgets.detail import DetailPane
from tui.widgets.diff import DiffPane
from tui.widgets.log import LogPane
from tui.widgets.pane import Pane
from tui.widgets.rows import run_cell, slot_label, state_cell

if TYPE_CHECKING:
    from tui.view import View

SIDEWAYS = 8


class TabStrip(Pane):
    """The names of the panes of which one is shown."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="tabs", frame="bare")
        self.chosen = "diff"

    def body(self, width: int, height: int) -> list[Line]:
        """Return the one line."""
        line: Line = ((" ", "text"),)
        for name in ("diff", "log"):
            shown = name.capitalize()
            line = (*line, (f"[{shown}]", "title") if name == self.chosen else (f" {shown} ", "text"), (" ", "text"))
        return [line]


class WorktreeScreen(BaseScreen):
    """The selected worktree's diff and log, side by side where there is room."""

    NAME = "worktree"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.tabs = TabStrip(view.look)
        self.diff = DiffPane(view.look, id="diff", numbered=True)
        self.log_pane = LogPane(view.look)
        self.now = DetailPane(view.look)

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return self.tabs, self.diff, self.log_pane, self.now

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        self.diff.frame = self.log_pane.frame = self.now.frame = "box" if width >= layout.MEDIUM else "rule"
        return layout.worktree(width, height, self.tabs.chosen)

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            "down": lambda: self.front.scroll_by(1),
            "above": lambda: self.front.scroll_by(-1),
            "first": lambda: self.front.scroll_by(-self.front.count()),
            "last": lambda: self.front.scroll_by(self.front.count()),
            "page-down": lambda: self.front.page(1),
            "page-up": lambda: self.front.page(-1),
            "left": lambda: self.front.sideways(-SIDEWAYS),
            "right": lambda: self.front.sideways(SIDEWAYS),
            "next-hunk": lambda: self.front.hunk(1),
            "previous-hunk": lambda: self.front.hunk(-1),
            "follow": lambda: self.front.follow(),
            "tab": self._switch,
            "next-worktree": lambda: self._neighbour(1),
            "previous-worktree": lambda: self._neighbour(-1),
            "diff": self.view.read_worktree,
            "pause": self.view.pause,
        }

    @property
    def front(self) -> DiffPane | LogPane:
        """The pane that keys scroll."""
        return self.diff if self.tabs.chosen == "diff" else self.log_pane

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""
        name, row = self.view.selected, scene.row(self.view.selected)
        self.diff.heavy, self.log_pane.heavy = self.front is self.diff, self.front is self.log_pane
        self.bar.about = name
        if row:
            place = slot_label(row.slot)
            place = f"GPU {place}" if place.isdecimal() else place
            self.bar.about = f"{name}   {place}   {state_cell(row)[0]} {run_cell(row, scene)[0]}"
        live = self.view.live
        worktree = scene.state.worktrees.get(name)
        base = f"{name} against {fmt.short(worktree.base)}" if worktree else name
        self.diff.aside = f"{fmt.age(scene.now - live.edited)} ago" if live.edited else ""
        self.diff.show(live.diff if live.of == name else None, subject=base)
        self.now.scene, self.now.row = scene, row
        self.log_pane.show(self.view.run_log.lines, subject=self.view.run_log.subject)

    def on_screen_resume(self) -> None:
        """Follow the log while it is looked at."""
        self.view.run_log.is_wanted = True
        self.view.follow_log()
        super().on_screen_resume()

    def on_screen_suspend(self, event: events.ScreenSuspend) -> None:
        """Leave the log alone while nobody looks at it."""
        self.view.run_log.is_wanted = False

    def target(self, scene: Scene) -> Target | None:
        """Return this worktree's candidate."""
        return target_of_row(scene, self.view.selected)

    def _switch(self) -> None:
        self.tabs.chosen = "log" if self.tabs.chosen == "diff" else "diff"
        self.paint()

    def _neighbour(self, step: int) -> None:
        names = [row.worktree for row in self.view.scene.overview.rows]
        if self.view.selected in names:
            self.view.select(names[(names.index(self.view.selected) + step) % len(names)])
            self.paint()
