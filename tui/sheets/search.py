"""What is looked for on a screen? One line at the bottom; the screen answers every letter of it."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Region

from tui.lines import Line
from tui.sheets.typing import TextLine
from tui.theme import Theme

HEIGHT = 2


class SearchLine(TextLine):
    """The line that `/` opens."""

    def __init__(self, look: Theme, *, answer: Callable[[str], None], close: Callable[[str], None], text: str) -> None:
        super().__init__(look, id="search", text=text)
        self._answer, self._close = answer, close

    def head(self) -> tuple[str, str]:
        """Return what the keys that are no text do."""
        return "look for", "enter: keep, then n N   esc: forget"

    def body(self, width: int, height: int) -> list[Line]:
        """Return the line."""
        return [self.prompt(width, "/")]

    def fit_into(self, width: int, height: int) -> None:
        """Stand at the lower edge of a screen of that size."""
        self.place(Region(0, max(0, height - HEIGHT), width, min(HEIGHT, height)))
        self.paint()

    def typed(self) -> None:
        """Let the screen answer what stands there now."""
        self._answer(self.text)

    def done(self) -> None:
        """Keep it."""
        self._close(self.text)

    def given_up(self) -> None:
        """Forget it."""
        self._answer("")
        self._close("")
