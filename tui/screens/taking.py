"""How does something leave the view? By the clipboard (`y`), or as a file (`E`)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from tui.clipboard import give
from tui.exporting import FORMS, Maker, save
from tui.sheets.menu import Menu

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen


class Taker:
    """What `y`, `E` and ctrl+c do on one screen."""

    def __init__(self, screen: BaseScreen) -> None:
        self._screen = screen

    def ask_copy(self) -> None:
        """Offer what can be copied here."""
        from tui.worth import LETTERS  # here: with it comes what reads transcripts

        found = self._screen.copyable()
        if not found:
            self._screen.say("there is nothing to copy here")
            return
        items = [(letter, _described(LETTERS.get(letter, letter), text)) for letter, text in found.items()]
        self._screen.cover.lay(Menu(self._screen.view.look, "copy", items, lambda letter: self._copy(found, letter)))

    def ask_export(self) -> None:
        """Offer the forms in which this screen can be written to a file."""
        forms = {**self._screen.exportable(), "s": self._picture}
        items = [(letter, FORMS.get(letter, (letter, ""))[0]) for letter in forms]
        look, paths = self._screen.view.look, self._screen.view.paths
        folder = ".lab/exports" if paths.exports.is_relative_to(paths.root) else "the current folder"
        self._screen.cover.lay(Menu(look, f"write to {folder}", items, lambda letter: self._export(forms, letter)))

    def copy_selected(self) -> None:
        """Copy what the mouse selected; without a selection close the view."""
        if text := self._screen.get_selected_text():
            self._screen.clear_selection()
            self._give(text)
        else:
            self._screen.view.detach()

    def _picture(self) -> str:
        return self._screen.view.export_screenshot(simplify=True)

    def _copy(self, found: dict[str, str], letter: str) -> None:
        self._screen.cover.lift()
        if letter:
            self._give(found[letter])
        else:
            self._screen.say("nothing was copied")

    def _give(self, text: str) -> None:
        self._screen.view.run_worker(self._given(text), exclusive=True, group="clipboard")

    async def _given(self, text: str) -> None:
        view = self._screen.view
        self._screen.say(await give(text, file=view.paths.clipboard, env=view.env, write=view.send_raw))

    def _export(self, forms: dict[str, Maker], letter: str) -> None:
        self._screen.cover.lift()
        if not letter:
            self._screen.say("nothing was written")
            return
        view = self._screen.view
        if letter == "s":  # the picture is of the screen as it is once the menu has gone
            view.call_after_refresh(lambda: self._write(forms[letter], letter))
        elif letter == "p":
            self._screen.say("drawing")
            view.run_worker(self._draw(forms[letter]), exclusive=True, group="drawing")
        else:
            self._write(forms[letter], letter)

    async def _draw(self, make: Maker) -> None:
        """Draw in a thread: the library for it takes a second to come."""
        from agentcore.results.progress_png import NoPlotter  # here: the first paint draws nothing

        try:
            picture = await asyncio.to_thread(make)
        except NoPlotter as error:
            self._screen.say(str(error))
            return
        self._write(lambda: picture, "p")

    def _write(self, make: Maker, letter: str) -> None:
        view = self._screen.view
        try:
            path = save(make(), view.paths.exports, self._screen.NAME, FORMS[letter][1], view.clock())
        except OSError as error:
            self._screen.say(f"not written: {error}")
            return
        self._screen.say(f"written: {_in_lab(path, view.paths.root)}")


def _described(name: str, text: str) -> str:
    """Return what a letter stands for, with its first words or its size."""
    lines = text.splitlines()
    return f"{name:<8} {lines[0] if len(lines) == 1 else f'{len(lines)} lines'}"


def _in_lab(path: Path, root: Path) -> Path:
    """Return how a file is called: from the lab's folder on, where it lies there."""
    return path.relative_to(root) if path.is_relative_to(root) else path
