"""Screen 8: everything that happened."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tui import layout
from tui.exporting import Listing
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.sources import source
from tui.story import Told, line
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
            "warnings": self._toggle_warnings,
            "open-source": self._open,
        }

    def show(self, scene: Scene) -> None:
        """Hand the events to the list."""
        self.list.marks, self.list.left_at = self.marks, self.view.presence.left_at
        self.list.feed(scene.told)

    def filter_by(self, text: str) -> None:
        """List only the events that hold `text`."""
        self.list.filter_by(text, self.view.scene.told)

    def _toggle_warnings(self) -> None:
        self.list.filter_by(self.list.wanted, self.view.scene.told, warnings=not self.list.warnings)
        self.paint()

    def _open(self) -> None:
        """Go to where the selected event comes from."""
        scene, told = self.view.scene, self.list.selected
        place = source(told, scene.state, scene.overview) if told else None
        if place is None:
            self.say(f"{told.who} {told.word} has no screen of its own" if told else "no event is selected")
        else:
            self.view.visit(place)

    def under_cursor(self) -> object | None:
        """Return the selected event."""
        return self.list.selected

    def copyable(self) -> dict[str, str]:
        """Return the marked events, else the selected one, as lines; of its experiment what else there is."""
        from tui import worth

        one = self.list.selected
        if one is None:
            return {}
        of = worth.of_experiments(self.view, [one.experiment] if one.experiment is not None else [])
        chosen = [told for told in self.list.told if told in self.marks] or [one]
        return of | {"m": "\n".join(line(told) for told in chosen)}

    def listing(self) -> Listing:
        """Return the events that are listed."""
        head = ("AT", "WHO", "EXPERIMENT", "EVENT", "WHAT")
        return Listing(head, tuple(row(told) for told in self.list.told))


def row(told: Told) -> tuple[str, ...]:
    """Return one event as cells; its time as programs read it."""
    at = datetime.fromtimestamp(told.at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return at, told.who, "" if told.experiment is None else str(told.experiment), told.word, told.text
