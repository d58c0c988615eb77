"""How does a screen tell something for a few seconds? In its strip, or in a note over the line above the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import layout
from tui.attention import Call
from tui.lines import Line
from tui.widgets.bars import key_rows

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen

ANSWER_S = 6.0
"""How long the answer to a key stands in the strip."""


class Teller:
    """What one screen tells for a few seconds."""

    def __init__(self, screen: BaseScreen) -> None:
        self._screen = screen
        self._answered = self._noted = 0

    def say(self, text: str) -> None:
        """Answer the last key in the strip, for a few seconds."""
        strip = self._screen.strip
        strip.answer = text
        self._answered += 1
        strip.paint()
        if text:
            mine = self._answered
            self._screen.set_timer(ANSWER_S, lambda: self.say("") if mine == self._answered else None)

    def announce(self, call: Call) -> None:
        """Tell a piece of news for a few seconds: in the strip where the screen is narrow, else above the keys."""
        if self._screen.size.width >= layout.MEDIUM:
            self.note(call.line)
        elif self.is_calm:
            self.say(call.text)

    @property
    def is_calm(self) -> bool:
        """True while nothing lies over the screen and nothing is being told."""
        screen = self._screen
        return not (screen.cover.top or screen.strip.answer or screen.note.line)

    def note(self, line: Line, *, right: bool = True) -> None:
        """Say something over the lowest line above the keys, for a few seconds; never over a sheet."""
        screen, (width, height) = self._screen, self._screen.size
        if screen.cover.top or layout.is_small(width, height):
            return
        screen.note.show(line, width=width, bottom=height - key_rows(screen.size), right=right)
        self._noted += 1
        mine = self._noted
        screen.set_timer(ANSWER_S, lambda: screen.note.hide() if mine == self._noted else None)
