"""What holds while nobody is there, and which limit is reached? Pure; the engine asks before each plan."""

from __future__ import annotations

import math
from collections.abc import Mapping

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.state import Away, LabState

TELLS: Mapping[ev.AwayTell, str] = {
    "stopped": "only if all agents stop; report at the end",
    "urgent": "also what needs me; report at the end",
    "nothing": "nothing until I am back",
}
"""What a person who is away can want to hear, in their words."""

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


def said(state: LabState) -> str:
    """Return in words what holds while a person is away; an empty string where nobody is."""
    away = state.away
    if away is None:
        return ""
    if away.over:
        return standstill(state)
    money = "" if away.usd is None else f", {fmt.money(used(state, away))} of {fmt.money(away.usd)} used"
    until = "" if away.until is None else f" until {fmt.clock(away.until)}"
    return f"away{until}{money}, merges {'by the gate' if away.merge == 'gate' else 'wait for you'}"


def standstill(state: LabState) -> str:
    """Return which of a person's limits keeps the lab from going on until they are back, or an empty string."""
    away = state.away
    if away is not None and away.over and away.until is not None:
        return f"it is past {fmt.clock(away.until)}: nothing new starts. A or nightlab back"
    if away is not None and "usd" in away.reached and away.usd is not None:
        return f"{fmt.money(away.usd)} are used: no new proposals. A or nightlab back"
    return ""


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
