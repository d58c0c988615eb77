"""How is told that a person was called who did not look?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.state import LabState
from tui.story.parts import Parts, parts


@parts.register
def _(event: ev.NoticeGiven, state: LabState) -> Parts:
    return "·", "grey", "lab", None, "TOLD", "; ".join(event.texts), True
