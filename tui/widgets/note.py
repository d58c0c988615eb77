"""What is said for a moment, over the lowest line above the keys? A piece of news, or a hint for a newcomer."""

from __future__ import annotations

from textual.geometry import Region

from tui.lines import Line, cells, clip
from tui.theme import Theme
from tui.widgets.pane import Pane

WIDEST = 100


class NoteLine(Pane):
    """One line; it is never over a sheet, and nothing waits for it."""

    DEFAULT_CSS = "NoteLine { layer: note; }"

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="note", frame="bare")
        self.over = "sheet"
        self.line: Line = ()

    def body(self, width: int, height: int) -> list[Line]:
        """Return the line."""
        return [self.line]

    def show(self, line: Line, *, width: int, bottom: int, right: bool) -> None:
        """Say it in a screen of `width` cells, in the row above `bottom`, at the right or over the whole width."""
        room = min(WIDEST, width)
        self.line = ((" ", "text"), *((clip(text, max(1, room - 2)), role) for text, role in line), (" ", "text"))
        wide = min(room, cells(self.line)) if right else width
        self.place(Region(width - wide, bottom - 1, wide, 1))
        self.paint()

    def hide(self) -> None:
        """Say nothing any more."""
        self.line = ()
        self.place(None)
