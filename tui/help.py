"""What does every key, word and glyph mean? Made from the tables that the program itself uses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from itertools import groupby, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.geometry import Region
from textual.screen import Screen

from tui import layout
from tui.bindings import TABLE, Table, on_screen, shown
from tui.lines import BLANK, Line, cells, fit, wrap
from tui.sheets.entry import LOOK_FOR, Entry
from tui.theme import CANDIDATES, OUTCOMES, STATES, Theme
from tui.widgets.pane import TextPane
from tui.widgets.searched import holds

if TYPE_CHECKING:
    from tui.view import View

GUTTER = 2
"""Cells between two columns."""

SHARES = (48, 32, 20)
"""Percent of the width for keys, words and files, where they stand side by side."""

NAMED = 70
"""From so many cells on a key's line has the action's name."""

WORD = 11
"""Cells of a state's glyph and word."""


class HelpPane(TextPane):
    """Keys, words and files; in three columns where there is room. Only what holds `wanted` is shown."""

    def __init__(self, look: Theme, screen: str, table: Table, files: Iterable[tuple[str, str]]) -> None:
        super().__init__(look, id="help", heavy=True)
        self.screen_name = screen
        self.wanted = ""
        self.tmux = ""
        """What is known of the bell where the view runs."""
        self._table, self._files = table, tuple(files)
        self._made: tuple[tuple[int, str, str], list[Line]] = ((0, "", ""), [])

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        named = f"help: {self.screen_name}" + (f", what holds {self.wanted}" if self.wanted else "")
        return named, "j/k: scroll   /: find   ? q esc: close"

    def count(self) -> int:
        """Return the number of lines in the present width."""
        return len(self._lines(self.inner()[0]))

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        return self._lines(width)[index]

    def _lines(self, width: int) -> list[Line]:
        asked = (width, self.wanted, self.tmux)
        if self._made[0] != asked:
            self._made = (asked, self._lay_out(width))
        return self._made[1]

    def _lay_out(self, width: int) -> list[Line]:
        if width < layout.MEDIUM - 2:
            columns = [part for part in self._columns([width - 1] * len(SHARES)) if part]
            return [line for index, part in enumerate(columns) for line in ([BLANK] if index else []) + part]
        widths = [width * share // 100 - GUTTER for share in SHARES]
        rows = zip_longest(*self._columns(widths), fillvalue=BLANK)
        return [
            tuple(span for line, wide in zip(row, widths, strict=True) for span in _filled(line, wide)) for row in rows
        ]

    def _columns(self, widths: list[int]) -> list[list[Line]]:
        keys = key_lines(self.screen_name, self._table, widths[0], self.wanted)
        return [keys, word_lines(widths[1], self.wanted), file_lines(self._facts(), widths[2], self.wanted)]

    def _facts(self) -> list[tuple[str, str]]:
        return [*self._files, ("version", version("nightlab")), *([("tmux", self.tmux)] if self.tmux else [])]


def _place(file: Path, root: Path) -> str:
    """Return where a file lies, from the lab on; a replay's exports lie elsewhere."""
    return str(file.relative_to(root) if file.is_relative_to(root) else file)


class HelpScreen(Screen[None], inherit_bindings=False):
    """The help of one screen, over all of it."""

    AUTO_FOCUS = None
    DEFAULT_CSS = "HelpScreen { layers: base sheet; overflow: hidden; }"

    def __init__(self, view: View, screen: str) -> None:
        super().__init__()
        self.view = view
        paths = view.paths
        files = {"settings": paths.config, "journal": paths.journal, "engine's log": paths.log, "runs": paths.runs}
        files |= {"exports": paths.exports, "worktree": paths.worktree(view.selected)}
        below = [(name, _place(file, paths.root)) for name, file in files.items()]
        own = [("own settings", str(view.options.file))] if view.options.file else []
        places = [("lab", str(paths.root)), *own, *below]
        self.pane = HelpPane(view.look, screen, view.table, places)
        self.search: Entry | None = None

    def compose(self) -> ComposeResult:
        """Make the pane."""
        yield self.pane

    def on_mount(self) -> None:
        """Stand on the theme's ground, and ask tmux about its bell."""
        if ground := self.view.look.ground:
            self.styles.background = ground
        self.run_worker(self._ask_tmux(), name="tmux")

    async def _ask_tmux(self) -> None:
        self.pane.tmux = await bell_of_tmux(self.view.env)
        self.pane.paint()

    def on_resize(self, event: events.Resize) -> None:
        """Take all the room."""
        self.pane.place(Region(0, 0, *self.size))
        self.pane.paint()
        if self.search:
            self.search.fit_into(*self.size)

    def on_paste(self, event: events.Paste) -> None:
        """Take pasted text into the line that is looked for, and nowhere else."""
        event.stop()
        if self.search:
            self.search.insert(event.text)

    def on_key(self, event: events.Key) -> None:
        """Scroll, look for a word, or close."""
        event.stop()
        event.prevent_default()
        key = event.character if event.is_printable and event.character else event.key
        moves = {"j": 1, "down": 1, "k": -1, "up": -1, "G": 10_000, "end": 10_000, "g": -10_000, "home": -10_000}
        if self.search:
            self.search.press(key)
        elif key in moves:
            self.pane.scroll_by(moves[key])
        elif key in ("ctrl+d", "pagedown", "ctrl+u", "pageup"):
            self.pane.page(1 if key in ("ctrl+d", "pagedown") else -1)
        elif key == "/":
            begun, answer, close = self.pane.wanted, self._filter, self._keep
            self.search = Entry(self.view.look, LOOK_FOR, close=close, answer=answer, text=begun, sign="/")
            self.mount(self.search)
            self.search.fit_into(*self.size)
        elif key == "escape" and self.pane.wanted:
            self._filter("")
        elif key in ("ctrl+q", "ctrl+c"):
            self.view.detach()
        elif key in ("q", "escape") or key in self._openers():
            self.view.pop_screen()

    def _openers(self) -> set[str]:
        return {key for binding in self.view.table if binding.id == "help" for key in binding.keys}

    def _filter(self, text: str) -> None:
        self.pane.wanted = self.pane.needle = text
        self.pane.top = 0
        self.pane.paint()

    def _keep(self, text: str) -> None:
        if self.search:
            self.search.remove()
            self.search = None


async def bell_of_tmux(env: Mapping[str, str]) -> str:
    """Return in a few words whether a bell would flag the view's window; empty outside tmux."""
    if not env.get("TMUX"):
        return ""
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        asked = await asyncio.create_subprocess_exec(
            "tmux", "show-options", "-gwv", "monitor-bell", stdin=null, stdout=pipe, stderr=null
        )
    except OSError:
        return "it does not answer"
    said, _ = await asked.communicate()
    return {b"on": "a bell flags this window", b"off": "monitor-bell is off: no bell flags this window"}.get(
        said.strip(), "it does not answer"
    )


def key_lines(screen: str, table: Table = TABLE, width: int = 120, wanted: str = "") -> list[Line]:
    """Return every key of `screen` with the action's name, by group."""
    lines: list[Line] = []
    for group, members in groupby(on_screen(screen, table), key=lambda binding: binding.group):
        found = [each for each in members if holds(f"{' '.join(each.keys)} {each.name} {each.tooltip}", wanted)]
        if not found:
            continue
        lines += [*([BLANK] if lines else []), ((f" {group}", "title"),)]
        for each in found:
            keys = " ".join(shown(key) for key in each.keys) or ":"
            name = f"{fit(each.name, 18)} " if width >= NAMED else ""
            lines += _hanging(((f"  {fit(keys, 14)} ", "key"), (name, "grey")), each.tooltip, width)
    return lines


def word_lines(width: int, wanted: str = "") -> list[Line]:
    """Return every state, outcome and standing of a candidate with its glyph, in its colour."""
    states = [(f"{glyph} {word}", role, text) for word, (glyph, role, text) in STATES.items()]
    outcomes = [(f"{glyph} {word.upper()}", role, text) for word, (glyph, role, text) in OUTCOMES.items()]
    candidates = [(word, role, text) for word, (role, text) in CANDIDATES.items()]
    numbers = [
        ("GAIN", "text", "improvement: positive is better, whatever the metric's direction"),
        ("σ", "text", "standard errors: a gain below 2 may well be noise"),
    ]
    titles = ("states of a worktree", "outcomes of an experiment", "candidates in the queue", "numbers")
    lines: list[Line] = []
    for title, words in zip(titles, (states, outcomes, candidates, numbers), strict=True):
        found = [each for each in words if holds(f"{each[0]} {each[2]}", wanted)]
        lines += [*([BLANK] if lines and found else []), *([((f" {title}", "title"),)] if found else [])]
        for word, role, text in found:
            lines += _hanging((("  ", "text"), (fit(word, WORD), role), (" ", "text")), text, width)
    return lines


def file_lines(files: Iterable[tuple[str, str]], width: int, wanted: str = "") -> list[Line]:
    """Return where things are; a path that is too long goes below its name, broken but whole."""
    found = [each for each in files if holds(" ".join(each), wanted)]
    lines: list[Line] = [((" files", "title"),)] if found else []
    for name, path in found:
        if len(path) + 17 <= width:
            lines.append(((f"  {fit(name, 14)} ", "grey"), (path, "text")))
        else:
            lines.append(((f"  {name}", "grey"),))
            lines += [((f"    {part}", "text"),) for part in wrap(path, max(8, width - 4))]
    return lines


def _hanging(start: Line, text: str, width: int) -> list[Line]:
    """Return `text` after `start`, its further lines below its first."""
    indent = cells(start)
    first, *rest = wrap(text, max(12, width - indent))
    return [(*start, (first, "text")), *(((" " * indent, "text"), (part, "text")) for part in rest)]


def _filled(line: Line, width: int) -> Line:
    return (*line, (" " * max(0, width + GUTTER - cells(line)), "text"))
