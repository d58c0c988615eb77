"""Since when was nobody there? What a report tells of, unless somebody names another time. Pure.

The latest absence counts: away mode, or an hour without a key in any view.
"""

from __future__ import annotations

from agentcore.state import Away, LabState

ABSENT_S = 3600.0
"""Without a key for so long nobody was there."""
AWAY_S = 60.0
"""The same while away mode says it: the keys that began it are over."""
RECENT_S = 12 * 3600.0
"""How far one looks back where nobody was away."""


def is_absence(silent_s: float, away: Away | None) -> bool:
    """Tell whether so long without a key means that nobody was there."""
    return silent_s >= (AWAY_S if away else ABSENT_S)


def began(state: LabState, left: float | None, now: float) -> float:
    """Return when the newest absence began (Unix time), else the time `RECENT_S` ago.

    `left`: when the last key was pressed before an hour without one; None where there was no such hour.
    """
    if state.away:
        return state.away.since
    last = state.last_away
    if last and now - last.ended <= RECENT_S and (left is None or left <= last.ended):
        return last.began
    return left if left is not None else now - RECENT_S
