"""What lies over a screen and takes its keys? One thing at a time: a question, a line of text, the palette, a menu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui import bindings
from tui.bindings import Binding
from tui.follow import Scene
from tui.sheets.entry import Entry
from tui.sheets.form import Asking, Field, Form
from tui.sheets.menu import Menu
from tui.sheets.palette import Choice, Palette
from tui.sheets.sheet import Question, Sheet
from tui.sheets.typing import TextLine

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen


class Cover:
    """What lies over one screen."""

    def __init__(self, screen: BaseScreen) -> None:
        self.top: Sheet | TextLine | Menu | None = None
        """What takes the keys just now; None where the screen does."""
        self._screen = screen

    def lay(self, over: Sheet | TextLine | Menu) -> None:
        """Let something take the keys until it is lifted."""
        self._screen.note.hide()
        self.top = over
        self._screen.mount(over)
        over.fit_into(*self._screen.size)

    def lift(self) -> None:
        """Take away what was laid over the screen."""
        self.drop(TextLine, Menu)
        self._screen.paint()

    def drop(self, *kinds: type[Sheet | TextLine | Menu]) -> None:
        """Take away what lies on top where it is of one of those kinds: it may tell late that it was closed."""
        if isinstance(self.top, kinds):
            self.top.remove()
            self.top = None

    def fit_into(self, width: int, height: int) -> None:
        """Stand over a screen of that size."""
        if self.top:
            self.top.fit_into(width, height)

    def open_sheet(self, ask: Callable[[Scene], Question]) -> None:
        """Put a question over the screen."""
        view, send = self._screen.view, self._screen.view.sender.command
        self.lay(Sheet(view.look, ask=ask, fresh=view.look_again, send=send, clock=view.monotonic))

    def open_form(self, fields: tuple[Field, ...], ask: Asking) -> None:
        """Put a question over the screen whose first facts can be changed."""
        view, send = self._screen.view, self._screen.view.sender.command
        self.lay(Form(view.look, fields=fields, ask=ask, fresh=view.look_again, send=send, clock=view.monotonic))

    def open_entry(self, names: Sequence[str]) -> None:
        """Ask for a line of text for the agents of those worktrees."""
        view = self._screen.view

        def close(text: str) -> None:
            self.lift()
            if text.strip():
                self._screen.spend_marks()
                view.sender.tell(names, text.strip())
            else:
                self._screen.say("nothing was sent")

        unsent = [text for name in names if (text := view.sender.unsent.pop(name, ""))]
        titles = (f"tell {', '.join(names)}", "enter: send   esc: cancel")
        self.lay(Entry(view.look, titles, close=close, text=unsent[0] if unsent else ""))

    def open_palette(self) -> None:
        """Offer every action by name: those of this screen first."""
        view, situation = self._screen.view, self._screen.situation()
        here = list(bindings.on_screen(self._screen.NAME, view.table))
        choices = [Choice(each, each.disabled(situation)) for each in here if each.id != "palette"]
        elsewhere = (each for each in view.table if each not in here)
        choices += [Choice(each, f"on screen {bindings.where(each)}") for each in elsewhere]
        self.lay(Palette(view.look, choices=choices, close=self._chose))

    def _chose(self, binding: Binding | None) -> None:
        self.lift()
        if binding:
            self._screen.do(binding)
