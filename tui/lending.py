"""How does another program get the terminal for a while? A shell in a worktree, an editor; then the view comes back."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App

from agentcore.engine import launch
from agentcore.engine.control import Command, EngineUnreachable
from tui.widgets.welcome import DEMO
from worktrees.layout import LabPaths

if TYPE_CHECKING:
    from tui.view import View


class Lender:
    """What gets the terminal of one view."""

    def __init__(self, view: View) -> None:
        self._view = view

    def shell(self) -> None:
        """Give the terminal to a shell in the selected worktree."""
        view = self._view
        self._lend([view.env.get("SHELL") or "/bin/sh"], view.paths.worktree(view.selected))

    def edit(self) -> None:
        """Give the terminal to an editor with the direction of the selected worktree, else with the program of all."""
        view = self._view
        row = view.scene.row(view.selected)
        names = [view.selected, *([row.direction] if row and row.direction else [])]
        own = [file for name in names if (file := view.paths.directions / f"{name}.md").is_file()]
        self.edit_file(next(iter(own), view.paths.program))

    def demo(self) -> bool:
        """Give the terminal to a played lab, which ends with its view; return whether that can be done here."""
        driver = self._view._driver
        if not (driver and driver.can_suspend):
            return False
        folder = Path(tempfile.mkdtemp(prefix="nightlab-demo-"))
        _, *words = DEMO.split()
        self._lend([sys.argv[0], *words, str(folder)], self._view.paths.root)
        self._view.run_worker(asyncio.to_thread(_clear, folder))
        return True

    def edit_file(self, file: Path) -> None:
        """Give the terminal to an editor with a file of the lab."""
        self._lend([*editor(self._view.env), str(file)], self._view.paths.root)

    def _lend(self, argv: Sequence[str], folder: Path) -> None:
        """Give the terminal to a program, and come back when it has ended."""
        view = self._view
        said = lend(view, argv, folder, view.env)
        view.look_again()
        if front := view.front:
            front.redraw()
            front.paint()
            front.say(said)


def _clear(folder: Path) -> None:
    """End a played lab whose view was closed, and remove it."""
    paths = LabPaths(folder)
    with suppress(EngineUnreachable):
        launch.send(paths, Command("stop", arguments={"now": True}))
    launch.wait_until_gone(paths)
    shutil.rmtree(folder, ignore_errors=True)


def editor(env: Mapping[str, str]) -> list[str]:
    """Return the command of the person's editor; with a quote that nobody closed it will not start, and say so."""
    words = env.get("VISUAL") or env.get("EDITOR") or "vi"
    try:
        return shlex.split(words) or ["vi"]
    except ValueError:
        return words.split()


def lend(app: App[None], argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> str:
    """Run `argv` in `folder` on the terminal until it ends; return what to tell.

    The view stands still meanwhile, and nothing else does: no work hangs on it.
    """
    name = Path(argv[0]).name
    with app.suspend(), _deaf():  # nothing may be raised in here: Textual would not take the terminal back
        print(f"{' '.join(argv)}  in {folder}: its end comes back to nightlab", flush=True)
        try:
            code = subprocess.run(list(argv), cwd=folder, env=dict(env), check=False).returncode
        except OSError as error:
            return f"{name} did not start: {error.strerror or error}"
    return f"back from {name}" + (f", which ended with {code}" if code else "")


@contextmanager
def _deaf() -> Iterator[None]:
    """Leave ctrl+c to the program that has the terminal: a handler of ours is not inherited, as ignoring would be."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
