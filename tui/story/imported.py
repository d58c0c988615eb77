"""How is told that an old night was imported?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.project.importing import counted
from agentcore.state import LabState
from tui.story.parts import Parts, parts


@parts.register
def _(event: ev.HistoryImported, state: LabState) -> Parts:
    return " ", "text", event.by, None, "IMPORT", f"{counted(event.rows)} of {event.source}", False


@parts.register
def _(event: ev.HistoryDropped, state: LabState) -> Parts:
    known = next((each for each in (*state.dropped_imports, *state.imports) if each.digest == event.digest), None)
    text = f"{counted(known.rows)} of {known.source}: " if known else ""
    return "-", "grey", event.by, None, "IMPORT", f"{text}taken back", True
