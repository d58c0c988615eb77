"""A list whose cursor stays on its item when others come and go: a key must not act on what slid under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from tui.theme import Theme
from tui.widgets.pane import Frame, ListPane

Row = TypeVar("Row")


class KeyedList(ListPane, Generic[Row]):
    """A list of rows. A subclass gives `key` and `item`."""

    def __init__(self, look: Theme, *, id: str, frame: Frame = "box", heavy: bool = False) -> None:  # noqa: A002
        super().__init__(look, id=id, frame=frame, heavy=heavy)
        self.rows: Sequence[Row] = ()

    def key(self, row: Row) -> object:
        """Return by what a row is known again."""
        return row

    def feed(self, rows: Sequence[Row]) -> None:
        """Show these rows; the cursor stays on its own while that is listed."""
        if rows is self.rows:
            return
        held = self.selected
        self.rows = rows
        if held is not None:
            self.select(self.key(held))

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def select(self, key: object) -> None:
        """Put the cursor on a row, where it is listed."""
        places = (index for index, row in enumerate(self.rows) if self.key(row) == key)
        self.cursor = next(places, min(self.cursor, max(0, len(self.rows) - 1)))

    def count(self) -> int:
        """Return the number of rows."""
        return len(self.rows)
