"""Screen 3: the merge queue, what was merged, and what the selected candidate rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from agentcore import format as fmt
from agentcore.overview import QueueRow, WorktreeRow
from agentcore.queue.merged import MergedRow
from agentcore.queue.upcoming import upcoming
from agentcore.retest.verdicts import retest_rows
from tui import layout
from tui.bindings import Situation, Target
from tui.exporting import Listing
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.screens.moving import FAR
from tui.screens.targets import target_of
from tui.sheets import retest
from tui.widgets.diff import DiffPane
from tui.widgets.evidence import EvidencePane
from tui.widgets.pane import Pane
from tui.widgets.pipeline import PipelinePane, brief
from tui.widgets.queue import HistoryPane, MergedList, QueueList, seeds_cell
from tui.widgets.retests import ScatterPane

if TYPE_CHECKING:
    from tui.view import View

PREVIEW_LINES = 5

Row = QueueRow | MergedRow


class QueueScreen(BaseScreen):
    """The candidates in the order of merging, then the merges: one cursor goes through both."""

    NAME = "queue"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        look = view.look
        self.candidates = QueueList(look)
        self.merged = MergedList(look)
        self.evidence = EvidencePane(look, view.reading.change_of)
        self.diff = DiffPane(look, id="diff")
        self.scatter = ScatterPane(look)
        self.history = HistoryPane(look)
        self.pipeline = PipelinePane(look)
        self._cursor = 0
        """Its place in both lists together."""
        self._held: int | None = None
        """The candidate that it is on: it stays there when others come and go."""

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        own = (self.candidates, self.merged, self.evidence, self.diff)
        return *own, self.scatter, self.history, self.pipeline

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        wide = width >= layout.WIDE
        self.candidates.frame = "box" if wide else "bare"
        for pane in (self.merged, self.evidence, self.diff, self.scatter, self.history, self.pipeline):
            pane.frame = "box" if wide else "rule"
        return layout.queue(width, height, self.candidates.count(), self.merged.count())

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            **self.mover.actions(self._move, self.candidates),
            "scroll-down": lambda: self.diff.scroll_by(PREVIEW_LINES),
            "scroll-up": lambda: self.diff.scroll_by(-PREVIEW_LINES),
            "next-hunk": lambda: self.say(self.diff.hunk(1)),
            "previous-hunk": lambda: self.say(self.diff.hunk(-1)),
            "split": self.diff.split,
            "verify": lambda: self.asker.decide("verify"),
            "hold": self._hold,
            "reconfirm": lambda: self.asker.decide("reconfirm"),
            "earlier": lambda: self._step(-1),
            "later": lambda: self._step(1),
            "take-out": self.asker.take_out,
            "retest-now": lambda: self.cover.open_sheet(retest.question),
            "shell": self._shell,
            "open": self._open,
            "diff": self._read,
        }

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""
        self.candidates.marks = self.merged.marks = self.marks
        self.candidates.feed(scene)
        self.merged.feed(scene)
        self._keep_cursor()
        row, coming = self.selected, upcoming(scene.state, scene.live)
        self.merged.aside = brief(coming) if self.merged.frame == "rule" else "retest size: " + size_of(scene)
        self.evidence.state, self.evidence.row = scene.state, row
        self.scatter.rows = retest_rows(scene.state)
        self.history.state = self.pipeline.state = scene.state
        self.pipeline.upcoming = coming
        self.diff.empty = "reading" if row else "no candidate is selected"
        change = self.view.reading.change_of(row.experiment) if row else None
        self.diff.show(change, subject=f"{row.worktree} #{row.experiment}" if row else "diff")

    def ring(self) -> Iterable[Pane]:
        """Return the list and the change."""
        return self.candidates, self.diff

    def filter_by(self, text: str) -> None:
        """List only what holds `text`."""
        self.candidates.wanted = self.merged.wanted = text
        self.paint()

    @property
    def rows(self) -> tuple[Row, ...]:
        """All that is listed."""
        return (*self.candidates.rows, *self.merged.rows)

    @property
    def selected(self) -> Row | None:
        """What is under the cursor."""
        return self.rows[self._cursor] if self._cursor < len(self.rows) else None

    @property
    def marked(self) -> list[int]:
        """The marked ones, in the order in which they are listed."""
        return [row.experiment for row in self.rows if row.experiment in self.marks]

    def under_cursor(self) -> object | None:
        """Return the selected candidate's number."""
        return self.selected.experiment if self.selected else None

    def copyable(self) -> dict[str, str]:
        """Return what can be copied of the marked candidates, else of the selected one."""
        from tui import worth

        return worth.of_experiments(self.view, self.marked or ([self.selected.experiment] if self.selected else []))

    def listing(self) -> Listing:
        """Return what is listed."""
        head = ("STATE", "WORKTREE", "EXPERIMENT", "GAIN", "SIGMAS", "SEEDS", "IDEA", "WHY")
        return Listing(head, tuple(cells(row) for row in self.rows))

    def target(self, scene: Scene) -> Target | None:
        """Return the selected candidate, and never another one."""
        return target_of(scene, self.selected.experiment) if self.selected else None

    def situation(self) -> Situation:
        """Return what permissions depend on: the worktree is the candidate's."""
        found = super().situation()
        return replace(found, row=self.view.scene.row(self.selected.worktree)) if self.selected else found

    def marked_targets(self, scene: Scene) -> tuple[Target, ...]:
        """Return the marked candidates."""
        return tuple(target for number in self.marked if (target := target_of(scene, number)))

    def marked_rows(self, scene: Scene) -> tuple[WorktreeRow, ...]:
        """Return the worktrees of the marked candidates."""
        names = {target.worktree for target in self.marked_targets(scene)}
        return tuple(row for row in scene.overview.rows if row.worktree in names)

    def select(self, experiment: int) -> None:
        """Put the cursor on a candidate."""
        self._held = experiment
        self.paint()

    def _keep_cursor(self) -> None:
        """Leave the cursor on its candidate, wherever that is listed now."""
        numbers = [row.experiment for row in self.rows]
        if self._held in numbers:
            self._cursor = numbers.index(self._held)
        self._put_cursor(self._cursor)

    def _put_cursor(self, place: int) -> None:
        first = self.candidates.count()
        self._cursor = max(0, min(len(self.rows) - 1, place))
        self.candidates.has_cursor = self._cursor < first
        self.merged.has_cursor = not self.candidates.has_cursor
        self.candidates.cursor, self.merged.cursor = self._cursor, max(0, self._cursor - first)
        self._held = self.selected.experiment if self.selected else self._held

    def _move(self, delta: int) -> None:
        self._put_cursor(self._cursor + max(-FAR, min(FAR, delta)))
        self.paint()

    def _step(self, steps: int) -> None:
        if row := self.selected:
            self.view.sender.ask("move", {"experiment": row.experiment, "by": steps})

    def _hold(self) -> None:
        """Hold candidates; where all of them are HELD already, let them go on."""
        targets = self.situation().targets
        free = [each.experiment for each in targets if each.state != "HELD"]
        self.view.sender.decide("hold" if free else "unhold", free or [each.experiment for each in targets])
        self.spend_marks()

    def _shell(self) -> None:
        """Open a shell where the candidate's agent works."""
        if row := self.selected:
            self.view.select(row.worktree)
        self.view.lender.shell()

    def _open(self) -> None:
        if row := self.selected:
            self.view.open_experiments([row.experiment])
        else:
            self.say("there is no candidate to open")

    def _read(self) -> None:
        if row := self.selected:
            self.view.read_candidate(row.experiment)
        else:
            self.say("there is no candidate to read")


def size_of(scene: Scene) -> str:
    """Return at which size trunk is tried again."""
    settings = scene.state.retest_settings
    return f"{settings.scale} times" if settings.budget else "none"


def cells(row: Row) -> tuple[str, ...]:
    """Return one candidate as cells."""
    numbers = (str(row.experiment), fmt.gain(row.gain), fmt.sigmas(row.z))
    if isinstance(row, MergedRow):
        return row.state, row.worktree, *numbers, "", row.idea, row.retest
    return row.state, row.worktree, *numbers, seeds_cell(row), row.idea, row.reason
