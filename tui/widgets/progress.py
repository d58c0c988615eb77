"""The course of the lab as a plot made of text: kept and dropped scores, and a step line along the best."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10

from agentcore import format as fmt
from agentcore.results.progress import Progress
from tui.axis import FINER_SCORES, SCORE, Writer, labels
from tui.lines import Line, wrap
from tui.theme import Theme
from tui.widgets.pane import Pane

MARGIN = 9
"""Cells left of the axis."""

SPAN = 20
"""The axis holds at least this many experiments, so that the first ones do not jump about."""

ROOMY = 95
"""From this width on the legend stands beside the marked experiment."""

MARK = "#"
"""What stands in the place of the experiment that is selected, reversed."""

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


class ProgressPane(Pane):
    """The plot with its title."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="progress")
        self.progress = Progress()
        self.experiments = 0
        self.measure = ""
        """What is drawn, where it is not the score."""
        self.write: Writer = SCORE
        self.is_log = False
        self.marked: int | None = None
        """The experiment whose place is shown."""
        self.waiting = ""
        """Why there is nothing to draw yet."""
        self._drawn: tuple[Progress, tuple[int, int, bool], list[Line]] | None = None
        self._index: dict[int, int] = {}

    def head(self) -> tuple[str, str]:
        """Return the counts, and the legend."""
        kept, points = self.progress.kept, self.progress.points
        write = self.write if self.measure else fmt.score
        best = f", best {write(self.progress.best)}" if points and self.progress.best is not None else ""
        counts = f"{fmt.count(self.experiments, 'experiment')}, {kept} kept{best}"
        scale, legend = " (log)" if self.is_log else "", "● kept  · dropped  ─ best"
        if self.marked is not None:
            place = self.index()
            value = write(points[place].score) if place is not None else "is not in the plot"
            mark = f"{MARK}{self.marked} {value}"
            legend = f"{legend}  {mark}" if self.size.width >= ROOMY else mark
        return f"{self.measure or 'progress'}{scale}: {counts}", legend

    def index(self) -> int | None:
        """Return the place of the marked experiment among the points; None where it has none."""
        points = self.progress.points
        if len(self._index) != len(points) or (points and self._index.get(points[-1].experiment) != len(points) - 1):
            self._index = {point.experiment: index for index, point in enumerate(points)}
        return None if self.marked is None else self._index.get(self.marked)

    def body(self, width: int, height: int) -> list[Line]:
        """Return the plot."""
        if not self.progress.points:
            return [((f" {part}", "grey"),) for part in wrap(self.waiting, width - 2)]
        drawn, shape = self._drawn, (width, height, self.is_log)
        if drawn is None or drawn[0] is not self.progress or drawn[1] != shape:
            lines = plot(self.progress, width - 1, height, write=self.write, is_log=self.is_log)
            drawn = self._drawn = (self.progress, shape, lines)
        place = self.index()
        if place is None or not drawn[2]:
            return drawn[2]
        axes = Axes(self.progress, width - 1, height, self.is_log)
        row, column = axes.row(self.progress.points[place].score), MARGIN + axes.column(place)
        return [put(line, column, MARK) if number == row else line for number, line in enumerate(drawn[2])]


class Axes:
    """Which cell of the plot a point belongs to. On a logarithmic axis what is not above zero lies at the lower end."""

    def __init__(self, progress: Progress, width: int, height: int, is_log: bool) -> None:
        self.is_numbered = height >= 8
        self.rows, self.columns = height - (2 if self.is_numbered else 1), width - MARGIN
        self.span = max(len(progress.points) - 1, SPAN - 1)
        positive = [point.score for point in progress.points if point.score > 0] if is_log else []
        self._is_log = bool(positive)
        self._low, self._high = progress.low, progress.high
        if self._is_log:
            self._floor = progress.low if progress.low > 0 else min(positive)
            self._low, self._high = log10(self._floor), log10(max(progress.high, 2 * self._floor))

    def column(self, index: int) -> int:
        """Return the column of the point at `index`."""
        return round(index * (self.columns - 1) / self.span)

    def row(self, score: float) -> int:
        """Return the row of a score; one outside of the range lies at the edge."""
        value = log10(max(score, self._floor)) if self._is_log else score
        share = (self._high - value) / (self._high - self._low)
        return max(0, min(self.rows - 1, round(share * (self.rows - 1))))

    def score(self, row: int) -> float:
        """Return the score that a row stands for."""
        value = self._high - (self._high - self._low) * row / (self.rows - 1)
        return float(10**value) if self._is_log else value


