"""How does an imported night change the lab's state? By being remembered, and by nothing else."""

from __future__ import annotations

from agentcore import events as ev
from agentcore.fold.change import follow
from agentcore.fold.replacing import replace
from agentcore.state import Import, LabState


@follow.register
def _(event: ev.HistoryImported, state: LabState, at: float) -> LabState:
    new = Import(event.source, event.digest, event.metric, event.rows, event.by, at)
    others = tuple(each for each in state.dropped_imports if each.digest != event.digest)
    return replace(state, imports=(*state.imports, new), dropped_imports=others)


@follow.register
def _(event: ev.HistoryDropped, state: LabState, at: float) -> LabState:
    left = tuple(each for each in state.imports if each.digest != event.digest)
    gone = tuple(each for each in state.imports if each.digest == event.digest)
    return replace(state, imports=left, dropped_imports=(*state.dropped_imports, *gone))
