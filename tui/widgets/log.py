"""The end of a run's log."""

from __future__ import annotations

from rich.cells import cell_len

from tui.ansi import spans
from tui.lines import Line, window
from tui.theme import Theme
from tui.widgets.tail import TailPane
from worktrees.text import printable

TROUBLE = ("Traceback", "Error", "Exception", "error:")

TALLEST = 20
"""Lines that a wrapped line takes at most."""


class LogPane(TailPane[str]):
    """Lines as a terminal would have left them, with their colours: one that redraws itself is one that changes."""

    STOP = "line that speaks of an error"

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="log")

    def is_stop(self, item: str) -> bool:
        """Tell whether a line speaks of an error."""
        return any(word in item for word in TROUBLE)

    def head(self) -> tuple[str, str]:
        """Return whose log it is, and whether it follows."""
        return f"log {self.subject}".strip(), self.standing()

    def plain(self, item: int) -> str:
        """Return the text of a line."""
        return printable(self.items[item]) if self.items else ""

    def tall(self, item: int, width: int) -> int:
        """Return how many lines a line takes where it is wrapped."""
        return min(TALLEST, max(1, -(-cell_len(self.plain(item)) // max(1, width - 1))))

    def part(self, item: int, part: int, width: int) -> Line:
        """Return one line; what has no colour of its own and speaks of an error is shown as one."""
        if not self.items:
            return ((" no run yet" if not self.subject else " nothing printed yet", "grey"),)
        text = self.items[item]
        line = spans(text) if "\x1b" in text else ((text, "bad" if self.is_stop(text) else "text"),)
        room = width - 1 if self.wrapped else 1 << 20
        return ((" ", "text"), *window(line, self.left + part * room, room))
