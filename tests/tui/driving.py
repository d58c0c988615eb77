"""A person in front of the view: real keys, and the text that stands on the screen."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rich.cells import cell_len
from textual import events
from textual.pilot import Pilot

from agentcore.engine.control import Answer, Command
from tests.tui.labs import LabMaker
from tui.options import ViewOptions
from tui.snapshot import PLAIN, rows
from tui.theme import Theme, choose
from tui.view import View

PATIENCE_S = 5.0

NAMED = {
    "question_mark": "?",
    "minus": "-",
    "space": " ",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}
"""Textual's names of keys that print."""

DARK = choose("", env=PLAIN, ascii_only=False)


class Person:
    """Presses keys, reads rows. Time stands still (`now`) unless the test moves it."""

    def __init__(self, lab: LabMaker, options: ViewOptions, look: Theme) -> None:
        self.lab = lab
        self.now = lab.now
        self.beat = 1000.0
        self.view = View(lab.paths, options, look, clock=lambda: self.now, monotonic=lambda: self.beat)
        self.pilot: Pilot[None] | None = None

    async def press(self, *keys: str) -> None:
        """Press keys and let the view answer each; the pilot's own `press` waits three times as long."""
        for key in keys:
            await self.type_at_once(key)

    async def type_at_once(self, *keys: str) -> None:
        """Press keys faster than the view answers, as a word arrives over a slow line."""
        assert self.pilot
        for key in keys:
            self.view.post_message(events.Key(key, NAMED.get(key, key if len(key) == 1 else None)))
        await self.pilot.pause()

    async def resize(self, width: int, height: int) -> None:
        """Change the terminal's size."""
        assert self.pilot
        await self.pilot.resize_terminal(width, height)
        await self.pilot.pause()

    @property
    def rows(self) -> list[str]:
        """The lines on the screen."""
        return rows(self.view)

    @property
    def text(self) -> str:
        """The screen as one text, without trailing blanks."""
        return "\n".join(row.rstrip() for row in self.rows)

    @property
    def strip(self) -> str:
        """The second line: what needs the person, or the answer to the last key."""
        return self.rows[1].strip()

    def row(self, word: str) -> str:
        """Return the first line that contains `word`."""
        return next((row for row in self.rows if word in row), "")

    async def until(self, holds: Callable[[], bool], *, hurried: bool = True) -> None:
        """Wait until a condition holds; what is on the screen is the failure's message.

        The view's own beat of 0.4 s is not waited for, unless the test is about it (not `hurried`).
        """
        assert self.pilot
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, self.text
            if hurried:
                self.view.tick()
            await self.pilot.pause(0.02)

    async def sees(self, words: str, *, hurried: bool = True) -> None:
        """Wait until `words` stand on the screen."""
        await self.until(lambda: words in self.text, hurried=hurried)

    async def moment(self, seconds: float = 1.0) -> None:
        """Let time pass."""
        self.now += seconds
        self.beat += seconds
        self.view.tick()
        assert self.pilot
        await self.pilot.pause()


@asynccontextmanager
async def sitting_at(
    lab: LabMaker, size: tuple[int, int] = (80, 24), *, options: ViewOptions | None = None, look: Theme = DARK
) -> AsyncIterator[Person]:
    """Open the view of `lab` in a terminal of `size`."""
    person = Person(lab, options or ViewOptions(), look)
    async with person.view.run_test(size=size) as pilot:
        person.pilot = pilot
        await pilot.pause()
        yield person


class FakeEngine:
    """Records the commands that arrive on a lab's socket, and answers what it was told to."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.commands: list[Command] = []
        self.answer = answer or Answer(0, "done")

    async def __call__(self, command: Command) -> Answer:
        """Answer one command."""
        self.commands.append(command)
        return self.answer


def crooked(lines: list[str], width: int) -> list[str]:
    """Return the lines that are not exactly `width` cells wide."""
    return [line for line in lines if cell_len(line) != width]
