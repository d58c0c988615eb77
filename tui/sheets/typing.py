"""How is a line of text typed? In it every letter is text; what it is for says the line that inherits this."""

from __future__ import annotations

from rich.cells import cell_len

from tui.lines import Line, tame
from tui.theme import Theme
from tui.widgets.pane import Pane

LONGEST = 4000
"""Characters of a line; what is typed beyond is not taken. The engine keeps as many of a message."""


class TextLine(Pane):
    """A line of text with a cursor. A subclass says what `enter` and `esc` mean: `done`, `given_up`."""

    DEFAULT_CSS = "TextLine { layer: sheet; }"

    def __init__(self, look: Theme, *, id: str, text: str = "", frame: str = "rule") -> None:  # noqa: A002
        super().__init__(look, id=id, frame="box" if frame == "box" else "rule", heavy=True)
        self.over = "sheet"
        self.text = text
        self._at = len(text)
        """Characters left of the cursor."""

    def done(self) -> None:
        """Take the line: `enter` was pressed."""

    def given_up(self) -> None:
        """Forget the line: `esc` was pressed."""

    def typed(self) -> None:
        """Answer a change of the text."""

    def fit_into(self, width: int, height: int) -> None:
        """Stand over a screen of that size."""

    def prompt(self, width: int, sign: str = ">") -> Line:
        """Return the line, scrolled so that the cursor is on it."""
        before, here, after = self.text[: self._at], self.text[self._at : self._at + 1], self.text[self._at + 1 :]
        return ((f" {sign} ", "grey"), (_end(before, width - 6), "text"), (here or " ", "blink"), (after, "text"))

    def press(self, key: str) -> None:
        """Take a key: the character of a printable one, else Textual's name."""
        before = self.text
        match key:
            case "enter":
                self.done()
            case "escape" | "ctrl+c":
                self.given_up()
            case "backspace" if self._at:
                self._at -= 1
                self.text = self.text[: self._at] + self.text[self._at + 1 :]
            case "delete":
                self.text = self.text[: self._at] + self.text[self._at + 1 :]
            case "left" | "right":
                self._at = max(0, min(len(self.text), self._at + (1 if key == "right" else -1)))
            case "home" | "end":
                self._at = 0 if key == "home" else len(self.text)
            case _ if len(key) == 1:
                self._put(key)
        self._changed(before)

    def insert(self, text: str) -> None:
        """Put pasted text where the cursor is, on one line."""
        before = self.text
        self._put(" ".join(text.splitlines()))  # terminals paste CR for a line's end
        self._changed(before)

    def _put(self, text: str) -> None:
        text = tame(text)[: LONGEST - len(self.text)]
        self.text = self.text[: self._at] + text + self.text[self._at :]
        self._at += len(text)

    def _changed(self, before: str) -> None:
        if self.text != before:
            self.typed()
        self.paint()


def _end(text: str, room: int) -> str:
    """Return as much of the end of `text` as fits into `room` cells."""
    start, used = len(text), 0
    while start and (used := used + cell_len(text[start - 1])) <= room:
        start -= 1
    return text[start:]
