"""The end of a run's log."""

from __future__ import annotations

from tui.lines import Line
from tui.theme import Theme
from tui.widgets.tail import TailPane

TROUBLE = ("Traceback", "Error", "Exception", "error:")


class LogPane(TailPane[str]):
    """Lines as a terminal would have left them: a line that redraws itself is one line that changes."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="log")

    def is_trouble(self, item: str) -> bool:
        """Tell whether a line speaks of an error."""
        return any(word in item for word in TROUBLE)

    def head(self) -> tuple[str, str]:
        """Return whose log it is, and whether it follows."""
        return f"log {self.subject}".strip(), self.standing()

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        if not self.items:
            return ((" no run yet" if not self.subject else " nothing printed yet", "grey"),)
        text = self.items[index]
        return ((f" {text[self.left :]}", "bad" if self.is_trouble(text) else "text"),)
