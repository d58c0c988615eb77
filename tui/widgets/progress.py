"""The course of the lab as a plot made of text: kept and dropped scores, and a step line along the best."""

from __future__ import annotations

from agentcore.progress import Progress
from tui import format as fmt
from tui.lines import Line, wrap
from tui.theme import Theme
from tui.widgets.pane import Pane

MARGIN = 9
"""Cells left of the axis."""

SPAN = 20
"""The axis holds at least this many experiments, so that the first ones do not jump about."""

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


class ProgressPane(Pane):
    """The plot with its title."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="progress")
        self.progress = Progress()
        self.experiments = 0
        self.waiting = ""
        """Why there is nothing to draw yet."""
        self._drawn: tuple[Progress, int, int, list[Line]] | None = None

    def head(self) -> tuple[str, str]:
        """Return the counts, and the legend."""
        kept = self.progress.kept
        best = f", best {fmt.score(self.progress.best)}" if self.progress.points else ""
        return f"progress: {fmt.count(self.experiments, 'experiment')}, {kept} kept{best}", "● kept  · dropped  ─ best"

    def body(self, width: int, height: int) -> list[Line]:
        """Return the plot."""
        if not self.progress.points:
            return [((f" {part}", "grey"),) for part in wrap(self.waiting, width - 2)]
        drawn = self._drawn
        if drawn is None or drawn[0] is not self.progress or drawn[1:3] != (width, height):
            drawn = self._drawn = (self.progress, width, height, plot(self.progress, width - 1, height))
        return drawn[3]


def plot(progress: Progress, width: int, height: int) -> list[Line]:
    """Draw `progress` into `width` by `height` cells; the axis has numbers from eight lines on."""
    numbered = height >= 8
    rows, columns = height - (2 if numbered else 1), width - MARGIN
    if rows < 2 or columns < 10:
        return []
    grid = [[(" ", "text")] * columns for _ in range(rows)]
    span = max(len(progress.points) - 1, SPAN - 1)
    places = [round(index * (columns - 1) / span) for index in range(len(progress.points))]

    def row_of(score: float) -> int:
        share = (progress.high - score) / (progress.high - progress.low)
        return max(0, min(rows - 1, round(share * (rows - 1))))

    for point, column in zip(progress.points, places, strict=True):
        if not point.kept:
            grid[row_of(point.score)][column] = ("·", "grey")
    start = progress.points[0].best if progress.baseline is None else progress.baseline
    _draw_best(grid, row_of(start), [(c, row_of(p.best)) for c, p in zip(places, progress.points, strict=True)])
    for point, column in zip(progress.points, places, strict=True):
        if point.kept:
            grid[row_of(point.score)][column] = ("●", "good")
    every = 1 if rows <= 6 else 3
    lines = [_labelled(progress, grid, row, every) for row in range(rows)]
    return [*lines, *_axis(span, columns, numbered)]


def _draw_best(grid: list[list[tuple[str, str]]], row: int, bests: list[tuple[int, int]]) -> None:
    """Draw the step line from `row` on along (column, row of the best)."""
    level = dict(bests)  # the last experiment of a column counts
    for column in range(bests[-1][0] + 1):
        best = level.get(column, row)
        if best == row:
            grid[row][column] = ("─", "good")
            continue
        down = best > row
        grid[row][column] = ("┐" if down else "┘", "good")
        for between in range(min(row, best) + 1, max(row, best)):
            grid[between][column] = ("│", "good")
        grid[best][column] = ("└" if down else "┌", "good")
        row = best


def _labelled(progress: Progress, grid: list[list[tuple[str, str]]], row: int, every: int) -> Line:
    score = progress.high - (progress.high - progress.low) * row / (len(grid) - 1)
    shown = row % every == 0 and (row == len(grid) - 1 or len(grid) - 1 - row >= every or every == 1)
    shown = shown or row == len(grid) - 1
    head = f" {score:.4f}"[: MARGIN - 2] if shown else ""
    return ((f"{head:<{MARGIN - 1}}", "grey"), ("┤" if shown else "│", "frame"), *_merged(grid[row]))


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
