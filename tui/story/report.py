"""How is told that a report was written?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.state import LabState
from tui.story.parts import Parts, parts


@parts.register
def _(event: ev.ReportWritten, state: LabState) -> Parts:
    if not event.path:
        return "!", "you", "lab", None, "REPORT", event.reason, False
    return " ", "text", "lab", None, "REPORT", event.path, False
