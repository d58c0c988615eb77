"""How does an imported night change the lab's state? By being remembered, and by nothing else."""

from __future__ import annotations

from agentcore import events as ev
from agentcore.fold.change import follow
from agentcore.fold.replacing import replace
from agentcore.state import Import, LabState


@follow.register
def _(event: ev.HistoryImported, state: LabState, at: float) -> LabState:
    new = Import(event.source, event.digest, event.metric, event.rows, event.by, at)
    return replace(state, imports=(*state.imports, new))
