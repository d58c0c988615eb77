"""How is told that an old night was imported?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.importing import counted
from agentcore.state import LabState
from tui.story.parts import Parts, parts


@parts.register
def _(event: ev.HistoryImported, state: LabState) -> Parts:
    return " ", "text", event.by, None, "IMPORT", f"{counted(event.rows)} of {event.source}", False
