"""Every experiment with its outcome, as a table, and what is known of the selected one in a few lines."""

from __future__ import annotations

from collections.abc import Sequence

from agentcore import format as fmt
from agentcore.results.file import minutes
from agentcore.results.rows import COLUMNS, Column, ResultRow, became
from agentcore.state import LabState
from tui.lines import BLANK, Line, fit, flush, wrap
from tui.theme import OUTCOMES, Theme
from tui.widgets.keyed import KeyedList
from tui.widgets.pane import Pane
from tui.widgets.rows import gain_role

LEAD, NUMBER, WORKTREE, OUTCOME = 2, 4, 4, 11
SCORE, GAIN, SIGMA, MEMORY, MINUTES, LINES = 6, 7, 4, 4, 4, 7
"""Cells of the columns."""

IDEA = 14
"""The idea has at least so many cells; before that memory and minutes are left out, then the lines."""


class ResultsList(KeyedList[ResultRow]):
    """The rows in the order that they are given, with a cursor and marks; only visible ones are built."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="results", heavy=True)
        self.by: Column = COLUMNS[0]
        self.is_rising = False
        self._number = NUMBER
        """Cells of an experiment's number."""
        self.sought = ""
        """What was filtered by."""
        self.empty = ""
        """Why there is no row."""

    def key(self, row: ResultRow) -> int:
        """Return its experiment's number."""
        return row.experiment

    def feed(self, rows: Sequence[ResultRow]) -> None:
        """Show these rows, with as many digits as the largest number has."""
        super().feed(rows)
        self._number = max(NUMBER, len(str(max((row.experiment for row in rows), default=0))))

    def head(self) -> tuple[str, str]:
        """Return how many there are, and the order."""
        sought = f" with {self.sought}" if self.sought else ""
        return fmt.count(len(self.rows), "experiment") + sought, f"by {self.by.name} {self.arrow}"

    def header(self, width: int) -> list[Line]:
        """Return the column titles; an arrow stands at the one that the rows are ordered by."""
        has_run, has_lines = _shown(width, self._number)
        titles = {each.name: each.title for each in COLUMNS}
        titles[self.by.name] += self.arrow
        cells = [flush(titles["time"], self._number), fit("WT", WORKTREE), fit("OUTCOME", OUTCOME)]
        cells += [flush(titles["score"], SCORE), flush(titles["gain"], GAIN), flush(titles["sigma"], SIGMA)]
        if has_run:
            cells += [flush(titles["memory"], MEMORY), flush(titles["minutes"], MINUTES)]
        cells += [flush(titles["lines"], LINES)] if has_lines else []
        return [((" " * LEAD + " ".join([*cells, "IDEA"]), "grey"),)]

    def item(self, index: int, width: int) -> Line:
        """Return the line of one experiment."""
        row, (has_run, has_lines) = self.rows[index], _shown(width, self._number)
        glyph, role, _ = OUTCOMES[row.outcome]
        measured = f"{flush(fmt.gain(row.gain), GAIN)} {flush(fmt.sigmas(row.z), SIGMA)}"
        rest = f" {flush(fmt.memory(row.peak_mb or None), MEMORY)} {flush(minutes(row), MINUTES)}" if has_run else ""
        rest += f" {flush(fmt.change(row.added, row.removed), LINES)}" if has_lines else ""
        line: Line = (
            (self.sign(index, row.experiment), "bold"),
            (f"{flush(str(row.experiment), self._number)} {fit(row.worktree, WORKTREE)} ", "text"),
            (fit(f"{glyph} {row.outcome.upper()}", OUTCOME), role),
            (f" {flush(fmt.score(row.score), SCORE)} ", "text"),
            (measured, gain_role(row.gain, row.z)),
            (f"{rest} ", "text"),
            (row.hypothesis, "text"),
        )
        return self.lit(index, line, width)

    def body(self, width: int, height: int) -> list[Line]:
        """Return the table, or why it is empty."""
        if not self.rows:
            return [BLANK, *(((f" {part}", "text"),) for part in wrap(self.empty, width - 2))]
        return super().body(width, height)

    @property
    def arrow(self) -> str:
        """The direction of the order."""
        return "▲" if self.is_rising else "▼"


class ResultPane(Pane):
    """The hypothesis, why it ended as it did, and what became of it in the queue."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="detail", frame="rule")
        self.state = LabState()
        self.row: ResultRow | None = None

    def head(self) -> tuple[str, str]:
        """Return whose they are, and the outcome."""
        if self.row is None:
            return "", ""
        return f"#{self.row.experiment} {self.row.worktree} {self.row.agent}", fmt.clock(self.row.decided)

    def body(self, width: int, height: int) -> list[Line]:
        """Return the lines: what came of it never gives way to a long hypothesis."""
        if self.row is None:
            return []
        glyph, role, meaning = OUTCOMES[self.row.outcome]
        came = "; ".join(each for each in (self.row.reason, became(self.state, self.row.experiment)) if each)
        word = f" {glyph} {self.row.outcome.upper()} "
        parts = wrap(came or meaning, width - len(word) - 1)[: max(1, height - 1)]
        below: list[Line] = [((word, role), (parts[0], "text"))]
        below += [((" " * len(word), "text"), (part, "text")) for part in parts[1:]]
        above = wrap(self.row.hypothesis, width - 2)
        room = max(1, height - len(below))
        if len(above) > room:
            above[room - 1 :] = [" ".join(above[room - 1 :])]
        return [*(((f" {part}", "text"),) for part in above), *below]


def _shown(width: int, number: int) -> tuple[bool, bool]:
    """Return whether memory and minutes have room, and whether the size of the change has."""
    fixed = LEAD + number + WORKTREE + OUTCOME + SCORE + GAIN + SIGMA + 6
    has_lines = fixed + LINES + 1 + IDEA <= width
    return fixed + LINES + MEMORY + MINUTES + 3 + IDEA <= width, has_lines
