"""How is told what was removed because nothing needs it?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.engine.pruning import told
from agentcore.state import LabState
from tui.story.parts import Parts, parts


@parts.register
def _(event: ev.LeftoversPruned, state: LabState) -> Parts:
    what = f"{told(event.counts)}, {fmt.size(event.bytes)}"
    by = "" if event.by == "engine" else f" (by {event.by})"
    return " ", "text", "lab", None, "PRUNED", f"{what}: {event.why}{by}", False
