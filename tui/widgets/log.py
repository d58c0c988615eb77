"""The end of a run's log. It follows what is printed until the reader scrolls up."""

from __future__ import annotations

from collections.abc import Sequence

from tui.lines import Line
from tui.theme import Theme
from tui.widgets.pane import TextPane

TROUBLE = ("Traceback", "Error", "Exception", "error:")


class LogPane(TextPane):
    """Lines as a terminal would have left them: a line that redraws itself is one line that changes."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="log")
        self.subject = ""
        self.lines: Sequence[str] = ()
        self.following = True

    def show(self, lines: Sequence[str], *, subject: str) -> None:
        """Show the end of a log; frozen lines stay until F."""
        if subject != self.subject:
            self.subject, self.following, self.left = subject, True, 0
            self.lines = lines
        if self.following:
            self.lines = lines
            self.top = self.bottom()
        self.paint()

    def scroll_by(self, lines: int) -> None:
        """Scroll; at the end it follows again."""
        super().scroll_by(lines)
        self.following = self.top >= self.bottom()
        self.paint()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following, self.top = True, self.bottom()
        self.paint()

    def hunk(self, step: int) -> None:
        """Scroll to the next (1) or previous (-1) line that speaks of an error."""
        starts = [index for index, line in enumerate(self.lines) if any(word in line for word in TROUBLE)]
        beyond = [index for index in starts if (index > self.top if step > 0 else index < self.top)]
        if beyond:
            self.top = min(self.bottom(), beyond[0] if step > 0 else beyond[-1])
            self.following = False
            self.paint()

    def head(self) -> tuple[str, str]:
        """Return whose log it is, and whether it follows."""
        return f"log {self.subject}".strip(), "following" if self.following else "FROZEN  F: follow"

    def count(self) -> int:
        """Return the number of lines."""
        return max(1, len(self.lines))

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        if not self.lines:
            return ((" no run yet" if not self.subject else " nothing printed yet", "grey"),)
        text = self.lines[index]
        role = "bad" if any(word in text for word in TROUBLE) else "text"
        return ((f" {text[self.left :]}", role),)
