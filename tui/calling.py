"""How is a person called when something has happened? By the bell, the desktop, the terminal's title, and a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import attention, hints

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen
    from tui.view import View


class Caller:
    """What the view calls a person with."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._ear = attention.Ear()
        self._hinted = hints.known(view.paths.hints) if view.options.hints else set(hints.WORDS)
        self._title_shown = ""

    def listen(self) -> None:
        """Tell what is new in the view's scene; where nothing is, a newcomer may be told a hint."""
        view, scene = self._view, self._view.scene
        self._ear, calls, rings = attention.listen(self._ear, scene)
        if rings and view.options.bell:
            view.bell()
        for call in calls:
            if view.options.osc9 and attention.is_rung_for(call, scene.state):
                view.send_raw(attention.desktop(call, in_tmux=bool(view.env.get("TMUX"))))
        title = attention.title(scene, ascii_only=view.look.ascii)
        if title != self._title_shown and view.options.title:
            self._title_shown = title
            view.send_raw(f"\x1b]2;{title}\x07")
        if (front := view.front) and calls:
            front.teller.announce(calls[-1])
        elif front:
            self._hint(front)

    def _hint(self, front: BaseScreen) -> None:
        """Tell a newcomer one of the things that nobody guesses, once."""
        view = self._view
        if front.teller.is_calm and (name := hints.due(view.scene, self._hinted)):
            self._hinted.add(name)
            hints.remember(view.paths.hints, self._hinted)
            front.teller.note(((hints.words(name, view.table), "bold"),), right=False)
