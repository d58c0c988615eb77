"""How is told what happens to the engine, the settings and the warnings?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.state import LabState
from tui.story.parts import Parts, parts

FILES = 3
"""Names of changed files that are told; more are counted."""


@parts.register
def _(event: ev.LabConfigured, state: LabState) -> Parts:
    gate = event.gate
    text = f"settings read: profile {event.profile}, {fmt.count(gate.confirm_seeds, 'seed')}, z {gate.z_confirm}"
    return "·", "grey", "lab", None, "CONFIG", text, True


@parts.register
def _(event: ev.EngineStarted, state: LabState) -> Parts:
    return " ", "text", "engine", None, "START", f"process {event.pid}, {fmt.count(len(event.slots), 'slot')}", False


@parts.register
def _(event: ev.EngineStopped, state: LabState) -> Parts:
    return "=", "wait", "engine", None, "STOP", event.reason, False


@parts.register
def _(event: ev.ClockMoved, state: LabState) -> Parts:
    way = "" if event.seconds > 0 else " back"
    return "!", "wait", "lab", None, "CLOCK", f"clock moved {fmt.duration(abs(event.seconds))}{way}", False


@parts.register
def _(event: ev.PromptsChanged, state: LabState) -> Parts:
    shown, more = event.files[:FILES], len(event.files) - FILES
    files = (
        ", ".join(shown) + (f" and {more} more" if more > 0 else "") or "program, directions and templates as they are"
    )
    return " ", "text", "lab", None, "PROMPTS", f"{_version(event, state)}{files}", False


@parts.register
def _(event: ev.ModeChanged, state: LabState) -> Parts:
    text = f"{event.mode} (by {event.by}){event.reason and f': {event.reason}'}"
    return "!", "you", "gate", None, "MODE", text, False


@parts.register
def _(event: ev.WarningRaised, state: LabState) -> Parts:
    return "!", "you", event.topic, None, "WARN", event.message, False


@parts.register
def _(event: ev.WarningCleared, state: LabState) -> Parts:
    return "·", "grey", event.topic, None, "CLEAR", "no longer so", True


def _version(event: ev.PromptsChanged, state: LabState) -> str:
    """Return `v2: `: the state knows the newest version, and how many changes came after this one."""
    changes = [entry.event for entry in state.recent if isinstance(entry.event, ev.PromptsChanged)]
    later = next((after for after, change in enumerate(reversed(changes)) if change is event), None)
    return "" if later is None else f"v{state.prompts - later}: "
