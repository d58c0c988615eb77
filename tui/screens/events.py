"""Screen 8: everything that happened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui import layout
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.widgets.events import EventsList
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from tui.view import View


class EventsScreen(BaseScreen):
    """The events in words, newest first."""

    NAME = "events"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.list = EventsList(view.look)

    def panes(self) -> Iterable[Pane]:
        """Return the pane."""
        return (self.list,)

    def places(self, width: int, height: int) -> layout.Places:
        """Give the list all the room."""
        return layout.whole(width, height, "events")

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            "down": lambda: self.list.move(1),
            "above": lambda: self.list.move(-1),
            "first": lambda: self.list.move(-self.list.count()),
            "last": lambda: self.list.move(self.list.count()),
            "page-down": lambda: self.list.page(1),
            "page-up": lambda: self.list.page(-1),
            "follow": self.list.follow,
        }

    def show(self, scene: Scene) -> None:
        """Hand the events to the list."""
        self.list.feed(scene.told)
