"""How is something read that grows at its end? It follows until the reader scrolls up, and then stands still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from tui.lines import Line
from tui.theme import Theme
from tui.widgets.pane import TextPane

Item = TypeVar("Item")


class TailPane(TextPane, Generic[Item]):
    """One line per item, the newest last. A subclass gives `is_trouble` and `line`."""

    def __init__(self, look: Theme, *, id: str) -> None:  # noqa: A002
        super().__init__(look, id=id)
        self.subject = ""
        self.items: Sequence[Item] = ()
        self.newest: Sequence[Item] = ()
        """What there is by now; `items` is what is shown."""
        self.following = True

    def is_trouble(self, item: Item) -> bool:
        """Tell whether an item speaks of an error: `{` and `}` jump to it."""
        return False

    def show(self, items: Sequence[Item], *, subject: str) -> None:
        """Show the end of `items`; frozen ones stay until F. Another subject is followed from its start."""
        self.newest = items
        if subject != self.subject:
            self.subject, self.following, self.left = subject, True, 0
        if self.following:
            self.items = items
        self.paint()

    def scroll_by(self, lines: int) -> None:
        """Scroll; at the end it follows again."""
        bottom = self.bottom()
        self.top = max(0, min(bottom, self.top + lines))
        self.following = self.top >= bottom
        self.paint()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following, self.items = True, self.newest
        self.paint()

    def hunk(self, step: int) -> None:
        """Scroll to the next (1) or previous (-1) item that speaks of an error."""
        starts = [index for index, item in enumerate(self.items) if self.is_trouble(item)]
        beyond = [index for index in starts if (index > self.top if step > 0 else index < self.top)]
        if beyond:
            self.top = min(self.bottom(), beyond[0] if step > 0 else beyond[-1])
            self.following = False
            self.paint()

    def standing(self) -> str:
        """Return whether it follows."""
        if self.following:
            return "following"
        newer = len(self.newest) - len(self.items)
        return f"FROZEN, {newer} newer  F: follow" if newer > 0 else "FROZEN  F: follow"

    def count(self) -> int:
        """Return the number of lines."""
        return max(1, len(self.items))

    def body(self, width: int, height: int) -> list[Line]:
        """Return the visible lines: the last ones while it follows."""
        if self.following:
            self.top = self.bottom()
        return super().body(width, height)
