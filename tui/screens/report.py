"""Screen 7: what happened while nobody looked, in ten lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentcore import format as fmt
from tui import layout
from tui.exporting import Maker, plot
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.widgets.pane import Pane
from tui.widgets.progress import ProgressPane
from tui.widgets.report import AnswerPane, AnswersList

if TYPE_CHECKING:
    from agentcore.report import Report
    from tui.view import View

AGAIN_S = 10.0
"""How often the answers are looked up again while the screen is open."""


class ReportScreen(BaseScreen):
    """The ten answers, the plot, and what stands behind the selected answer."""

    NAME = "report"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.answers = AnswersList(view.look)
        self.progress = ProgressPane(view.look)
        self.detail = AnswerPane(view.look)
        self._read_at: float | None = None

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return self.answers, self.progress, self.detail

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        narrow = width < layout.WIDE
        self.answers.frame = "bare" if narrow else "box"
        self.progress.frame = self.detail.frame = "rule" if narrow else "box"
        return layout.report(width, height, self.answers.count() or 1)

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            "down": lambda: self._move(1),
            "above": lambda: self._move(-1),
            "first": lambda: self._move(-self.answers.count()),
            "last": lambda: self._move(self.answers.count()),
            "page-down": lambda: self.detail.page(1),
            "page-up": lambda: self.detail.page(-1),
            "scroll-down": lambda: self.detail.scroll_by(1),
            "scroll-up": lambda: self.detail.scroll_by(-1),
            "open-answer": self._open,
        }

    def show(self, scene: Scene) -> None:
        """Hand the newest answers to the panes, and have them looked up again now and then."""
        if self._read_at is None or scene.now - self._read_at >= AGAIN_S:
            self._read_at = scene.now
            self.view.reading.look_up_report()
        report = self.view.reading.report
        self.answers.report = self.detail.report = report
        self.detail.chosen = self.answers.cursor
        self.progress.progress, self.progress.experiments = scene.progress, scene.overview.experiments
        self.progress.waiting = "no experiment has a score yet"
        if report:
            self.bar.about = self._about(scene, report)

    def _about(self, scene: Scene, report: Report) -> str:
        """Return which time it is about, and where its file lies if the engine has written one and there is room."""
        length = fmt.duration(report.until - report.since)
        text = f"{fmt.clock(report.since)} to {fmt.clock(report.until)}, {length}"
        saved = scene.state.saved
        if saved is None or saved.since < report.since:
            return text
        whole = f"{text}  saved: {saved.path}"
        return whole if len(whole) + len(f" 7 {self.NAME}  ") < self.size.width else text

    def exportable(self) -> dict[str, Maker]:
        """Return the report as Markdown and as JSON, and the plot that belongs to it."""
        from agentcore.report import file  # here: only who takes it along needs it

        report = self.view.reading.report
        if report is None:
            return {}
        body = {"schema": file.SCHEMA, **file.as_object(report)}
        return {
            "m": lambda: file.markdown(report),
            "j": lambda: json.dumps(body, indent=2, ensure_ascii=False),
            "p": plot(self.view.scene),
        }

    def _move(self, delta: int) -> None:
        self.answers.move(delta)
        self.paint()

    def _open(self) -> None:
        report = self.view.reading.report
        if report is None:
            self.say("the journal is still being read")
        else:
            self.view.go(report.answers[self.answers.cursor].screen)
