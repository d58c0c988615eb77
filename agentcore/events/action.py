"""What can happen to what a person did?

Taking an action back, or doing it again, is written as whatever it comes to (a pause, a move of trunk, …), and then as
one of these: a kill between the two leaves a lab in which a person did that by hand.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ActionUndone:
    """A person's action was taken back."""

    action: int
    """The journal's number of its first entry."""
    since: int
    """The journal's number before it was taken back: what follows about the same thing is the taking back."""
    by: str


@dataclass(frozen=True)
class ActionRedone:
    """An action that was taken back was done again."""

    action: int
    since: int
    by: str
