"""The retests of screen 5: one row each, a plot of small against large gains, and what stands behind one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentcore import format as fmt
from agentcore.retest.verdicts import Gain, RetestRow
from tui.lines import Line, clip, fit, flush, wrap
from tui.theme import RETESTS, Theme
from tui.widgets.keyed import KeyedList
from tui.widgets.pane import Pane, TextPane

MARGIN = 10
"""Cells left of the plot's axis."""

RUNNING = ("▸", "run")


class RetestList(KeyedList[RetestRow]):
    """The retests, newest first."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="retests", frame="bare")
        self.empty = ""
        """Why there is none."""

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        return "retests", "trunk against the trunk that was last verified"

    def key(self, row: RetestRow) -> int:
        """Return its number."""
        return row.number

    def header(self, width: int) -> list[Line]:
        """Return the heading, or why there is nothing to list."""
        if not self.rows:
            return [((f" {part}", "grey"),) for part in wrap(self.empty, width - 2)]
        return [
            (
                (
                    f"   {'STATE':<11} {'TRUNK':<8} {'SMALL':>7} {'σ':>5}  {'LARGE':>7} {'σ':>5}  MERGES AND VERDICT",
                    "grey",
                ),
            )
        ]

    def item(self, index: int, width: int) -> Line:
        """Return one retest."""
        row = self.rows[index]
        glyph, role = RETESTS[row.word][:2] if row.word in RETESTS else RUNNING
        merges = ", ".join(f"#{number}" for number in row.experiments[:3])
        merges += f" +{len(row.experiments) - 3}" if len(row.experiments) > 3 else ""
        text = (
            f"{glyph} {fit(row.word, 9)} {fit(fmt.short(row.trunk), 8)} {_cell(row.small)}  {_cell(row.large)}  "
            f"{merges}: {row.text}"
        )
        return self.lit(index, ((self.sign(index, row.number), "bold"), (clip(text, width - 3), role)), width)


def _cell(gain: Gain | None) -> str:
    if gain is None:
        return f"{fmt.MISSING:>7} {fmt.MISSING:>5}"
    return f"{flush(fmt.gain(gain.gain), 7)} {flush(fmt.sigmas(gain.z), 5)}"


class ScatterPane(Pane):
    """Small gain (x) against large gain (y): what transfers lies above the line of zero."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="scatter", frame="rule")
        self.rows: Sequence[RetestRow] = ()
        self.selected: int | None = None
        """Number of the retest under the cursor."""

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        return "small gain (x) against large gain (y)", "● proven  · faded  - reverted"

    def body(self, width: int, height: int) -> list[Line]:
        """Return the plot, or what it waits for."""
        points = [(row.small.gain, row.large.gain, row) for row in self.rows if row.small and row.large]
        if not points:
            return [((" no retest has a verdict yet", "grey"),)]
        return scatter(points, self.selected, width - 1, height)


def scatter(
    points: Sequence[tuple[float, float, RetestRow]], selected: int | None, width: int, height: int
) -> list[Line]:
    """Draw (small gain, large gain, retest) into `width` by `height` cells; zero is always on both axes."""
    rows, columns = height - 2, width - MARGIN
    if rows < 3 or columns < 12:
        return []
    left, right = _span([x for x, _, _ in points])
    low, high = _span([y for _, y, _ in points])
    column_of, height_of = _scale(left, right, columns), _scale(low, high, rows)
    zero = rows - 1 - height_of(0.0)
    grid = [[("·", "grey") if row == zero else (" ", "text")] * columns for row in range(rows)]
    for x, y, row in points:
        glyph, role = ("●", "good") if row.word == "PROVEN" else RETESTS.get(row.word, ("·", "grey", ""))[:2]
        over = " selected" if row.number == selected else ""
        grid[rows - 1 - height_of(y)][column_of(x)] = (glyph, role + over)
    lines: list[Line] = []
    for number, cells in enumerate(grid):
        is_labelled = number in (0, zero, rows - 1)
        value = high - (high - low) * number / (rows - 1)
        label = fmt.gain(0.0 if number == zero else value) if is_labelled else ""
        lines.append(((f"{label:>{MARGIN - 2}} ", "grey"), ("┤" if is_labelled else "│", "frame"), *cells))
    lines.append(((" " * (MARGIN - 1) + "└" + "─" * columns, "frame"),))
    ends = f"{fmt.gain(left):<{columns - 8}}{fmt.gain(right):>8}"
    return [*lines, ((" " * MARGIN + ends, "grey"),)]


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of an axis: it holds zero and all values."""
    low, high = min(0.0, *values), max(0.0, *values)
    margin = (high - low) * 0.05 or 0.001
    return (low - margin if low < 0 else 0.0), (high + margin if high > 0 else 0.0)


def _scale(low: float, high: float, cells: int) -> Callable[[float], int]:
    """Return the function from a value to its cell."""
    step = (high - low) / (cells - 1) or 1.0
    return lambda value: max(0, min(cells - 1, round((value - low) / step)))


class RetestDetail(TextPane):
    """What stands behind the selected retest."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="detail", frame="rule")
        self.row: RetestRow | None = None
        self.ideas: Sequence[str] = ()
        """What was merged between the two trunks, a line each."""

    def head(self) -> tuple[str, str]:
        """Return which retest."""
        return (f"retest {self.row.number}" if self.row else ""), ""

    def count(self) -> int:
        """Return the number of lines."""
        return len(self._facts(self.inner()[0]))

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        return self._facts(width)[index]

    def _facts(self, width: int) -> list[Line]:
        if self.row is None or width < 20:
            return []
        row = self.row
        seeds = fmt.count(row.seeds, "seed")
        facts = [
            ("verdict", row.text),
            ("compared", f"{fmt.short(row.base)} with {fmt.short(row.trunk)} at {row.scale} times the size, {seeds}"),
            ("small", _interval(row.small)),
            ("large", _interval(row.large)),
            *([("speed", row.speed_text)] if row.speed_text else []),
            ("by", f"{row.by}, {fmt.clock(row.started)}" + (f" to {fmt.clock(row.ended)}" if row.ended else "")),
            *(("merge", idea) for idea in self.ideas),
        ]
        lines: list[Line] = []
        for label, text in facts:
            for number, part in enumerate(wrap(text, width - 12)):
                lines.append(((f" {label if number == 0 else '':<9} ", "grey"), (clip(part, width - 11), "text")))
        return lines


def _interval(gain: Gain | None) -> str:
    if gain is None:
        return "not known"
    low, high = gain.interval
    return f"{fmt.gain(gain.gain)} ({fmt.sigmas(gain.z)}σ), 95 % within {fmt.gain(low)} and {fmt.gain(high)}"
