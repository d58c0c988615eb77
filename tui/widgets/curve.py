"""How does a run's training go, beside trunk's run at the same share of the budget?"""

from __future__ import annotations

from functools import partial
from math import log10

from agentcore import format as fmt
from agentcore.results.curve import Curve, Reading, curve, measured, reading
from tui.axis import FINER_SCORES, Writer, labels
from tui.canvas import FIRST, OTHERS, draw
from tui.curves import Points
from tui.lines import Line, clip
from tui.theme import Theme
from tui.widgets.pane import Pane

MARGIN = 9
"""Cells left of the axis."""

SETTLED = 0.05
"""The axis need not reach what was before this share of the budget: a loss falls from the sky."""

TICKS = (0, 25, 50, 75, 100)
"""Percent of the budget with a number below the axis."""

EVERY = 4
"""Rows from one number of the upright axis to the next."""


class CurvePane(Pane):
    """One metric of a run over the budget, with its numbers in words."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="curve")
        self.own: Points = ()
        self.rival: Points = ()
        self.run: int | None = None
        self.rival_run: int | None = None
        self.is_over = False
        """True where no more points come."""
        self.metric = "loss"
        self.is_log = False
        self._drawn: tuple[object, ...] = ()
        self._lines: list[Line] = []

    def show(self, own: Points, rival: Points, run: int | None, rival_run: int | None) -> None:
        """Show the points of a run and of the run of trunk that it is compared with."""
        self.own, self.rival, self.run, self.rival_run = own, rival, run, rival_run
        self.paint()

    def next_metric(self) -> str:
        """Show the next of what this run measures; return what to say where there is but one."""
        names = measured(self.own)
        if len(names) < 2:
            return "this run measures nothing else"
        self.metric = names[(names.index(self.metric) + 1) % len(names)] if self.metric in names else names[0]
        self.paint()
        return ""

    def change_scale(self) -> None:
        """Change between an even and a logarithmic axis."""
        self.is_log = not self.is_log
        self.paint()

    def head(self) -> tuple[str, str]:
        """Return metric and scale, and which curve is which."""
        smoothed = " (smoothed)" if self.metric == "loss" else ""
        scale = ", log" if self.is_log else ""
        first, others = (FIRST, OTHERS) if self.look.ascii else ("•", "·")
        legend = f"{first} run {self.run}" if self.run is not None else ""
        if self.rival_run is not None:
            legend += f"   {others} trunk, run {self.rival_run}"
        return f"curve {self.metric}{smoothed}{scale}", legend

    def body(self, width: int, height: int) -> list[Line]:
        """Return the words, and the plot where there is room for one."""
        key = (self.own, self.rival, self.metric, self.is_log, width, height)
        if not self._drawn or any(a is not b and a != b for a, b in zip(self._drawn, key, strict=True)):
            self._drawn, self._lines = key, self._draw(width, height)
        return self._lines

    def courses(self) -> tuple[Curve, Curve]:
        """Return the curves that are shown: the run's and trunk's."""
        return curve(self.own, self.metric), curve(self.rival, self.metric)

    def words(self) -> str:
        """Return where the run is now, and where trunk's run was then: `at 61%: 3.0912, trunk here 3.0953`."""
        own, other = self.courses()
        return said(self.metric, now) if (now := reading(own, other)) else ""

    def _draw(self, width: int, height: int) -> list[Line]:
        own, other = self.courses()
        if not own:
            return [((f" {self._missing()}", "grey"),)]
        words: Line = ((clip(f" {self.words()}", width), "text"),)
        rows, columns = height - 3, width - MARGIN - 1
        if rows < 2 or columns < 10:
            return [words]
        low, high = _range(own, other)
        is_log = self.is_log and low > 0
        scale = log10 if is_log else float
        courses = [tuple((x, scale(y)) for x, y in each if y > 0 or not is_log) for each in (own, other)]
        bottom, top = scale(low), scale(high)
        roles = ("run", "grey")
        drawn = draw(list(zip(courses, roles, strict=True)), columns, rows, bottom, top, plain=self.look.ascii)
        lines = [words]
        last = rows - 1
        numbered = [row for row in range(rows) if row == last or (row % EVERY == 0 and last - row >= EVERY // 2)]
        values = [top - (top - bottom) * row / last for row in numbered]
        values = [10**value if is_log else value for value in values]
        names = dict(zip(numbered, labels(values, partial(written, self.metric), finer(self.metric)), strict=True))
        for row, line in enumerate(drawn):
            name, shown = names.get(row, ""), row in names
            lines.append(((f"{name:>{MARGIN - 1}} ", "grey"), ("┤" if shown else "│", "frame"), *line))
        return [*lines, *_axis(columns)]

    def _missing(self) -> str:
        if self.run is None:
            return "no run yet"
        if measured(self.own):
            return f"run {self.run} tells no {self.metric}"
        return f"run {self.run} left no curve" if self.is_over else "waiting for the first step"


def said(metric: str, now: Reading) -> str:
    """Return a reading in words."""
    here = f"at {fmt.share(now.share)}: {written(metric, now.value)}"
    return here + (f", trunk here {written(metric, now.rival)}" if now.rival is not None else "")


def written(metric: str, value: float) -> str:
    """Write a value of a metric."""
    match metric:
        case "loss":
            return f"{value:.4f}"
        case "mfu":
            return f"{100 * value:.1f}%"
        case "memory":
            return fmt.memory(value)
    return fmt.rate(value)


def finer(metric: str) -> tuple[Writer, ...]:
    """Return how values of a metric are written where they are nearly the same."""
    match metric:
        case "loss":
            return FINER_SCORES
        case "mfu":
            return (lambda value: f"{100 * value:.2f}%", lambda value: f"{100 * value:.3f}%")
        case "memory":
            return ("{:.0f}M".format, "{:.1f}M".format)
    return ("{:.0f}".format, "{:.1f}".format)


def _range(own: Curve, other: Curve) -> tuple[float, float]:
    """Return the lowest and the highest value that is worth a place."""
    values = [value for course in (own, other) for share, value in course if share >= SETTLED]
    values = values or [value for course in (own, other) for _, value in course]
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - (abs(low) * 0.01 or 0.001), high + (abs(high) * 0.01 or 0.001))


def _axis(columns: int) -> list[Line]:
    places = {round(tick / 100 * (columns - 1)): f"{tick}%" for tick in TICKS}
    bar = "".join("┴" if column in places else "─" for column in range(columns))
    names = [" "] * (MARGIN + 1 + columns)
    for column, name in places.items():
        start = min(MARGIN + 1 + column, len(names) - len(name))
        names[start : start + len(name)] = name
    return [((" " * MARGIN + "└" + bar, "frame"),), (("".join(names), "grey"),)]
