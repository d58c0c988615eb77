"""How does pruning change the lab's state? Not at all: nothing that goes was part of it."""

from __future__ import annotations

from agentcore import events as ev
from agentcore.fold.change import follow
from agentcore.state import LabState


@follow.register
def _(event: ev.LeftoversPruned, state: LabState, at: float) -> LabState:
    del event, at
    return state
