"""How is a line of text typed? In it every letter is text; what it is for says the line that inherits this."""

from __future__ import annotations

from tui.lines import Line
from tui.sheets.line import TypedLine
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
        self._edited = TypedLine(text, len(text))

    @property
    def text(self) -> str:
        """What stands in the line."""
        return self._edited.text

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
        return ((f" {sign} ", "grey"), *self._edited.shown(width - 6))

    def press(self, key: str) -> None:
        """Take a key: the character of a printable one, else Textual's name."""
        if key == "enter":
            self.done()
        elif key in ("escape", "ctrl+c"):
            self.given_up()
        else:
            self._become(self._edited.press(key, LONGEST))

    def insert(self, text: str) -> None:
        """Put pasted text where the cursor is, on one line."""
        self._become(self._edited.put(text, LONGEST))

    def _become(self, line: TypedLine) -> None:
        before, self._edited = self._edited, line
        if line.text != before.text:
            self.typed()
        self.paint()
