"""How does a person say something to an agent? One line at the bottom, in which every letter is text.

`enter` sends it, `esc` forgets it. It answers no question and confirms nothing.
"""

from __future__ import annotations

from textual.geometry import Region
from textual.message import Message

from tui.lines import Line
from tui.sheets.typing import TextLine
from tui.theme import Theme

HEIGHT = 2


class Entry(TextLine):
    """A line of text over the key line."""

    class Closed(Message):
        """The line is gone. `text` is to be sent; empty where nothing is."""

        def __init__(self, worktree: str, text: str) -> None:
            super().__init__()
            self.worktree = worktree
            self.text = text

    def __init__(self, look: Theme, worktree: str, text: str) -> None:
        super().__init__(look, id="entry", text=text)
        self.worktree = worktree

    def head(self) -> tuple[str, str]:
        """Return who is told, and the two keys that are no text."""
        return f"tell {self.worktree}", "enter: send   esc: cancel"

    def body(self, width: int, height: int) -> list[Line]:
        """Return the line."""
        return [self.prompt(width)]

    def fit_into(self, width: int, height: int) -> None:
        """Stand at the lower edge of a screen of that size."""
        self.place(Region(0, max(0, height - HEIGHT), width, min(HEIGHT, height)))
        self.paint()

    def done(self) -> None:
        """Send the line."""
        self.post_message(self.Closed(self.worktree, self.text.strip()))

    def given_up(self) -> None:
        """Send nothing."""
        self.post_message(self.Closed(self.worktree, ""))
