"""How is a rectangle of the screen painted, and only where it changed?

A pane says which lines it shows; painting, framing and comparing happen here. `paint` builds the lines that are
visible, compares them with what is on the screen, and marks only the cells that differ: an idle lab sends nothing, a
second that passes sends a few dozen bytes. One pane is one Textual widget, whatever it lists.
"""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache
from typing import Literal

from textual import events
from textual.geometry import Region
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from tui.lines import BLANK, Line, Span, cells, clip, difference, overlay, spread, strip
from tui.theme import Theme
from tui.widgets.searched import Searched, mark

ANY_WIDTH = 300
"""A line is searched as it would stand in so many cells."""

Frame = Literal["box", "rule", "bare"]
"""Box: lines around it. Rule: a titled line above it, for narrow screens. Bare: nothing."""

LIGHT, HEAVY = "┌─┐│└┘", "┏━┓┃┗┛"


class Pane(Widget):
    """A framed rectangle of lines. A subclass gives `head` and `body`."""

    DEFAULT_CSS = "Pane { position: absolute; width: 0; height: 0; }"

    def __init__(self, look: Theme, *, id: str, frame: Frame = "box", heavy: bool = False) -> None:  # noqa: A002
        super().__init__(id=id)
        self.look = look
        self.frame: Frame = frame
        self.heavy = heavy
        self.over = ""
        """A role that is laid over the whole pane."""
        self.needle = ""
        """What is looked for; it is marked wherever it stands."""
        self.takes_mouse = False
        """Whether the mouse selects text in it; without one no cell is told its place."""
        self._strips: list[Strip] = []

    def head(self) -> tuple[str, str]:
        """Return the titles at the left and the right of the frame's upper edge."""
        return "", ""

    def body(self, width: int, height: int) -> list[Line]:
        """Return at most `height` lines for an area of `width` cells."""
        return []

    def place(self, region: Region | None) -> None:
        """Put the pane there; None hides it."""
        self.styles.display = "none" if region is None else "block"
        if region is not None:
            self.styles.offset = region.offset
            self.styles.width, self.styles.height = region.size

    def paint(self) -> None:
        """Show what has changed since the last time."""
        if not self.display or not self.size:
            return
        old, self._strips = self._strips, self._compose_strips()
        if len(old) != len(self._strips) or (old and old[0].cell_length != self.size.width):
            self.refresh()
            return
        for y, (before, after) in enumerate(zip(old, self._strips, strict=True)):
            if span := difference(before, after):
                self.refresh(Region(span[0], y, span[1] - span[0], 1))

    def render_line(self, y: int) -> Strip:
        """Return the painted line `y`; Textual asks for the lines that were marked."""
        if not self._strips:
            self._strips = self._compose_strips()
        if y < len(self._strips):
            return self._selected(y) if self.takes_mouse else self._strips[y]
        return Strip.blank(self.size.width, self.look.style("text"))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the text that the mouse selected, without the sides of the frame."""
        text = selection.extract("\n".join(strip.text for strip in self._strips))
        lines = [line.strip("┃│").rstrip() for line in text.splitlines()] if self.frame == "box" else text.splitlines()
        return "\n".join(line.rstrip() for line in lines), "\n"

    def _selected(self, y: int) -> Strip:
        """Return a painted line whose cells know their place, with what the mouse selected in it reverse."""
        painted = self._strips[y]
        span = self.text_selection.get_span(y) if self.text_selection else None
        if span is None:
            return painted.apply_offsets(0, y)
        start, end = span[0], painted.cell_length if span[1] < 0 else span[1]
        chosen = painted.crop(start, end).apply_style(self.look.style("blink"))
        whole = Strip.join([painted.crop(0, start), chosen, painted.crop(end)])
        return whole.apply_offsets(0, y)  # last: a piece that was cut off would keep the place of the whole

    def on_resize(self, event: events.Resize) -> None:
        """Lay the lines out anew."""
        self._strips = []
        self.refresh()

    def inner(self) -> tuple[int, int]:
        """Return width and height of the area inside the frame."""
        width, height = self.size
        if self.frame == "box":
            return max(0, width - 2), max(0, height - 2)
        return width, max(0, height - 1) if self.frame == "rule" else height

    def _compose_strips(self) -> list[Strip]:
        width, height = self.inner()
        lines = self.body(width, height)[:height] if width and height else []
        if self.needle:
            lines = [mark(line, self.needle) for line in lines]
        lines += [BLANK] * (height - len(lines))
        if self.frame == "box":
            return self._boxed(lines)
        if self.frame == "rule":
            lines = [self._edge(LIGHT, width), *lines]
        return [strip(line, width, self.look, self.over) for line in lines]

    def _boxed(self, lines: list[Line]) -> list[Strip]:
        width = self.size.width
        glyphs = HEAVY if self.heavy else LIGHT
        role = self._frame_role()
        bottom = ((glyphs[4] + glyphs[1] * (width - 2) + glyphs[5], role),)
        return [
            strip(self._edge(glyphs, width), width, self.look, self.over),
            *(_between((glyphs[3], role), line, width, self.look, self.over) for line in lines),
            strip(bottom, width, self.look, self.over),
        ]

    def _edge(self, glyphs: str, width: int) -> Line:
        """Return the upper edge: titles set into the line, the right one left out where there is no room."""
        role, bar = self._frame_role(), glyphs[1]
        first, last = (glyphs[0] + bar, bar + glyphs[2]) if self.frame == "box" else (bar * 2, bar * 2)
        left, right = self.head()
        left = clip(left, width - 6)
        start: Line = ((first, role), (f" {left} ", "title" if self.heavy else "bold")) if left else ((first, role),)
        end: Line = ((f" {right} ", "grey"), (last, role)) if right else ((last, role),)
        if cells(start) + cells(end) >= width:
            end = ((last, role),)
        return spread(start, end, width, fill=(bar, role))

    def _frame_role(self) -> str:
        return "focus" if self.heavy else "frame"


@lru_cache(maxsize=1024)
def _between(side: Span, line: Line, width: int, look: Theme, over: str) -> Strip:
    """Return `line` between the two sides of a box."""
    edge = strip((side,), 1, look, over)
    return Strip([*edge, *strip(line, width - 2, look, over), *edge], width)


class ListPane(Pane, Searched):
    """A pane of items with a cursor; only the visible items are built, however many there are."""

    def __init__(self, look: Theme, *, id: str, frame: Frame = "box", heavy: bool = False) -> None:  # noqa: A002
        super().__init__(look, id=id, frame=frame, heavy=heavy)
        self.cursor = 0
        self.top = 0
        self.marks: Set[object] = frozenset()
        """What is marked, by what the screen calls an item."""
        self.has_cursor = True
        """False while the cursor is in another list that it goes through as well."""

    def is_chosen(self, index: int) -> bool:
        """Return True for the item under the cursor."""
        return self.has_cursor and index == self.cursor

    def sign(self, index: int, thing: object) -> str:
        """Return the two cells before an item: the cursor's, the mark's."""
        return (">" if self.is_chosen(index) else " ") + ("*" if thing in self.marks else " ")

    def lit(self, index: int, line: Line, width: int) -> Line:
        """Return the line of an item; the one under the cursor is reverse over the whole width."""
        return overlay((*line, (" " * width, "text")), "selected") if self.is_chosen(index) else line

    def count(self) -> int:
        """Return how many items there are."""
        return 0

    def item(self, index: int, width: int) -> Line:
        """Return the line of one item."""
        return BLANK

    def header(self, width: int) -> list[Line]:
        """Return the lines above the items."""
        return []

    def footer(self, width: int) -> list[Line]:
        """Return the lines below the items, at the pane's lower edge."""
        return []

    def text_of(self, index: int) -> str:
        """Return one item as it is searched."""
        return "".join(text for text, _ in self.item(index, ANY_WIDTH))

    def reach(self, index: int) -> None:
        """Put the cursor on one item."""
        self.move(index - self.cursor)

    def begin(self) -> int:
        """Return the item under the cursor."""
        return self.cursor

    def move(self, delta: int) -> None:
        """Move the cursor by `delta` items, stopping at both ends."""
        self.cursor = max(0, min(self.count() - 1, self.cursor + delta))
        self.paint()

    def page(self, direction: int) -> None:
        """Move the cursor by half a page."""
        self.move(direction * max(1, self.inner()[1] // 2))

    def body(self, width: int, height: int) -> list[Line]:
        """Return header, the visible items and the footer."""
        above, below = self.header(width), self.footer(width)
        room = max(1, height - len(above) - len(below))
        if height <= len(above) + 1:
            below = []
        self.cursor = max(0, min(self.cursor, self.count() - 1))
        self.top = max(0, min(self.top, self.count() - room), self.cursor - room + 1)
        self.top = min(self.top, self.cursor)
        items = [self.item(index, width) for index in range(self.top, min(self.count(), self.top + room))]
        return [*above, *items, *([BLANK] * (room - len(items))), *below]


class TextPane(Pane, Searched):
    """A pane of lines that is read by scrolling; only the visible lines are built."""

    def __init__(self, look: Theme, *, id: str, frame: Frame = "box", heavy: bool = False) -> None:  # noqa: A002
        super().__init__(look, id=id, frame=frame, heavy=heavy)
        self.top = 0
        self.left = 0

    def count(self) -> int:
        """Return how many lines there are."""
        return 0

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        return BLANK

    def footer(self, width: int) -> list[Line]:
        """Return lines that stay at the lower edge; they are left out where the pane is low."""
        return []

    def text_of(self, index: int) -> str:
        """Return one line as it is searched."""
        return "".join(text for text, _ in self.line(index, ANY_WIDTH))

    def reach(self, index: int) -> None:
        """Scroll until one line is in view, not at the very edge."""
        height = self.inner()[1]
        if not self.top <= index < self.top + height - len(self.footer(self.inner()[0])):
            self.scroll_by(index - self.top - height // 3)

    def begin(self) -> int:
        """Return the first line in view."""
        return self.top

    def scroll_by(self, lines: int) -> None:
        """Scroll down by `lines` (up where negative), stopping at both ends."""
        self.top = max(0, min(self.bottom(), self.top + lines))
        self.paint()

    def page(self, direction: int) -> None:
        """Scroll by half a page."""
        self.scroll_by(direction * max(1, self.inner()[1] // 2))

    def sideways(self, columns: int) -> None:
        """Scroll sideways by `columns`."""
        self.left = max(0, self.left + columns)
        self.paint()

    def bottom(self) -> int:
        """Return the largest `top`: the last line is then the last one visible."""
        width, height = self.inner()
        return max(0, self.count() - max(1, height - len(self.footer(width))))

    def body(self, width: int, height: int) -> list[Line]:
        """Return the visible lines and the footer."""
        below = self.footer(width)
        if len(below) * 2 > height:
            below = []
        room = height - len(below)
        lines = [self.line(index, width) for index in range(self.top, min(self.count(), self.top + room))]
        return [*lines, *([BLANK] * (room - len(lines))), *below]
