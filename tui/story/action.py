"""How is told that something was taken back?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.state import LabState
from agentcore.undo.undoing import told
from tui.story.parts import Parts, parts


@parts.register
def _(event: ev.ActionUndone, state: LabState) -> Parts:
    return "=", "wait", "lab", None, "UNDO", f"by {event.by}: {_action(state, event.action)}", True


@parts.register
def _(event: ev.ActionRedone, state: LabState) -> Parts:
    return "=", "wait", "lab", None, "REDO", f"by {event.by}: {_action(state, event.action)}", True


def _action(state: LabState, seq: int) -> str:
    action = next((each for each in state.actions if each.seq == seq), None)
    return told(state, action) if action else f"the action of entry {seq}"
