"""The ten answers of the report, and what stands behind the selected one."""

from __future__ import annotations

from agentcore.report import Report
from tui.lines import Line, clip, wrap
from tui.theme import Theme
from tui.widgets.pane import ListPane, TextPane

QUESTION = 15
"""Cells of a question."""


class AnswersList(ListPane):
    """Ten lines; the cursor chooses the one whose detail is shown."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="answers", frame="bare")
        self.report: Report | None = None

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        return "report", ""

    def count(self) -> int:
        """Return ten, or none before the journal is read."""
        return len(self.report.answers) if self.report else 0

    def item(self, index: int, width: int) -> Line:
        """Return one question with its answer."""
        assert self.report is not None, "there are items only then"
        answer = self.report.answers[index]
        question, text = f"{answer.question:<{QUESTION}}", clip(answer.text, width - QUESTION - 3)
        return self.lit(index, ((self.sign(index, index), "bold"), (question, "grey"), (text, "text")), width)

    def footer(self, width: int) -> list[Line]:
        """Say that the answers are still being looked up."""
        return [] if self.report else [((" reading the journal", "grey"),)]


class AnswerPane(TextPane):
    """The whole of the selected answer, and what stands behind it."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="detail", frame="rule")
        self.report: Report | None = None
        self.chosen = 0
        self._lines: list[Line] = []
        self._made: tuple[Report | None, int, int] | None = None

    def head(self) -> tuple[str, str]:
        """Return the question, and how to get to where the answer comes from."""
        if self.report is None:
            return "", ""
        answer = self.report.answers[self.chosen]
        return answer.question, f"enter: {answer.screen}"

    def count(self) -> int:
        """Return the number of lines."""
        self._lay_out()
        return len(self._lines)

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        return self._lines[index]

    def _lay_out(self) -> None:
        """Break the texts into lines, once for each answer and width."""
        width = self.inner()[0]
        made = (self.report, self.chosen, width)
        if self._made == made or width < 10:
            return
        if self._made is None or self._made[1] != self.chosen:
            self.top = 0
        self._made = made
        answer = self.report.answers[self.chosen] if self.report else None
        self._lines = [((f" {part}", "bold"),) for part in wrap(answer.text, width - 2)] if answer else []
        for text in answer.detail if answer else ():
            self._lines += [((f" {part}", "text"),) for part in wrap(text, width - 2)]
