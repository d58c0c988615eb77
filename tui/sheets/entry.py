"""How does a person say something to an agent? One line at the bottom, in which every letter is text.

`enter` sends it, `esc` forgets it. It answers no question and confirms nothing.
"""

from __future__ import annotations

from rich.cells import cell_len
from textual.geometry import Region
from textual.message import Message

from tui.lines import Line, tame
from tui.theme import Theme
from tui.widgets.pane import Pane

LONGEST = 4000
"""Characters of a message; what is typed beyond is not taken. The engine keeps as many."""

HEIGHT = 2


class Entry(Pane):
    """A line of text over the key line."""

    DEFAULT_CSS = "Entry { layer: sheet; }"

    class Closed(Message):
        """The line is gone. `text` is to be sent; empty where nothing is."""

        def __init__(self, worktree: str, text: str) -> None:
            super().__init__()
            self.worktree = worktree
            self.text = text

    def __init__(self, look: Theme, worktree: str, text: str) -> None:
        super().__init__(look, id="entry", frame="rule", heavy=True)
        self.over = "sheet"
        self.worktree = worktree
        self.text = text
        self._at = len(text)
        """Characters left of the cursor."""

    def head(self) -> tuple[str, str]:
        """Return who is told, and the two keys that are no text."""
        return f"tell {self.worktree}", "enter: send   esc: cancel"

    def body(self, width: int, height: int) -> list[Line]:
        """Return the line, scrolled so that the cursor is on it."""
        before, here, after = self.text[: self._at], self.text[self._at : self._at + 1], self.text[self._at + 1 :]
        return [((" > ", "grey"), (_end(before, width - 6), "text"), (here or " ", "blink"), (after, "text"))]

    def fit_into(self, width: int, height: int) -> None:
        """Stand at the lower edge of a screen of that size."""
        self.place(Region(0, max(0, height - HEIGHT), width, min(HEIGHT, height)))
        self.paint()

    def press(self, key: str) -> None:
        """Take a key: the character of a printable one, else Textual's name."""
        match key:
            case "enter":
                self.post_message(self.Closed(self.worktree, self.text.strip()))
            case "escape" | "ctrl+c":
                self.post_message(self.Closed(self.worktree, ""))
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
                self.insert(key)
        self.paint()

    def insert(self, text: str) -> None:
        """Put text (typed, or pasted: then on one line) where the cursor is."""
        text = tame(" ".join(text.splitlines()))[: LONGEST - len(self.text)]  # terminals paste CR for a line's end
        self.text = self.text[: self._at] + text + self.text[self._at :]
        self._at += len(text)
        self.paint()


def _end(text: str, room: int) -> str:
    """Return as much of the end of `text` as fits into `room` cells."""
    start, used = len(text), 0
    while start and (used := used + cell_len(text[start - 1])) <= room:
        start -= 1
    return text[start:]
