"""What is known of an idea?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Idea:
    """An idea that waits for an agent; what became of it is told by the experiments that name it (ideas.py)."""

    number: int
    text: str
    by: str
    at: float
    dropped_by: str = ""
    """Who took it from the list; empty while it is offered."""
