"""Screen 2: one worktree: what it changes, what its run prints, what its agent does."""

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
from tui.screens.change import show_change
from tui.screens.targets import target_of_row
from tui.theme import Theme
from tui.widgets.detail import DetailPane
from tui.widgets.diff import DiffPane
from tui.widgets.log import LogPane
from tui.widgets.pane import Pane
from tui.widgets.rows import run_cell, slot_label, state_cell
from tui.widgets.steps import StepsPane

if TYPE_CHECKING:
    from tui.view import View

PANES = ("diff", "log", "agent")

SIDEWAYS = 8


class TabStrip(Pane):
    """The names of the panes of which one is shown."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="tabs", frame="bare")
        self.chosen = "diff"

    def body(self, width: int, height: int) -> list[Line]:
        """Return the one line."""
        line: Line = ((" ", "text"),)
        for name in PANES:
            shown = name.capitalize()
            line = (*line, (f"[{shown}]", "title") if name == self.chosen else (f" {shown} ", "text"), (" ", "text"))
        return [line]


class WorktreeScreen(BaseScreen):
    """The selected worktree's diff, log and agent, side by side where there is room."""

    NAME = "worktree"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.tabs = TabStrip(view.look)
        self.diff = DiffPane(view.look, id="diff", numbered=True)
        self.log_pane = LogPane(view.look)
        self.steps = StepsPane(view.look)
        self.now = DetailPane(view.look)

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return self.tabs, self.diff, self.log_pane, self.steps, self.now

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        for pane in (self.diff, self.log_pane, self.steps, self.now):
            pane.frame = "box" if width >= layout.MEDIUM else "rule"
        return layout.worktree(width, height, self.tabs.chosen, agent=self._has_steps)

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
            "tab": lambda: self._switch(1),
            "tab-back": lambda: self._switch(-1),
            "next-worktree": lambda: self._neighbour(1),
            "previous-worktree": lambda: self._neighbour(-1),
            "diff": self.view.read_worktree,
            "pause": self.view.pause,
            "tell": self.open_entry,
        }

    @property
    def front(self) -> DiffPane | LogPane | StepsPane:
        """The pane that keys scroll."""
        panes: dict[str, DiffPane | LogPane | StepsPane] = {"log": self.log_pane, "agent": self.steps}
        return panes.get(self._chosen(), self.diff)

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""
        name, row = self.view.selected, scene.row(self.view.selected)
        for pane in (self.diff, self.log_pane, self.steps):
            pane.heavy = pane is self.front
        self.bar.about = name
        if row:
            place = slot_label(row.slot)
            place = f"GPU {place}" if place.isdecimal() else place
            self.bar.about = f"{name}   {place}   {state_cell(row)[0]} {run_cell(row, scene)[0]}"
        show_change(self.view, self.diff)
        self._show_steps(scene)
        self.now.scene, self.now.row = scene, row
        self.log_pane.show(self.view.run_log.lines, subject=self.view.run_log.subject)

    def on_screen_resume(self) -> None:
        """Follow log and agent while they are looked at."""
        self.view.run_log.is_wanted = self.view.steps.is_wanted = True
        self.view.follow_files()
        super().on_screen_resume()

    def on_screen_suspend(self, event: events.ScreenSuspend) -> None:
        """Leave log and agent alone while nobody looks at them."""
        self.view.run_log.is_wanted = self.view.steps.is_wanted = False

    def target(self, scene: Scene) -> Target | None:
        """Return this worktree's candidate."""
        return target_of_row(scene, self.view.selected)

    @property
    def _has_steps(self) -> bool:
        """True where the worktree has an agent that is worth a pane of its own: search has nothing to say."""
        worktree = self.view.scene.state.worktrees.get(self.view.selected)
        return worktree is not None and worktree.agent != "search"

    def _show_steps(self, scene: Scene) -> None:
        worktree, steps = scene.state.worktrees.get(self.view.selected), self.view.steps
        thinking = worktree.thinking if worktree else None
        name = thinking.agent if thinking else worktree.agent if worktree else ""
        on = f" on {thinking.direction}" if thinking and thinking.direction else ""
        cost = f", {fmt.money(thinking.spent.usd)}" if thinking and thinking.spent.usd else ""
        self.steps.about = f"agent {name}{on}{cost}"
        self.steps.show(steps.steps, subject=steps.subject)

    def _names(self) -> list[str]:
        """Return the panes that can be chosen: on a wide screen those that are on it."""
        return [name for name in PANES if name != "agent" or self.size.width < layout.WIDE or self._has_steps]

    def _chosen(self) -> str:
        return self.tabs.chosen if self.tabs.chosen in self._names() else PANES[0]

    def _switch(self, step: int) -> None:
        names = self._names()
        self.tabs.chosen = names[(names.index(self._chosen()) + step) % len(names)]
        self.paint()

    def _neighbour(self, step: int) -> None:
        names = [row.worktree for row in self.view.scene.overview.rows]
        if self.view.selected in names:
            self.view.select(names[(names.index(self.view.selected) + step) % len(names)])
            self.paint()
