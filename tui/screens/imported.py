"""What was tried before this lab: old nights that were imported. Screen 4 opens it, and counts none of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentcore.state import Import
from tui import layout
from tui.exporting import Listing
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.screens.lab import PREVIEW_LINES
from tui.unified import unified
from tui.widgets.diff import DiffPane
from tui.widgets.imported import ImportedList, OldItem, OldPane, items
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from tui.view import View
    from worktrees.diff import Diff


class ImportedScreen(BaseScreen):
    """The rows, the selected one's words, and its change where this repository has the commit."""

    NAME = "imported"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        look = view.look
        self.table, self.detail, self.diff = ImportedList(look), OldPane(look), DiffPane(look, id="diff")
        self._items: tuple[OldItem, ...] = ()
        self._of: tuple[Import, ...] = ()
        self._sought = ""

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return self.table, self.detail, self.diff

    def ring(self) -> Iterable[Pane]:
        """Return the list and the change."""
        return self.table, self.diff

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        wide = width >= layout.WIDE
        self.table.frame = "box" if wide else "bare"
        self.diff.frame = self.detail.frame = "box" if wide else "rule"
        return layout.imported(width, height)

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            **self.mover.actions(self._move, self.table),
            "scroll-down": lambda: self.diff.scroll_by(PREVIEW_LINES),
            "scroll-up": lambda: self.diff.scroll_by(-PREVIEW_LINES),
        }

    def leave(self) -> None:
        """Go back to the results."""
        self.view.go("results")

    def show(self, scene: Scene) -> None:
        """Hand the rows to the panes; they are made anew only where something was imported."""
        if self._of is not scene.state.imports:
            self._of, self._items = scene.state.imports, items(scene.state)
            self._list()
        self.table.nights = self._of
        self.detail.item = item = self.table.selected
        self.bar.about = "what was tried before this lab"
        self.diff.empty = "reading" if item and item.row.known_as else "this repository has no such commit"
        self.diff.show(self._change(), subject=f"change of {item.row.commit}" if item else "diff")

    def filter_by(self, text: str) -> None:
        """List only the rows that hold `text` in their words, their outcome or their commit."""
        self._sought = text
        self._list()
        self.paint()

    def find(self, text: str) -> None:
        """Look for nothing: the list was shortened to what was typed."""

    def find_next(self) -> None:
        """Go to the next row: all that are listed match."""
        self._move(1)

    def find_previous(self) -> None:
        """Go to the row before."""
        self._move(-1)

    def copyable(self) -> dict[str, str]:
        """Return the row's hash, words and change."""
        item, change = self.table.selected, self._change()
        words = {"h": item.row.known_as or item.row.commit, "m": item.row.idea} if item else {}
        return words | ({"d": unified(change)} if change else {})

    def listing(self) -> Listing:
        """Return the rows that are listed."""
        cells = (
            (row.commit, row.outcome, "" if row.score is None else f"{row.score:.6f}", f"{row.memory_gb:g}", row.idea)
            for row in (item.row for item in self.table.rows)
        )
        return Listing(("COMMIT", "OUTCOME", "SCORE", "MEMORY_GB", "IDEA"), tuple(cells))

    def _list(self) -> None:
        wanted = self._sought.lower()
        rows = [each for each in self._items if wanted in _words(each)]
        self.table.sought = self._sought
        self.table.feed(rows)

    def _change(self) -> Diff | None:
        item = self.table.selected
        return self.view.reading.change_of_commit(item.row.known_as) if item and item.row.known_as else None

    def _move(self, delta: int) -> None:
        self.table.move(delta)
        self.paint()


def _words(item: OldItem) -> str:
    return f"{item.row.commit} {item.row.outcome} {item.row.idea}".lower()
