"""Where does each part of a screen stand? Title, strip and key line at its edges, between them what the screen has.

It is asked before every painting, and moves nothing where nothing moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.geometry import Region, Size

from tui import layout
from tui.widgets.bars import key_rows

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen

CLOCK = 9
"""Cells of the clock at the right end of a wide title."""


class Placer:
    """What stands where on one screen."""

    def __init__(self, screen: BaseScreen) -> None:
        self.places: Mapping[str, Region] = {}
        """By the id of what stands there; what is not in it is hidden."""
        self._screen = screen

    def forget(self) -> None:
        """Place everything anew the next time."""
        self.places = {}

    def stand(self) -> None:
        """Give every part its place for the screen's size and the scene."""
        width, height = self._screen.size
        places = self._placed(width, height) if width else self.places
        if places == self.places:
            return
        self.places = places
        for pane in self._screen.painted():
            pane.place(places.get(pane.id or ""))
        self._screen.note.hide()
        self._screen.cover.fit_into(width, height)

    def _placed(self, width: int, height: int) -> Mapping[str, Region]:
        if layout.is_small(width, height):
            return {"small": Region(0, 0, width, height)}
        keys = key_rows(Size(width, height))
        clock = CLOCK if width >= layout.WIDE else 0
        places = {
            "title": Region(0, 0, width - clock, 1),
            "strip": Region(0, 1, width, 1),
            "keys": Region(0, height - keys, width, keys),
        }
        if clock:
            places["clock"] = Region(width - clock, 0, clock, 1)
        mover = self._screen.mover
        inside = self._screen.places(width, height - 2 - keys)
        if mover.is_full and (pane := mover.pane) and pane.id:
            inside = layout.whole(width, height - 2 - keys, pane.id)
        return places | {name: region.translate((0, 2)) for name, region in inside.items()}
