"""What is known of an experiment, line by line, and how it trained; of two of them in two columns, and two curves."""

from __future__ import annotations

from itertools import zip_longest

from agentcore import format as fmt
from agentcore.results.curve import reading
from agentcore.results.facts import Facts, pair_title, side_by_side
from tui.canvas import FIRST, OTHERS
from tui.lines import Line, fit, wrap
from tui.theme import Theme
from tui.widgets.curve import CurvePane, written
from tui.widgets.pane import TextPane

LABEL = 9
"""Cells of a label."""

NOTHING: Line = ((" no experiment is open: enter on screen 4 opens one", "grey"),)

NARROW = 24
"""Cells that a text has at least."""


class KnownPane(TextPane):
    """The facts, wrapped; where two differ, both are bold."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="known", heavy=True)
        self.numbers: tuple[int, ...] = ()
        self.facts: tuple[Facts, ...] = ()
        self._lines: list[Line] = []
        self._made: tuple[tuple[Facts, ...], int] | None = None

    def show(self, numbers: tuple[int, ...], facts: tuple[Facts, ...]) -> None:
        """Show one or two experiments."""
        if numbers != self.numbers:
            self.top = 0
        self.numbers, self.facts = numbers, facts
        self.paint()

    def head(self) -> tuple[str, str]:
        """Return which they are."""
        return pair_title(self.numbers), ""

    def count(self) -> int:
        """Return the number of lines in the present width."""
        return len(self._laid_out(self.inner()[0]))

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        return self._laid_out(width)[index]

    def tall(self, width: int) -> int:
        """Return how many lines there are in an area of that width."""
        return len(self._laid_out(width))

    def _laid_out(self, width: int) -> list[Line]:
        if self._made is None or self._made[0] is not self.facts or self._made[1] != width:
            self._lines = one_column(self.facts[0], width) if len(self.facts) == 1 else [NOTHING]
            if len(self.facts) == 2:
                self._lines = two_columns(self.numbers, self.facts[0], self.facts[1], width)
            self._made = (self.facts, width)
        return self._lines


class ComparedCurve(CurvePane):
    """The curve of an experiment's run beside trunk's; of two experiments, both curves."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look)
        self.names: tuple[str, ...] = ()
        """What the curves are called, where the second one is not trunk's."""

    def head(self) -> tuple[str, str]:
        """Return metric and scale, and which curve is which."""
        title, legend = super().head()
        if len(self.names) < 2:
            return title, legend
        glyphs = (FIRST, OTHERS) if self.look.ascii else ("•", "·")
        return title, "   ".join(f"{glyph} {name}" for glyph, name in zip(glyphs, self.names, strict=True))

    def _missing(self) -> str:
        # An experiment that was never run, or that ended before its run, may never get one.
        return "no run" if self.run is None else super()._missing()

    def words(self) -> str:
        """Return where the first run ended, and where the second one was then."""
        now = reading(*self.courses())
        if len(self.names) < 2 or now is None:
            return super().words()
        values = (now.value, now.rival)
        told = [
            f"{name} {written(self.metric, value) if value is not None else 'not so far'}"
            for name, value in zip(self.names, values, strict=True)
        ]
        return f"at {fmt.share(now.share)}: {', '.join(told)}"


def one_column(facts: Facts, width: int) -> list[Line]:
    """Return the facts of one experiment."""
    room = max(NARROW, width - LABEL - 2)
    lines: list[Line] = []
    for label, text in facts:
        for index, part in enumerate(wrap(text, room)):
            lines.append(((f" {fit('' if index else label, LABEL)}", "grey"), (part, "text")))
    return lines


def two_columns(numbers: tuple[int, ...], one: Facts, other: Facts, width: int) -> list[Line]:
    """Return the facts of two experiments side by side, under their numbers."""
    room = max(NARROW, (width - LABEL - 4) // 2)
    first, second = (f"#{number}" for number in numbers)
    lines: list[Line] = [((" " * (LABEL + 1), "text"), (f"{fit(first, room)}  {second}", "title"))]
    for label, left, right in side_by_side(one, other):
        role = "text" if left == right else "bold"
        parts = zip_longest(wrap(left, room), wrap(right, room), fillvalue="")
        for index, (a, b) in enumerate(parts):
            name = "" if index else label
            lines.append(((f" {fit(name, LABEL)}", "grey"), (f"{fit(a, room)}  {fit(b, room)}", role)))
    return lines
