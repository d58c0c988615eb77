"""What is a person told who does not look, and by which way?

The engine decides it from the journal and sends it, also with no view open: to a command of the researcher's own, or to
the address of a topic as ntfy has it. That something is told is an event before it is sent, so after a kill nothing is
told twice; what was lost on the way is not sent again. A phone that rings at night for what is known is worse than one
that stays silent, and the strip, the report and `nightlab status` say the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.notices.level import Level

PRIORITIES: dict[Level, int] = {"stopped": 5, "urgent": 4, "report": 3, "ready": 3, "news": 2}
"""As ntfy counts them: 3 is the default, 5 rings through."""
TAGS: dict[Level, str] = {
    "stopped": "rotating_light",
    "urgent": "warning",
    "report": "bar_chart",
    "ready": "white_check_mark",
    "news": "information_source",
}


@dataclass(frozen=True)
class Notice:
    """One message to a person."""

    lab: str
    at: float
    level: Level
    title: str
    text: str
    """Sentences, a line each."""
    report: str = ""
    """The report's file, where this tells of one."""

    @property
    def priority(self) -> int:
        """How loud it is, as ntfy counts it."""
        return PRIORITIES[self.level]

    @property
    def tag(self) -> str:
        """The name of the picture that ntfy shows beside it."""
        return TAGS[self.level]


class NotSent(Exception):
    """A notice did not reach where it was sent; the message says where, why, and what to do."""
