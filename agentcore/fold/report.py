"""How does a written report change the lab's state?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.fold.change import follow
from agentcore.fold.replacing import replace
from agentcore.state import LabState


@follow.register
def _(event: ev.ReportWritten, state: LabState, at: float) -> LabState:
    """A report that could not be written is not tried again: `nightlab report` tells the same."""
    return replace(state, untold=None, saved=event if event.path else state.saved)
