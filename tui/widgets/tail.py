"""How is something read that grows at its end? It follows until the reader scrolls up, and then stands still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from tui.lines import Line
from tui.theme import Theme
from tui.widgets.items import ItemsPane

Item = TypeVar("Item")


class TailPane(ItemsPane, Generic[Item]):
    """The newest item last. A subclass gives `part`, `plain`, and `is_stop`."""

    STOP: ClassVar[str]
    """What `{` and `}` go to."""

    def __init__(self, look: Theme, *, id: str) -> None:  # noqa: A002
        super().__init__(look, id=id)
        self.subject = ""
        self.items: Sequence[Item] = ()
        self.newest: Sequence[Item] = ()
        """What there is by now; `items` is what is shown."""
        self.following = True
        self._dropped = self._dropped_newest = 0
        """How many items came before those."""

    def is_stop(self, item: Item) -> bool:
        """Tell whether `{` and `}` stop at an item."""
        return False

    def show(self, items: Sequence[Item], *, subject: str, dropped: int = 0) -> None:
        """Show the end of `items`; frozen ones stay until F. Another subject is followed from its start."""
        self.newest, self._dropped_newest = items, dropped
        if subject != self.subject:
            self.subject, self.following, self.left = subject, True, 0
            self.start()
        if self.following and self.items is not items:
            self.take()
        self.paint()

    def start(self) -> None:
        """Forget what belongs to the subject before."""

    def take(self) -> None:
        """Show what there is by now."""
        self.items, self._dropped = self.newest, self._dropped_newest
        self.relay()

    def scroll_by(self, lines: int) -> None:
        """Scroll; at the end it follows again."""
        bottom = self.bottom()
        self.top = max(0, min(bottom, self.top + lines))
        self.following = self.top >= bottom
        self.paint()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following = True
        self.take()
        self.paint()

    def hunk(self, step: int) -> str:
        """Go to the next (1) or previous (-1) item at which one stops; return what to say where there is none."""
        here = self.here()
        starts = [index for index, item in enumerate(self.items) if self.is_stop(item)]
        beyond = [index for index in starts if (index > here if step > 0 else index < here)]
        if not beyond:
            return f"there is no {self.STOP} {'below' if step > 0 else 'above'}"
        self.reached(beyond[0] if step > 0 else beyond[-1])
        self.paint()
        return ""

    def here(self) -> int:
        """Return the item from which one goes on: the one at the top."""
        return self.item_at(self.top)[0]

    def reached(self, item: int) -> None:
        """Show an item that the reader was brought to, and stand still there."""
        self.top = min(self.bottom(), self.line_of(item))
        self.following = False

    def standing(self) -> str:
        """Return whether it follows."""
        if self.following:
            return "following"
        newer = len(self.newest) + self._dropped_newest - len(self.items) - self._dropped
        follow = self.look.keyed("{follow}: follow")
        return f"FROZEN, {newer} newer  {follow}" if newer > 0 else f"FROZEN  {follow}"

    def total(self) -> int:
        """Return the number of items; without any there is one that says so."""
        return max(1, len(self.items))

    def body(self, width: int, height: int) -> list[Line]:
        """Return the visible lines: the last ones while it follows."""
        if self.following:
            self.top = self.bottom()
        return super().body(width, height)
