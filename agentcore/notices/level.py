"""How much is an event a person's business, and does it call one who is away?"""

from __future__ import annotations

from typing import Literal

from agentcore import events as ev
from agentcore.engine import gone
from agentcore.events import Event
from agentcore.state import Away, LabState

Level = Literal["stopped", "urgent", "report", "ready", "news"]
"""stopped: nobody works any more. urgent: a person is needed. report: the night is told. ready: one may merge.
news: told, and never rung for.
"""

ORDER: tuple[Level, ...] = ("stopped", "urgent", "report", "ready", "news")
"""The most important first."""

STOPPING = ("limits", "money", "disk", "work")
"""Topics of warnings after which nobody works any more."""
STANDSTILL = "nothing new starts"
"""So says every other warning of which the same is true."""


def level(event: Event, state: LabState) -> Level | None:
    """Return how much `event` is a person's business; None where they need not be told."""
    match event:
        case ev.EngineStopped(reason=reason):
            return "news" if "you" in reason.split() else "stopped"
        case ev.WarningRaised(topic=topic, message=message):
            is_end = topic in STOPPING or STANDSTILL in message or (_is_lost(topic, state) and _nobody_works(state))
            return "stopped" if is_end else "urgent"
        case ev.WorktreePaused(by="engine"):  # parked: an agent's own doing, not a person's
            return "stopped" if _nobody_works(state) else "urgent"
        case ev.AwayLimitReached(limit="usd"):
            return "stopped"
        case ev.RunEnded() if state.trunk and state.broken(state.trunk.tree):
            return "stopped"
        case ev.QuestionAsked() | ev.AgentBarred() | ev.RetestEnded(word="LEFT"):
            return "urgent"
        case ev.ThresholdChanged(z_confirm=z):
            return "urgent" if z > state.gate.z_confirm else None
        case ev.CandidateMoved(state="BLOCKED" | "CONFLICT") | ev.CandidateJudged(state="BLOCKED" | "CONFLICT"):
            return "urgent"
        case ev.ReportWritten():
            return "report" if is_over(state) else None
        case ev.CandidateMoved(state="READY") | ev.CandidateJudged(state="READY") | ev.StackJudged(halves=()):
            return "ready" if state.gate.mode == "me" else None
        case ev.TrunkMoved(by=by, old=old):
            return "news" if by != "you" and old.strip("0") else None
        case ev.RetestEnded(word="PROVEN" | "FADED" | "REVERTED"):
            return "news"
    return None


def _is_lost(topic: str, state: LabState) -> bool:
    return topic in {gone.topic(slot) for slot in gone.gone(state)}


def _nobody_works(state: LabState) -> bool:
    """Tell whether every worktree is paused, or at home on a GPU that is gone: none of their agents is asked then."""
    lost = gone.gone(state)
    return all(each.paused or each.slot in lost for each in state.standing)


def calls(found: Level, away: Away | None) -> bool:
    """Tell whether a person is called for it, by bell or by notice; who is away has chosen for what."""
    if away is None or away.tell == "urgent":
        return away is None or found in ("stopped", "urgent", "report")
    return away.tell == "stopped" and found in ("stopped", "report")


def is_over(state: LabState) -> bool:
    """Tell whether the lab has ended its work while nobody was there to see it."""
    return bool(state.away and state.away.over) or (state.engine is not None and state.engine.stopped is not None)