def plot(
    progress: Progress,
    width: int,
    height: int,
    *,
    write: Writer = SCORE,
    is_log: bool = False,
) -> list[Line]:
    """Draw `progress` into `width` by `height` cells; the axis has numbers from eight lines on."""
    axes = Axes(progress, width, height, is_log)
    if axes.rows < 2 or axes.columns < 10:
        return []
    grid = [[(" ", "text")] * axes.columns for _ in range(axes.rows)]
    places = [axes.column(index) for index in range(len(progress.points))]
    for point, column in zip(progress.points, places, strict=True):
        if not point.kept:
            grid[axes.row(point.score)][column] = ("·", "grey")
    start = progress.points[0].best if progress.baseline is None else progress.baseline
    bests = dict(zip(places, (point.best for point in progress.points), strict=True))  # the last one of a column counts
    _draw_best(grid, axes.row(start), {column: axes.row(best) for column, best in bests.items()})
    for point, column in zip(progress.points, places, strict=True):
        if point.kept:
            grid[axes.row(point.score)][column] = ("●", "good")
    every = 1 if axes.rows <= 6 else 3
    numbered = [row for row in range(axes.rows) if _is_numbered(row, axes.rows, every)]
    values, finer = [axes.score(row) for row in numbered], FINER_SCORES if write is SCORE else ()
    names = dict(zip(numbered, labels(values, write, finer), strict=True))
    lines = [_labelled(names.get(row), grid[row]) for row in range(axes.rows)]
    return [*lines, *_axis(axes.span, axes.columns, axes.is_numbered)]


def put(line: Line, column: int, glyph: str) -> Line:
    """Return `line`, whose glyphs are all one cell wide, with one cell replaced by `glyph`, reversed."""
    result: list[tuple[str, str]] = []
    for text, role in line:
        if 0 <= column < len(text):
            parts = ((text[:column], role), (glyph, "blink"), (text[column + 1 :], role))
            result += [part for part in parts if part[0]]
        else:
            result.append((text, role))
        column -= len(text)
    return tuple(result)


def _draw_best(grid: list[list[tuple[str, str]]], row: int, bests: Mapping[int, int]) -> None:
    """Draw the step line from `row` on along {column: row of the best}."""
    for column in range(max(bests) + 1):
        best = bests.get(column, row)
        if best == row:
            grid[row][column] = ("─", "good")
            continue
        down = best > row
        grid[row][column] = ("┐" if down else "┘", "good")
        for between in range(min(row, best) + 1, max(row, best)):
            grid[between][column] = ("│", "good")
        grid[best][column] = ("└" if down else "┌", "good")
        row = best


def _is_numbered(row: int, rows: int, every: int) -> bool:
    return row == rows - 1 or (row % every == 0 and (rows - 1 - row >= every or every == 1))


def _labelled(name: str | None, cells: list[tuple[str, str]]) -> Line:
    """Return one row of the plot; `name` is None where it has no number."""
    head = f" {name or ''}"[: MARGIN - 1]
    return ((f"{head:<{MARGIN - 1}}", "grey"), ("│" if name is None else "┤", "frame"), *_merged(cells))


def _axis(span: int, columns: int, numbered: bool) -> list[Line]:
    step = next((step for step in STEPS if step * (columns - 1) / span >= 10), STEPS[-1])
    ticks = {round(number * (columns - 1) / span): number for number in range(0, span + 1, step)}
    ticks = {column: number for column, number in ticks.items() if column + len(str(number)) <= columns}
    bar = "".join("┴" if column in ticks else "─" for column in range(columns))
    lines: list[Line] = [((" " * (MARGIN - 1) + "└" + bar, "frame"),)]
    if numbered:
        names = [" "] * (MARGIN + columns)
        for column, number in ticks.items():
            text = str(number)
            names[MARGIN + column : MARGIN + column + len(text)] = text
        lines.append((("".join(names), "grey"),))
    return lines


def _merged(cells: list[tuple[str, str]]) -> Line:
    """Return adjacent cells of one role as one span."""
    spans: list[tuple[str, str]] = []
    for text, role in cells:
        if spans and spans[-1][1] == role:
            spans[-1] = (spans[-1][0] + text, role)
        else:
            spans.append((text, role))
    return tuple(spans)
