"""Screen 2: one worktree: what it changes, what its run prints, how its training goes, what its agent does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import events

from agentcore import format as fmt
from agentcore.worktree.said import said
from tui import layout
from tui.bindings import Target
from tui.exporting import Maker
from tui.follow import Scene
from tui.lines import clip
from tui.screens.base import Action, BaseScreen
from tui.screens.change import show_change
from tui.screens.targets import target_of_row
from tui.sheets import new, pause_all
from tui.unified import unified
from tui.widgets.bars import key_rows
from tui.widgets.curve import CurvePane
from tui.widgets.diff import DiffPane
from tui.widgets.facts import FactsPane
from tui.widgets.items import ItemsPane
from tui.widgets.log import LogPane
from tui.widgets.now import NowPane
from tui.widgets.pane import Pane
from tui.widgets.rows import run_cell, slot_label, state_cell
from tui.widgets.steps import StepsPane
from tui.widgets.tabs import TabStrip
from worktrees.text import printable

if TYPE_CHECKING:
    from tui.view import View

PANES = ("diff", "log", "curve", "agent")

SIDEWAYS = 8

TITLE = 18
"""Cells of the title that are not about the worktree."""

ABOUT = 90
"""Beside a longer idea the lab's own figures would not fit into a wide title."""


class WorktreeScreen(BaseScreen):
    """The selected worktree's diff, log, curve and agent, all at once where there is room."""

    NAME = "worktree"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.facts = FactsPane(view.look)
        self.tabs = TabStrip(view.look, [name.capitalize() for name in PANES])
        self.diff = DiffPane(view.look, id="diff", numbered=True)
        self.log_pane = LogPane(view.look)
        self.curve = CurvePane(view.look)
        self.steps = StepsPane(view.look)
        self.now = NowPane(view.look)

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return self.facts, self.tabs, self.diff, self.log_pane, self.curve, self.steps, self.now

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        for pane in (self.diff, self.log_pane, self.curve, self.steps, self.now):
            pane.frame = "box" if width >= layout.MEDIUM else "rule"
        return layout.worktree(width, height, self.tabs.shown.lower(), agent=self._has_steps)

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            "down": lambda: self._scroll(1),
            "above": lambda: self._scroll(-1),
            "first": lambda: self._scroll(-1 << 30),
            "last": lambda: self._scroll(1 << 30),
            "page-down": lambda: self._page(1),
            "page-up": lambda: self._page(-1),
            "left": lambda: self._sideways(-SIDEWAYS),
            "right": lambda: self._sideways(SIDEWAYS),
            "next-hunk": lambda: self._hunk(1),
            "previous-hunk": lambda: self._hunk(-1),
            "follow": self._follow,
            "tab": lambda: self._switch(1),
            "tab-back": lambda: self._switch(-1),
            "next-worktree": lambda: self._neighbour(1),
            "previous-worktree": lambda: self._neighbour(-1),
            "diff": self.view.read_worktree,
            "base": self.view.next_base,
            "split": self.diff.split,
            "wrap": self._wrap,
            "expand": self._expand,
            "metric": lambda: self.say(self.curve.next_metric()),
            "log-scale": self.curve.change_scale,
            "pause-all": lambda: self.cover.open_sheet(pause_all.question),
            "new": lambda: self.cover.open_form(new.fields(), new.question),
        }

    @property
    def front(self) -> Pane:
        """The pane that has the focus."""
        panes: dict[str, Pane] = {"log": self.log_pane, "curve": self.curve, "agent": self.steps}
        return panes.get(self._chosen(), self.diff)

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""
        name, row = self.view.selected, scene.row(self.view.selected)
        for pane in (self.diff, self.log_pane, self.curve, self.steps):
            pane.heavy = pane is self.front
        self.bar.about = name
        if row:
            place = slot_label(row.slot)
            place = f"GPU {place}" if place.isdecimal() else place
            number = f"#{row.experiment} " if row.experiment is not None else ""
            named = "" if number and number in row.idea else number  # a run for the queue has it in its words
            idea = f"   {named}{row.idea}" if row.idea else ""
            about = f"{name}   {place}   {state_cell(row)[0]} {run_cell(row, scene)[0]}{idea}"
            self.bar.about = clip(about, min(self.size.width - TITLE, ABOUT))
        show_change(self.view, self.diff)
        self._show_steps(scene)
        for told in (self.now, self.facts):
            told.scene, told.row = scene, row
            told.sources, told.broken = self.view.reading.live.sources, self.diff.broken
        reading = self.view.reading
        self.curve.is_over = reading.shown_run not in scene.state.active
        self.curve.show(reading.curves.own, reading.curves.rival, reading.shown_run, reading.rival)
        log = reading.run_log
        self.log_pane.show(log.lines, subject=log.subject, dropped=log.dropped)

    def on_screen_resume(self) -> None:
        """Follow log, curve and agent while they are looked at."""
        self._want(True)
        self.view.reading.follow_files()
        super().on_screen_resume()

    def on_screen_suspend(self, event: events.ScreenSuspend) -> None:
        """Leave log, curve and agent alone while nobody looks at them."""
        self._want(False)

    def target(self, scene: Scene) -> Target | None:
        """Return this worktree's candidate."""
        return target_of_row(scene, self.view.selected)

    # What can be copied, and written to a file

    def copyable(self) -> dict[str, str]:
        """Return what `y` offers: hash, diff, path of the log, message, log, turn of the agent."""
        state, view = self.view.scene.state, self.view
        row, worktree = view.scene.row(view.selected), state.worktrees.get(view.selected)
        experiment = state.experiments.get(row.experiment) if row and row.experiment is not None else None
        step = self.steps.step
        found = {
            "h": experiment.commit if experiment else worktree.base if worktree else "",
            "d": unified(self.diff.diff) if self.diff.diff else "",
            "p": str(view.reading.run_log.path or ""),
            "m": experiment.hypothesis if experiment else "",
            "l": "\n".join(printable(line) for line in view.reading.run_log.lines),
            "t": "\n".join(step.more or (step.text,)) if step else "",
        }
        return {letter: text for letter, text in found.items() if text}

    def exportable(self) -> dict[str, Maker]:
        """Return the worktree as markdown and as JSON, its curve as TSV, and the picture that every screen has."""
        return {"m": self._as_markdown, "t": self._as_tsv, "j": self._as_json, **super().exportable()}

    def _as_markdown(self) -> str:
        scene, name = self.view.scene, self.view.selected
        row = scene.row(name)
        parts = [f"# {name}", self.bar.about, f"Change against {self.diff.against}:"]
        parts += [f"```diff\n{unified(self.diff.diff)}```"] if self.diff.diff else ["no change"]
        parts += [f"{self.curve.metric} {self.curve.words()}"] if row and self.curve.words() else []
        return "\n\n".join([*parts, ""])

    def _as_tsv(self) -> str:
        lines = [f"share\t{self.curve.metric}\trun"]
        runs = (self.view.reading.shown_run, self.view.reading.rival)
        for run, course in zip(runs, self.curve.courses(), strict=True):
            lines += [f"{share:g}\t{value:g}\t{run}" for share, value in course]
        return "\n".join([*lines, ""])

    def _as_json(self) -> str:
        view = self.view
        own, other = self.curve.courses()
        curves = {"metric": self.curve.metric, "own": own, "trunk": other}
        runs = {"run": view.reading.shown_run, "trunk_run": view.reading.rival}
        diff = unified(self.diff.diff) if self.diff.diff else ""
        facts = {"worktree": view.selected, **runs, "against": self.diff.against, "diff": diff, "curves": curves}
        return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"

    # Keys

    def _readable(self) -> ItemsPane | None:
        """Return the pane that has the focus, where it is one of lines."""
        return pane if isinstance(pane := self.front, ItemsPane) else None

    def _scroll(self, lines: int) -> None:
        if pane := self._readable():
            pane.scroll_by(lines)

    def _page(self, direction: int) -> None:
        if pane := self._readable():
            pane.page(direction)

    def _sideways(self, columns: int) -> None:
        if pane := self._readable():
            pane.sideways(columns)

    def _hunk(self, step: int) -> None:
        pane = self.front
        if isinstance(pane, DiffPane | LogPane | StepsPane) and (said := pane.hunk(step)):
            self.say(said)

    def _follow(self) -> None:
        pane = self.front
        if isinstance(pane, DiffPane | LogPane | StepsPane):
            pane.follow()

    def _wrap(self) -> None:
        if pane := self._readable():
            pane.wrap()

    def _expand(self) -> None:
        self.say(self.steps.unfold() if self.front is self.steps else "enter opens a step of the agent; tab goes there")

    # The panes

    @property
    def _has_steps(self) -> bool:
        """True where the worktree has an agent that is worth a pane of its own: search has nothing to say."""
        worktree = self.view.scene.state.worktrees.get(self.view.selected)
        return worktree is not None and worktree.agent != "search"

    def _want(self, wanted: bool) -> None:
        reading = self.view.reading
        for each in (reading.run_log, reading.curves, reading.steps):
            each.is_wanted = wanted

    def _show_steps(self, scene: Scene) -> None:
        name, steps = self.view.selected, self.view.reading.steps
        worktree = scene.state.worktrees.get(name)
        thinking = worktree.thinking if worktree else None
        agent = thinking.agent if thinking else worktree.agent if worktree else ""
        on = f" on {thinking.direction}" if thinking and thinking.direction else ""
        cost = f", {fmt.money(thinking.spent.usd)}" if thinking and thinking.spent.usd else ""
        self.steps.about = f"agent {agent}{on}{cost}"
        self.steps.worktree, self.steps.said = name, said(scene.state, name)
        self.steps.empty = "nothing yet" if self._has_steps else "the search agent samples constants: it has no steps"
        self.steps.show(steps.steps, subject=steps.subject, dropped=steps.dropped)

    def _names(self) -> list[str]:
        """Return the panes that can be chosen: on a wide screen those that are on it."""
        width, height = self.size
        if width < layout.WIDE:
            return list(PANES)
        shown = layout.worktree(width, height - 2 - key_rows(self.size), self.tabs.shown.lower(), agent=self._has_steps)
        return [name for name in PANES if name in shown]

    def _chosen(self) -> str:
        return chosen if (chosen := self.tabs.shown.lower()) in self._names() else PANES[0]

    def _switch(self, step: int) -> None:
        names = self._names()
        self.tabs.shown = names[(names.index(self._chosen()) + step) % len(names)].capitalize()
        self.paint()

    def _neighbour(self, step: int) -> None:
        names = [row.worktree for row in self.view.scene.overview.rows]
        if self.view.selected in names:
            self.view.select(names[(names.index(self.view.selected) + step) % len(names)])
            self.paint()
