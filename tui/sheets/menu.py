"""One key, then one letter: what is to be copied, what is to be written to a file?

A menu changes nothing in the lab, so its letters act at once; any other key closes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.geometry import Region

from tui.lines import Line
from tui.theme import Theme
from tui.widgets.pane import Pane

WIDE = 44

BELOW = 2
"""Lines that are left for the keys."""


class Menu(Pane):
    """A few letters over the key line. `close` gets the letter, or an empty string."""

    DEFAULT_CSS = "Menu { layer: sheet; }"

    def __init__(self, look: Theme, title: str, items: Sequence[tuple[str, str]], close: Callable[[str], None]) -> None:
        super().__init__(look, id="menu", heavy=True)
        self.over = "sheet"
        self._title, self._items, self._close = title, tuple(items), close

    def head(self) -> tuple[str, str]:
        """Return what is asked."""
        return self._title, "esc: nothing"

    def body(self, width: int, height: int) -> list[Line]:
        """Return one line for each letter."""
        return [((f"  {letter}  ", "key"), (text, "text")) for letter, text in self._items]

    def fit_into(self, width: int, height: int) -> None:
        """Stand at the lower edge of a screen of that size, over the key line."""
        wide, tall = min(WIDE, width), min(len(self._items) + 2, height)
        self.place(Region(max(0, (width - wide) // 2), max(0, height - tall - BELOW), wide, tall))
        self.paint()

    def press(self, key: str) -> None:
        """Take the letter."""
        self._close(key if key in {letter for letter, _ in self._items} else "")
