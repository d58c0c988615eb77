"""Screen 1: the whole lab at a glance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentcore import format as fmt
from agentcore.overview import WorktreeRow
from tui import layout
from tui.bindings import Target
from tui.exporting import Listing
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.screens.beginning import Beginner
from tui.screens.change import show_change
from tui.screens.targets import own_target, target_of_row
from tui.sheets import new, pause_all
from tui.widgets.detail import DetailPane
from tui.widgets.devices import DevicesPane
from tui.widgets.diff import DiffPane
from tui.widgets.events import EventsPane
from tui.widgets.pane import Pane
from tui.widgets.progress import ProgressPane
from tui.widgets.queue import QueuePane
from tui.widgets.rows import RowsTable, run_cell
from tui.widgets.welcome import WelcomePane

if TYPE_CHECKING:
    from tui.view import View

PREVIEW_LINES = 5


class LabScreen(BaseScreen):
    """All worktrees, the selected one's live diff, progress, devices, events, queue: as many as fit."""

    NAME = "lab"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        look = view.look
        self.rows = RowsTable(look)
        self.detail = DetailPane(look)
        self.diff = DiffPane(look, id="diff")
        self.progress = ProgressPane(look)
        self.devices = DevicesPane(look)
        self.events = EventsPane(look)
        self.queue = QueuePane(look)
        self.welcome = WelcomePane(look)
        self.beginner = Beginner(self, self.welcome.steps)

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return (
            self.rows,
            self.detail,
            self.diff,
            self.progress,
            self.devices,
            self.events,
            self.queue,
            self.welcome,
        )

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes, or the welcome before there are worktrees."""
        scene = self.view.scene
        if not scene.overview.rows:
            return layout.welcome(width, height, self.welcome.tall(layout.welcome_width(width)))
        narrow = width < layout.MEDIUM
        self.rows.frame = "bare" if narrow else "box"
        self.progress.frame = self.events.frame = "rule" if narrow else "box"
        return layout.lab(
            width, height, len(scene.overview.rows), len(scene.state.slots), plots=self.view.options.plots
        )

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            **self.mover.actions(self._move, self.rows),
            "scroll-down": lambda: self.diff.scroll_by(PREVIEW_LINES),
            "scroll-up": lambda: self.diff.scroll_by(-PREVIEW_LINES),
            "open": self._open,
            "diff": self.view.read_worktree,
            "pause-all": lambda: self.cover.open_sheet(pause_all.question),
            "new": lambda: self.cover.open_form(new.fields(), new.question),
        }

    def leave(self) -> None:
        """Say that this is the top."""
        self.say("this is the top screen; q closes the view, all work goes on")

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""
        self.rows.marks = self.marks
        self.rows.scene = self.detail.scene = self.devices.scene = self.queue.scene = scene
        self.rows.select(self.view.selected)
        self.detail.row = self.rows.selected
        self.progress.progress = scene.progress
        self.progress.experiments = scene.overview.experiments
        self.progress.waiting = waiting(scene)
        self.events.told = scene.told
        self.welcome.situation, self.welcome.trouble = self.situation(), scene.trouble
        self.welcome.checks = self.view.checks
        show_change(self.view, self.diff)

    def ring(self) -> Iterable[Pane]:
        """Return the panes that are worth the whole screen."""
        return self.rows, self.diff, self.progress, self.devices, self.events, self.queue

    def under_cursor(self) -> object | None:
        """Return the selected worktree."""
        return self.view.selected or None

    def find(self, text: str) -> None:
        """Go to the worktree, or the place in the diff, that holds `text`."""
        super().find(text)
        self._mean_row()

    def find_next(self) -> None:
        """Go to the next match."""
        super().find_next()
        self._mean_row()

    def find_previous(self) -> None:
        """Go to the match before."""
        super().find_previous()
        self._mean_row()

    def copyable(self) -> dict[str, str]:
        """Return what can be copied of the marked worktrees, else of the selected one."""
        from tui import worth

        return worth.of_worktrees(self.view, sorted(map(str, self.marks)) or [self.view.selected])

    def listing(self) -> Listing:
        """Return the worktrees as a table."""
        head = ("SLOT", "WORKTREE", "STATE", "RUN", "BEST", "GAIN", "SIGMAS", "EXPERIMENTS", "IDEA")
        scene = self.view.scene
        return Listing(head, tuple(cells(row, scene) for row in scene.overview.rows))

    def target(self, scene: Scene) -> Target | None:
        """Return the selected worktree's candidate."""
        return target_of_row(scene, self.view.selected)

    def marked_rows(self, scene: Scene) -> tuple[WorktreeRow, ...]:
        """Return the marked worktrees."""
        return tuple(row for row in scene.overview.rows if row.worktree in self.marks)

    def marked_targets(self, scene: Scene) -> tuple[Target, ...]:
        """Return the candidate of each marked worktree that has one: a READY one where there is."""
        found = (own_target(scene, row.worktree) for row in self.marked_rows(scene))
        return tuple(target for target in found if target)

    def _move(self, delta: int) -> None:
        if not self.rows.count():
            self.welcome.move(delta)
        self.rows.move(delta)
        self._mean_row()

    def _mean_row(self) -> None:
        """Let all screens mean the row that the cursor went to."""
        if row := self.rows.selected:
            self.view.select(row.worktree)

    def _open(self) -> None:
        """Open what the pane with the focus is about; before there are worktrees do the step under the cursor."""
        if not self.view.scene.overview.rows:
            self.beginner.do(self.welcome.selected)
            return
        self.view.go({"events": "events", "queue": "queue"}.get((self.mover.pane or self.rows).id or "", "worktree"))


def cells(row: WorktreeRow, scene: Scene) -> tuple[str, ...]:
    """Return one worktree as cells."""
    numbers = (fmt.score(row.best), fmt.gain(row.gain), fmt.sigmas(row.z), str(row.experiments))
    return row.slot, row.worktree, row.state, run_cell(row, scene)[0], *numbers, row.idea


def waiting(scene: Scene) -> str:
    """Return why no experiment has a score yet."""
    if calibration := scene.overview.calibration:
        done, wanted = calibration
        why = f"the spread of these {wanted} runs is the noise that every gain is measured against"
        return f"Calibration {done} of {wanted}: trunk is trained with different seeds; {why}. Experiments follow."
    return "No experiment has a score yet."
