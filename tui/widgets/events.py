"""What happened, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from agentcore import format as fmt
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
        return "events", self.look.keyed("{events}: all" if self.frame == "box" else "{events}:all")

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
        self.warnings = False
        """Only events are listed that went wrong or need a person."""
        self.left_at: float | None = None
        """When somebody was here last before an absence: a rule is drawn there."""
        self._rule: int | None = None
        """The row that it takes."""

    def head(self) -> tuple[str, str]:
        """Return what is listed, where it is not all."""
        if not (self.wanted or self.warnings):
            return "", ""
        kind = "what went wrong or needs you" if self.warnings else "events"
        holding = f" that hold {self.wanted}" if self.wanted else ""
        return f"{kind}{holding}: {len(self.told)}", self.look.keyed(
            "{warnings}: all" if self.warnings else "{up}: all"
        )

    def filter_by(self, text: str, told: Sequence[Told], *, warnings: bool | None = None) -> None:
        """List only what holds `text`, or only what went wrong, from the newest on."""
        self.wanted, self.told = text, ()
        self.warnings = self.warnings if warnings is None else warnings
        self.frame = "rule" if self.wanted or self.warnings else "bare"
        self.cursor = self.top = self.newer = 0
        self.feed(told)

    def feed(self, told: Sequence[Told]) -> None:
        """Show the events, newest first; the cursor stays on its event unless it is on the newest."""
        if self.warnings:
            told = [one for one in told if one.level == "warn"]
        if self.wanted:
            told = [one for one in told if holds(line(one), self.wanted)]
        new = next((i for i, one in enumerate(told) if self.told and one is self.told[0]), len(told))
        chosen, before = self.selected if self.cursor else None, self.cursor
        self.newer += new if self.cursor and self.told else 0
        self.told, self._rule = told, _row_of_rule(told, self.left_at)
        at = next((i for i, one in enumerate(told) if one is chosen), None)
        if at is not None:
            self.cursor = at + (self._rule is not None and at >= self._rule)
            self.top += self.cursor - before
        self.paint()

    def move(self, delta: int) -> None:
        """Move the cursor, over the rule; at the top the list follows again."""
        super().move(delta)
        if self.cursor == self._rule:
            super().move(1 if delta > 0 else -1)
        if self.cursor == 0:
            self.newer = 0

    def follow(self) -> None:
        """Go to the newest event."""
        self.cursor = self.top = self.newer = 0
        self.paint()

    @property
    def selected(self) -> Told | None:
        """The event under the cursor."""
        return self._event(self.cursor) if self.cursor < self.count() else None

    def count(self) -> int:
        """Return the number of rows."""
        return len(self.told) + (self._rule is not None)

    def item(self, index: int, width: int) -> Line:
        """Return the line of one event, or the rule."""
        told = self._event(index)
        if told is None:
            words = f"── you were here last at {fmt.clock(self.left_at or 0.0)} "
            return ((f" {words}{'─' * max(0, width - len(words) - 2)}", "wait"),)
        cells = event_line(told, width - 1)
        sign, cells = self.sign(index, told), ((cells[0][0][1:], cells[0][1]), *cells[1:])
        return self.lit(index, ((sign, "bold"), *cells), width)

    def footer(self, width: int) -> list[Line]:
        """Say how many events came while the list stands still."""
        words = f" FROZEN, {self.newer} newer  {self.look.keyed('{follow}: follow')}"
        return [((words, "you"),)] if self.newer else []

    def _event(self, row: int) -> Told | None:
        """Return the event of a row; None for the rule."""
        if self._rule is None or row < self._rule:
            return self.told[row]
        return None if row == self._rule else self.told[row - 1]


def _row_of_rule(told: Sequence[Told], left_at: float | None) -> int | None:
    """Return how many events are newer than `left_at`; None where that is none, or nothing older is listed."""
    if left_at is None:
        return None
    newer = sum(one.at > left_at for one in told)
    return newer if 0 < newer < len(told) else None


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
