"""How does what happens to an idea change the lab's state?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.fold.change import follow
from agentcore.fold.replacing import replace
from agentcore.state import Idea, LabState


@follow.register
def _(event: ev.IdeaAdded, state: LabState, at: float) -> LabState:
    return replace(state, ideas=state.ideas.set(event.idea, Idea(event.idea, event.text, event.by, at)))


@follow.register
def _(event: ev.IdeaDropped, state: LabState, at: float) -> LabState:
    idea = replace(state.ideas[event.idea], dropped_by=event.by)
    return replace(state, ideas=state.ideas.set(event.idea, idea))
