"""What does every key, word and glyph mean? Made from the tables that the program itself uses."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.geometry import Region
from textual.screen import Screen

from tui import layout
from tui.bindings import on_screen
from tui.lines import BLANK, Line, cells, fit
from tui.theme import CANDIDATES, OUTCOMES, STATES, Theme
from tui.widgets.pane import TextPane

if TYPE_CHECKING:
    from tui.view import View

GUTTER = 2


class HelpPane(TextPane):
    """Keys, words and files; in two columns where there is room."""

    def __init__(self, look: Theme, screen: str, files: Iterable[tuple[str, str]]) -> None:
        super().__init__(look, id="help", heavy=True)
        self.screen_name = screen
        self._keys = key_lines(screen)
        self._words = [*word_lines(), BLANK, *file_lines(files)]

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        return f"help: {self.screen_name}", "j/k: scroll   ? q esc: close"

    def count(self) -> int:
        """Return the number of lines in the present width."""
        return len(self._lines(self.inner()[0]))

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        return self._lines(width)[index]

    def _lines(self, width: int) -> list[Line]:
        if width < layout.MEDIUM:
            return [*self._keys, BLANK, *self._words]
        half = max(cells(line) for line in self._keys) + GUTTER
        count = max(len(self._keys), len(self._words))
        left = [*self._keys, *([BLANK] * (count - len(self._keys)))]
        right = [*self._words, *([BLANK] * (count - len(self._words)))]
        return [(*a, (" " * (half - cells(a)), "text"), *b) for a, b in zip(left, right, strict=True)]


class HelpScreen(Screen[None], inherit_bindings=False):
    """The help of one screen, over all of it."""

    AUTO_FOCUS = None

    def __init__(self, view: View, screen: str) -> None:
        super().__init__()
        self.view = view
        paths = view.paths
        files = {"settings": paths.config, "journal": paths.journal, "engine's log": paths.log, "runs": paths.runs}
        below = [(name, str(file.relative_to(paths.root))) for name, file in files.items()]
        places = [("lab", str(paths.root)), *below]
        self.pane = HelpPane(view.look, screen, places)

    def compose(self) -> ComposeResult:
        """Make the pane."""
        yield self.pane

    def on_mount(self) -> None:
        """Stand on the theme's ground."""
        if ground := self.view.look.ground:
            self.styles.background = ground

    def on_resize(self, event: events.Resize) -> None:
        """Take all the room."""
        self.pane.place(Region(0, 0, *self.size))
        self.pane.paint()

    def on_key(self, event: events.Key) -> None:
        """Scroll or close."""
        event.stop()
        key = event.character if event.is_printable and event.character else event.key
        moves = {"j": 1, "down": 1, "k": -1, "up": -1, "G": 10_000, "end": 10_000, "g": -10_000, "home": -10_000}
        if key in moves:
            self.pane.scroll_by(moves[key])
        elif key in ("ctrl+d", "pagedown"):
            self.pane.page(1)
        elif key in ("ctrl+u", "pageup"):
            self.pane.page(-1)
        elif key in ("ctrl+q", "ctrl+c"):
            self.view.detach()
        else:
            self.view.pop_screen()


def key_lines(screen: str) -> list[Line]:
    """Return every key of `screen`, by group."""
    lines: list[Line] = []
    for group, members in groupby(on_screen(screen), key=lambda binding: binding.group):
        lines += [*([BLANK] if lines else []), ((f" {group}", "title"),)]
        for binding in members:
            names = " ".join(_name(key) for key in binding.keys)
            lines.append(((f"  {fit(names, 16)} ", "key"), (binding.tooltip, "text")))
    return lines


def word_lines() -> list[Line]:
    """Return every state, outcome and standing of a candidate with its glyph, in its colour."""
    lines: list[Line] = [((" states of a worktree", "title"),)]
    lines += [_word(f"{glyph} {word}", role, text) for word, (glyph, role, text) in STATES.items()]
    lines += [BLANK, ((" outcomes of an experiment", "title"),)]
    lines += [_word(f"{glyph} {word.upper()}", role, text) for word, (glyph, role, text) in OUTCOMES.items()]
    lines += [BLANK, ((" candidates in the queue", "title"),)]
    lines += [_word(word, role, text) for word, (role, text) in CANDIDATES.items()]
    lines += [BLANK, ((" gain is improvement: positive is better, whatever the metric's direction", "text"),)]
    return [*lines, ((" σ counts standard errors: below 2 it may well be noise", "text"),)]


def file_lines(files: Iterable[tuple[str, str]]) -> list[Line]:
    """Return where things are."""
    return [((" files", "title"),), *(((f"  {fit(name, 14)} ", "grey"), (path, "text")) for name, path in files)]


def _word(word: str, role: str, text: str) -> Line:
    return (("  ", "text"), (fit(word, 11), role), (f" {text}", "text"))


def _name(key: str) -> str:
    return {"escape": "esc", "pagedown": "pgdn", "pageup": "pgup"}.get(key, key)
