"""When may a file be read again? Once a while where it only grows, at once where somebody asks for another one."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Pace:
    """The turns of one reader: at least `pause_s` lie between two, unless one is asked for."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._hinted = asyncio.Event()
        self._asked = asyncio.Event()

    def hint(self) -> None:
        """There is something new to read."""
        self._hinted.set()

    def ask(self) -> None:
        """Something else is to be read, and a person waits for it."""
        self._hinted.set()
        self._asked.set()

    async def turn(self, within_s: float | None = None) -> None:
        """Wait for the next turn, after the pause for `within_s` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pause_s):
                await self._asked.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._hinted.wait()
        self._hinted.clear()
        self._asked.clear()
