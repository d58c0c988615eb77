"""How does a person write an idea down? One line at the bottom; `enter` offers it to the agents."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Region

from tui.lines import Line
from tui.sheets.typing import TextLine
from tui.theme import Theme

HEIGHT = 2


class IdeaLine(TextLine):
    """The line that `c` opens among the ideas. `close` gets the idea, or an empty text."""

    def __init__(self, look: Theme, close: Callable[[str], None]) -> None:
        super().__init__(look, id="idea")
        self._close = close

    def head(self) -> tuple[str, str]:
        """Return what is written, and the two keys that are no text."""
        return "an idea for any agent", "enter: offer it   esc: cancel"

    def body(self, width: int, height: int) -> list[Line]:
        """Return the line."""
        return [self.prompt(width)]

    def fit_into(self, width: int, height: int) -> None:
        """Stand at the lower edge of a screen of that size."""
        self.place(Region(0, max(0, height - HEIGHT), width, min(HEIGHT, height)))
        self.paint()

    def done(self) -> None:
        """Offer it."""
        self._close(self.text.strip())

    def given_up(self) -> None:
        """Offer nothing."""
        self._close("")
