"""Which pane do the moving keys mean, and how much of the screen has it?

The one that `tab` gave the heavy frame, else the first list or text; `f` gives it all the room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.widgets.pane import ListPane, Pane, TextPane

if TYPE_CHECKING:
    from tui.screens.base import Action, BaseScreen

FAR = 1_000_000
"""More lines than any list or text has."""


class Mover:
    """What `tab`, `f` and the moving keys do on one screen."""

    def __init__(self, screen: BaseScreen) -> None:
        self.is_full = False
        """Whether the pane that has the focus takes the whole screen."""
        self._screen = screen

    @property
    def pane(self) -> Pane | None:
        """The pane that the moving keys mean: the one with the heavy frame, else the first list or text."""
        placed = [pane for pane in self._screen.panes() if pane.id and self._has_room(pane)]
        heavy = [pane for pane in placed if pane.heavy]
        return next(iter((*heavy, *(pane for pane in placed if isinstance(pane, ListPane | TextPane)))), None)

    def actions(self, move: Callable[[int], None], main: ListPane) -> dict[str, Action]:
        """Return what the moving keys do on a screen whose `main` list is moved by `move`.

        Where `tab` gave the focus to another pane, that is scrolled instead.
        """

        def by(delta: int) -> None:
            pane = self.pane
            if isinstance(pane, TextPane):
                pane.scroll_by(delta)
            elif pane is main or not isinstance(pane, ListPane):
                move(delta)
            else:
                pane.move(delta)

        def page(direction: int) -> None:
            pane = self.pane
            by(direction * max(1, (pane if isinstance(pane, TextPane) else main).inner()[1] // 2))

        return {
            "down": lambda: by(1),
            "above": lambda: by(-1),
            "first": lambda: by(-FAR),
            "last": lambda: by(FAR),
            "page-down": lambda: page(1),
            "page-up": lambda: page(-1),
        }

    def next_pane(self, step: int) -> None:
        """Give the focus to the next pane of the ring."""
        ring = [pane for pane in self._screen.ring() if self._has_room(pane)]
        if len(ring) < 2:
            self._screen.say("there is one pane here")
            return
        now = self.pane
        at = ring.index(now) if now in ring else 0
        self.focus_on(ring[(at + step) % len(ring)])

    def focus_on(self, chosen: Pane) -> None:
        """Give the focus to a pane."""
        for pane in self._screen.ring():
            pane.heavy = pane is chosen
        self._screen.paint()
        keys = self._screen.view.look.keyed("{tab}: the next pane   {full}: full screen")
        self._screen.say(f"keys move {chosen.id}; {keys}")

    def toggle_full(self) -> None:
        """Give the whole screen to the pane that has the focus, or take it back."""
        if not (self.is_full or self.pane):
            self._screen.say("there is no pane to enlarge")
            return
        self.is_full = not self.is_full
        self._screen.paint()

    def _has_room(self, pane: Pane) -> bool:
        return self.is_full or pane.id in self._screen.placer.places
