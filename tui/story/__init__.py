"""How is an event told in one line of words?

The journal holds facts for programs; this is how they read to a person, in the events pane, on screen 8 and wherever
else the past is listed. Text from outside (hypotheses, reasons) is passed on as it is: painting makes it harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agentcore import format as fmt
from agentcore.events import Entry, Level
from agentcore.state import LabState
from tui.story import (  # noqa: F401 (each registers its events)
    action,
    away,
    candidate,
    experiment,
    idea,
    imported,
    lab,
    notice,
    pruning,
    report,
    retest,
    trunk,
    worktree,
)
from tui.story.parts import parts
from worktrees.text import printable

TROUBLE = ("LIMIT", "PARKED")
"""Words of events that went wrong although nobody is needed for them."""


@dataclass(frozen=True)
class Told:
    """One event in words. `minor` ones are only listed on the screen of all events."""

    at: float
    glyph: str
    role: str
    who: str
    experiment: int | None
    word: str
    text: str
    minor: bool = False

    @property
    def level(self) -> Level:
        """`warn` for what went wrong or needs a person; not where another event tells the same again."""
        is_trouble = self.role in ("you", "bad") or self.word in TROUBLE
        return "warn" if is_trouble and not self.minor else "info"


def tell(entry: Entry, state: LabState) -> Told | None:
    """Return the line of `entry`, or None for an event that says nothing to a person."""
    told = parts(entry.event, state)
    return None if told is None else Told(entry.at, *told)


def line(told: Told) -> str:
    """Return a told event as one line of plain text, for a terminal without a view."""
    number = f"#{told.experiment}" if told.experiment is not None else ""
    words = f"{fmt.clock(told.at, seconds=True)} {told.who:<6} {number:<5} {told.word:<9} {told.text}"
    return printable(words).rstrip()


def as_object(seq: int, kind: str, told: Told) -> dict[str, Any]:
    """Return a told event for programs; `kind`: its type."""
    at = datetime.fromtimestamp(told.at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    number = told.experiment
    words = {"who": told.who, "experiment": number, "word": told.word, "text": printable(told.text)}
    return {"seq": seq, "at": at, "type": kind, "level": told.level, **words}
