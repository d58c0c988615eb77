"""The names of the panes of which one is shown."""

from __future__ import annotations

from collections.abc import Sequence

from tui.lines import Line
from tui.theme import Theme
from tui.widgets.pane import Pane


class TabStrip(Pane):
    """One line with all names; that of the shown pane stands in brackets."""

    def __init__(self, look: Theme, names: Sequence[str]) -> None:
        super().__init__(look, id="tabs", frame="bare")
        self.names = tuple(names)
        self.shown = self.names[0]

    def body(self, width: int, height: int) -> list[Line]:
        """Return the line."""
        line: Line = ((" ", "text"),)
        for name in self.names:
            is_shown = name == self.shown
            line = (*line, (f"[{name}]", "title") if is_shown else (f" {name} ", "text"), (" ", "text"))
        return [line]
