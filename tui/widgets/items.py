"""How is a long list of things read that take one line each, or several?

An item takes several lines where long lines are wrapped, or where it was opened. Then, and only then, the list is laid
out: which line belongs to which item.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from tui.lines import BLANK, Line
from tui.theme import Theme
from tui.widgets.pane import TextPane


class ItemsPane(TextPane):
    """A pane of items. A subclass gives `total`, `part` and `plain`, and `tall` where not all items are one line."""

    def __init__(self, look: Theme, *, id: str) -> None:  # noqa: A002
        super().__init__(look, id=id)
        self.wrapped = False
        self._starts: list[int] | None = None
        """The first line of each item, and the number of all lines."""
        self._laid_for = -1

    def total(self) -> int:
        """Return the number of items."""
        return 0

    def part(self, item: int, part: int, width: int) -> Line:
        """Return one of the lines of an item."""
        return BLANK

    def plain(self, item: int) -> str:
        """Return what is searched of an item."""
        return ""

    def tall(self, item: int, width: int) -> int:
        """Return how many lines an item takes."""
        return 1

    def is_laid_out(self) -> bool:
        """Tell whether some item may take several lines."""
        return self.wrapped

    def relay(self) -> None:
        """Lay the items out anew."""
        self._starts = None

    def count(self) -> int:
        """Return the number of lines."""
        starts = self._layout()
        return starts[-1] if starts else self.total()

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        item, part = self.item_at(index)
        return self.part(item, part, width)

    def item_at(self, line: int) -> tuple[int, int]:
        """Return the item that a line belongs to, and which of its lines that is."""
        starts = self._layout()
        if not starts:
            return line, 0
        item = bisect_right(starts, line) - 1
        return item, line - starts[item]

    def line_of(self, item: int) -> int:
        """Return the first line of an item."""
        starts = self._layout()
        return starts[item] if starts else item

    def wrap(self) -> None:
        """Wrap long lines, or cut them again; what stands at the top stays there."""
        item = self.item_at(self.top)[0] if self.total() else 0
        self.wrapped, self.left = not self.wrapped, 0
        self.relay()
        self.top = min(self.line_of(item), self.bottom()) if self.total() else 0
        self.paint()

    def reveal(self, item: int) -> None:
        """Scroll just so far that an item is seen, with a line of what is around it."""
        line, room = self.line_of(item), max(1, self.inner()[1] - len(self.footer(self.inner()[0])))
        if not self.top <= line < self.top + room:
            self.top = max(0, min(self.bottom(), line - room // 3))

    # Searching: an item is found once, however many lines it takes

    def text_of(self, index: int) -> str:
        """Return one line as it is searched: all of an item at its first one."""
        item, part = self.item_at(index)
        return "" if part else self.plain(item)

    def reach(self, index: int) -> None:
        """Bring the item of a line into view."""
        self.reached(self.item_at(index)[0])
        self.paint()

    def reached(self, item: int) -> None:
        """Show an item that the reader was brought to."""
        self.reveal(item)

    def _layout(self) -> list[int] | None:
        if not self.is_laid_out():
            return None
        width = self.inner()[0]
        if self._starts is None or self._laid_for != width:
            self._laid_for = width
            self._starts = list(accumulate((self.tall(item, width) for item in range(self.total())), initial=0))
        return self._starts
