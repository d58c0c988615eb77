"""How is told what happens to an idea?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.state import LabState
from tui.story.parts import Parts, parts


@parts.register
def _(event: ev.IdeaAdded, state: LabState) -> Parts:
    return " ", "text", event.by, None, "IDEA", f"{event.idea}: {event.text}", False


@parts.register
def _(event: ev.IdeaDropped, state: LabState) -> Parts:
    return "-", "grey", event.by, None, "IDEA", f"{event.idea} is not offered any more", False
