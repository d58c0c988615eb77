"""Which experiments have got their outcome since the last look?

Of ten thousand experiments a handful is open: to follow a lab is to look at those and at the new ones, never at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.state import Experiment, LabState


@dataclass(frozen=True)
class Decided:
    """How far somebody has looked."""

    seen: int = 0
    """The newest experiment that was looked at; they are numbered from 1 without a gap."""
    open: tuple[int, ...] = ()
    """Those of them that had no outcome."""


def look(known: Decided, state: LabState) -> tuple[Decided, list[Experiment]]:
    """Return how far was looked now, and what was decided since, oldest outcome first.

    The same object where there was nothing new to look at.
    """
    seen = known.seen
    while seen + 1 in state.experiments:
        seen += 1
    waiting = [state.experiments[number] for number in (*known.open, *range(known.seen + 1, seen + 1))]
    decided = sorted((each for each in waiting if each.outcome), key=lambda each: (each.decided or 0.0, each.number))
    if not decided and seen == known.seen:
        return known, []
    return Decided(seen, tuple(each.number for each in waiting if not each.outcome)), decided
