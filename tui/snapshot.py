"""One frame of a screen as text: for `nightlab snapshot`, for documents, and for the tests of the view."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from tui.bindings import SCREENS as LETTERS
from tui.options import ViewOptions
from tui.theme import Theme, choose
from tui.view import View
from worktrees.layout import LabPaths

SETTLE_S = 10.0
"""How long a frame waits for what is still being read."""

SCREENS = tuple(LETTERS.values())
"""Names of all screens."""

PLAIN = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}


def render(
    paths: LabPaths,
    screen: str,
    size: tuple[int, int],
    *,
    look: Theme | None = None,
    clock: Callable[[], float] = time.time,
    svg: Path | None = None,
) -> str:
    """Return what `screen` shows in a terminal of `size` (columns, lines); with `svg` also write a picture there.

    Raises ValueError for a screen that does not exist.
    """
    return asyncio.run(_render(paths, screen, size, look or choose("", env=PLAIN, ascii_only=False), clock, svg))


def rows(view: View) -> list[str]:
    """Return the lines that a view shows now, as wide as the terminal."""
    return [strip.text for strip in view.screen._compositor.render_strips()]  # Textual has no public way to the text


async def show(view: View, pilot: Pilot[None], screen: str) -> str:
    """Go to a screen of a view that is open, wait until it has read what it shows, and return its text.

    Raises ValueError for a screen that does not exist.
    """
    if screen == "help":
        view.help()
    elif screen in SCREENS:
        view.go(screen)
    else:
        raise ValueError(f"no screen {screen!r}; there are: {', '.join((*SCREENS, 'help'))}")
    deadline = time.monotonic() + SETTLE_S
    await pilot.pause()
    view.reading.follow_files()
    while not view.reading.is_settled and time.monotonic() < deadline:
        await pilot.pause(0.02)
    view.paint()
    await pilot.pause()
    return "\n".join(row.rstrip() for row in rows(view)) + "\n"


async def _render(
    paths: LabPaths,
    screen: str,
    size: tuple[int, int],
    look: Theme,
    clock: Callable[[], float],
    svg: Path | None,
) -> str:
    view = View(paths, ViewOptions(), look, clock=clock)
    async with view.run_test(size=size) as pilot:
        text = await show(view, pilot, screen)
        if svg:
            svg.write_text(view.export_screenshot(simplify=True), encoding="utf-8")
        return text
