"""How does what a person was told change the lab's state?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.fold.change import follow
from agentcore.fold.replacing import replace
from agentcore.state import LabState, Notices

REMEMBERED = 50
"""Sentences that are not said again for a while."""


@follow.register
def _(event: ev.NoticeGiven, state: LabState, at: float) -> LabState:
    before = state.notices
    said = (*before.said, *((text, at) for text in event.texts))[-REMEMBERED:]
    ready_at = at if event.level == "ready" else before.ready_at
    return replace(state, notices=Notices(event.through, at, ready_at, said))
