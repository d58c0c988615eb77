"""How is a word found on a screen? A list is shortened to what holds it, a text goes to where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.sheets.entry import LOOK_FOR, Entry
from tui.widgets.pane import ListPane, TextPane
from tui.widgets.searched import NOTHING

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen


class Finder:
    """What `/`, `n` and `N` do, and what is looked for."""

    def __init__(self, screen: BaseScreen) -> None:
        self.text = ""
        self._screen = screen

    def open(self) -> None:
        """Ask for the word; the screen answers each letter."""
        look = self._screen.view.look
        line = Entry(look, LOOK_FOR, close=self._close, answer=self._answer, text=self.text, sign="/")
        self._screen.cover.lay(line)

    def find(self, text: str) -> None:
        """Go to the first match in the pane that has the focus; no text ends the search."""
        pane = self._screen.mover.pane
        if isinstance(pane, ListPane | TextPane):
            self._screen.say(pane.find(text))

    def again(self, step: int) -> None:
        """Go to another match, in the pane that has the focus."""
        pane = self._screen.mover.pane
        if not isinstance(pane, ListPane | TextPane) or not self.text:
            self._screen.say(NOTHING)
        elif pane.needle != self.text:
            self.find(self.text)  # the focus has moved on since
        else:
            self._screen.say(pane.find_again(step))

    def end(self) -> bool:
        """Forget what is looked for; False where nothing was."""
        if not self.text:
            return False
        self._answer("")
        self._screen.paint()
        return True

    def _answer(self, text: str) -> None:
        self.text = text
        self._screen.filter_by(text)
        for pane in self._screen.panes():
            pane.needle = "" if not text else pane.needle
        self._screen.find(text)

    def _close(self, text: str) -> None:
        self.text = text
        self._screen.cover.lift()
