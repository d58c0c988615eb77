"""What holds while nobody is there, and which limit is reached? Pure; the engine asks before each plan."""

from __future__ import annotations

import math

from agentcore import events as ev
from agentcore.state import Away, LabState

LONGEST_S = 366 * 24 * 3600.0
"""How far ahead `until` may lie: what is meant is a night, and a time that no calendar holds could not be shown."""


def due(state: LabState, now: float) -> ev.AwayLimitReached | None:
    """Return the limit that is reached and that nobody has written down yet."""
    away = state.away
    if away is None or away.over:
        return None
    if away.until is not None and now >= away.until:
        return ev.AwayLimitReached("until", f"the time until which {away.by} wanted it to work alone is over")
    if (reason := spent(state)) and "usd" not in away.reached:
        return ev.AwayLimitReached("usd", reason)
    return None


def over(state: LabState) -> str:
    """Return why nothing new starts, or an empty string."""
    return state.away.over if state.away else ""


def spent(state: LabState) -> str:
    """Return that the money which was given is used, or an empty string: then nothing more is proposed."""
    away = state.away
    if away is None or away.usd is None or used(state, away) < away.usd:
        return ""
    return f"${used(state, away):.2f} of the ${away.usd:.2f} for away mode are used"


def used(state: LabState, away: Away) -> float:
    """Return what models have cost since away mode began, in dollars."""
    return state.spent.usd - away.spent_before


def refusal(state: LabState, now: float, until: float | None, usd: float | None, merge: str) -> str:
    """Return why away mode cannot begin with these limits, or an empty string."""
    if until is not None and until <= now:
        return "the time until which it should work alone is over already"
    if until is not None and not until <= now + LONGEST_S:
        return "the time until which it should work alone is over a year away"
    if usd is not None and not 0 <= usd < math.inf:  # not a number would reach the journal as no limit
        return f"${usd:.2f} is no budget"
    if merge == "gate" and state.engine is not None and state.engine.walls == "none":
        return "this lab runs without a sandbox (--no-sandbox), so nothing moves trunk: merge none"
    return ""
