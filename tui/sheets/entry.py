"""One line at the bottom in which every letter is text: a message, an idea, a word that is looked for.

`enter` takes it, `esc` forgets it. It confirms nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Region

from tui.lines import Line
from tui.sheets.typing import TextLine
from tui.theme import Theme

HEIGHT = 2

LOOK_FOR = ("look for", "enter: keep, then n N   esc: forget")
"""Over a line whose text is looked for while it is typed."""


class Entry(TextLine):
    """A line of text over the key line, for whoever opens it."""

    def __init__(
        self,
        look: Theme,
        titles: tuple[str, str],
        *,
        close: Callable[[str], None],
        answer: Callable[[str], None] = lambda text: None,
        text: str = "",
        sign: str = ">",
    ) -> None:
        """`titles`: what is written, and what `enter` and `esc` do. `close` gets the text at the end, empty where it
        was given up; `answer` whatever stands there, after each letter.
        """
        super().__init__(look, id="entry", text=text)
        self._titles, self._close, self._answer, self._sign = titles, close, answer, sign

    def head(self) -> tuple[str, str]:
        """Return what is written, and the two keys that are no text."""
        return self._titles

    def body(self, width: int, height: int) -> list[Line]:
        """Return the line."""
        return [self.prompt(width, self._sign)]

    def fit_into(self, width: int, height: int) -> None:
        """Stand at the lower edge of a screen of that size."""
        self.place(Region(0, max(0, height - HEIGHT), width, min(HEIGHT, height)))
        self.paint()

    def typed(self) -> None:
        """Let whoever opened it answer what stands there now."""
        self._answer(self.text)

    def done(self) -> None:
        """Take it."""
        self._close(self.text)

    def given_up(self) -> None:
        """Forget it."""
        self._answer("")
        self._close("")
