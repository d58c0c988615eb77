"""How is told what happens while nobody is there?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.state import LabState
from tui.story.parts import Parts, parts


@parts.register
def _(event: ev.AwayStarted, state: LabState) -> Parts:
    until = "" if event.until is None else f" until {fmt.clock(event.until)}"
    money = "" if event.usd is None else f", {fmt.money(event.usd)} more"
    return "=", "wait", "lab", None, "AWAY", f"{event.by}{until}{money}, merges: {event.merge}", False


@parts.register
def _(event: ev.AwayLimitReached, state: LabState) -> Parts:
    return "!", "you", "lab", None, event.limit.upper(), event.reason, False


@parts.register
def _(event: ev.AwayEnded, state: LabState) -> Parts:
    return " ", "text", "lab", None, "BACK", event.reason, False
