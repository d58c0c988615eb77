"""What happened, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from tui import format as fmt
from tui.lines import Line, fit
from tui.story import Told, line
from tui.theme import Theme
from tui.widgets.pane import Frame, ListPane, Pane
from tui.widgets.searched import holds

ROOMY = 90
"""From this width on an event's words stand in columns."""


class EventsPane(Pane):
    """The last events that matter, as many as fit."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="events")
        self.told: Sequence[Told] = ()

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        return "events", "8: all" if self.frame == "box" else "8:all"

    def body(self, width: int, height: int) -> list[Line]:
        """Return the newest lines."""
        shown = [told for told in self.told if not told.minor][:height]
        return [event_line(told, width) for told in shown] or [((" nothing happened yet", "grey"),)]


class EventsList(ListPane):
    """All events that are kept in memory, with a cursor. Scrolled away from the top it stays where it is."""

    def __init__(self, look: Theme, frame: Frame = "bare") -> None:
        super().__init__(look, id="events", frame=frame)
        self.told: Sequence[Told] = ()
        self.newer = 0
        self.wanted = ""
        """Only events are listed that hold it."""

    def head(self) -> tuple[str, str]:
        """Return what is listed, where it is not all."""
        return (f"events that hold {self.wanted}: {len(self.told)}", "esc: all") if self.wanted else ("", "")

    def filter_by(self, text: str, told: Sequence[Told]) -> None:
        """List only what holds `text`, from the newest on."""
        self.wanted, self.told = text, ()
        self.cursor = self.top = self.newer = 0
        self.feed(told)

    def feed(self, told: Sequence[Told]) -> None:
        """Show the events, newest first; the cursor stays on its event unless it is on the newest."""
        if self.wanted:
            told = [one for one in told if holds(line(one), self.wanted)]
        new = next((i for i, one in enumerate(told) if self.told and one is self.told[0]), len(told))
        if self.cursor and self.told and new:
            self.cursor += new
            self.top += new
            self.newer += new
        self.told = told
        self.paint()

    def move(self, delta: int) -> None:
        """Move the cursor; at the top the list follows again."""
        super().move(delta)
        if self.cursor == 0:
            self.newer = 0

    def follow(self) -> None:
        """Go to the newest event."""
        self.cursor = self.top = self.newer = 0
        self.paint()

    @property
    def selected(self) -> Told | None:
        """The event under the cursor."""
        return self.told[self.cursor] if self.cursor < len(self.told) else None

    def count(self) -> int:
        """Return the number of events."""
        return len(self.told)

    def item(self, index: int, width: int) -> Line:
        """Return the line of one event."""
        cells = event_line(self.told[index], width - 1)
        sign, cells = self.sign(index, self.told[index]), ((cells[0][0][1:], cells[0][1]), *cells[1:])
        if index != self.cursor:
            return ((sign, "bold"), *cells)
        return (
            (sign, "bold selected"),
            *((text, f"{role} selected") for text, role in cells),
            (" " * width, "selected"),
        )

    def footer(self, width: int) -> list[Line]:
        """Say how many events came while the list stands still."""
        return [((f" FROZEN, {self.newer} newer  F: follow", "you"),)] if self.newer else []


def event_line(told: Told, width: int) -> Line:
    """Return one event as a line: time, glyph, who, what, in words."""
    number = f" #{told.experiment}" if told.experiment is not None else ""
    if width < ROOMY:
        who = f" {told.who}{number} "
        head: Line = ((f" {fmt.clock(told.at)} ", "grey"), (told.glyph, told.role), (who, "text"))
        return (*head, (told.word, told.role), (f" {told.text}", "text"))
    return (
        (f" {fmt.clock(told.at, seconds=True)} ", "grey"),
        (told.glyph, told.role),
        (f" {fit(told.who + number, 10)} ", "text"),
        (fit(told.word, 9), told.role),
        (f" {told.text}", "text"),
    )
