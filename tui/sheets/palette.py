"""Which action has which name? Every one, filtered as one types; what cannot act says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.geometry import Region

from tui.bindings import Binding, keys_of
from tui.lines import BLANK, Line, clip, fit, overlay, wrap
from tui.sheets.typing import TextLine
from tui.theme import Theme

WIDEST = 96
NAME, KEYS = 18, 9
"""Cells of an action's name and of its keys."""

FULL = 2
"""Lines at the lower edge for what does not fit beside the selected action."""


@dataclass(frozen=True)
class Choice:
    """One action as the palette offers it."""

    binding: Binding
    reason: str
    """Why it cannot act here and now; empty where it can."""


class Palette(TextLine):
    """The sheet that `:` opens. `enter` runs what is selected, and only where it can act."""

    def __init__(self, look: Theme, *, choices: Sequence[Choice], close: Callable[[Binding | None], None]) -> None:
        super().__init__(look, id="palette", frame="box")
        self._choices, self._close = tuple(choices), close
        self._cursor = self._top = 0

    def head(self) -> tuple[str, str]:
        """Return how many there are, and the keys that are no text."""
        return f"actions: {len(self.matches)} of {len(self._choices)}", "enter: do it   esc: close"

    @property
    def matches(self) -> list[Choice]:
        """The actions that hold every word that was typed, best names first."""
        return matching(self._choices, self.text)

    def body(self, width: int, height: int) -> list[Line]:
        """Return the line that is typed, the actions, and the selected one's words in full."""
        matches, room = self.matches, max(1, height - 1 - FULL)
        self._cursor = max(0, min(self._cursor, len(matches) - 1))
        self._top = max(0, min(self._top, self._cursor), self._cursor - room + 1)
        shown = matches[self._top : self._top + room]
        lines = [self._line(choice, self._top + index, width) for index, choice in enumerate(shown)]
        lines = lines or [((" no action has such a name", "grey"),)]
        full = wrap(_said(matches[self._cursor]), width - 2)[:FULL] if matches else []
        below: list[Line] = [((f" {part}", "grey"),) for part in full]
        return [self.prompt(width, ":"), *lines, *([BLANK] * (room - len(lines))), *below]

    def fit_into(self, width: int, height: int) -> None:
        """Stand at the top of a screen of that size, so that the line that is typed keeps its place."""
        wide = min(WIDEST, width - 2)
        tall = max(5, min(len(self.matches) + 3 + FULL, height - 4))
        self.place(Region((width - wide) // 2, min(2, max(0, height - tall)), wide, min(tall, height)))
        self.paint()

    def press(self, key: str) -> None:
        """Move among the actions, or take a letter."""
        step = {"down": 1, "tab": 1, "up": -1, "shift+tab": -1, "pagedown": 8, "pageup": -8}.get(key)
        if step is None:
            super().press(key)
            return
        self._cursor = max(0, min(len(self.matches) - 1, self._cursor + step))
        self.paint()

    def typed(self) -> None:
        """Begin with the best match again; the sheet is as long as its list."""
        self._cursor = 0
        self.fit_into(*self.screen.size)

    def done(self) -> None:
        """Run what is selected; one that cannot act keeps the palette open, its reason is on it."""
        matches = self.matches
        if matches and not matches[self._cursor].reason:
            self._close(matches[self._cursor].binding)

    def given_up(self) -> None:
        """Run nothing."""
        self._close(None)

    def _line(self, choice: Choice, index: int, width: int) -> Line:
        binding = choice.binding
        keys = keys_of(binding) if binding.keys else ""
        role = "grey" if choice.reason else "text"
        line: Line = (
            (" > " if index == self._cursor else "   ", "bold"),
            (fit(binding.name, NAME), "grey" if choice.reason else "bold"),
            (f" {fit(keys, KEYS)} ", "key"),
            (clip(_said(choice), max(1, width - NAME - KEYS - 6)), role),
            (" " * width, "text"),
        )
        return overlay(line, "selected") if index == self._cursor else line


def _said(choice: Choice) -> str:
    return f"not now: {choice.reason}" if choice.reason else choice.binding.tooltip


def matching(choices: Sequence[Choice], text: str) -> list[Choice]:
    """Return the choices that hold every word of `text` in name or explanation; names that begin with it first."""
    words = text.lower().split()

    def holds(choice: Choice) -> bool:
        told = f"{choice.binding.name} {choice.binding.tooltip}".lower()
        return all(word in told for word in words)

    def distance(choice: Choice) -> int:
        name = choice.binding.name
        return 0 if not words or name.startswith(words[0]) else 1 if words[0] in name else 2

    return sorted(filter(holds, choices), key=distance)
