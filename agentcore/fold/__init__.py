"""How does the lab's state follow from its events?

``apply(state, entry) -> state`` is pure: it never looks at a clock, a file or a process, so a recorded journal is a
demo, a test and a bug report.
"""

from __future__ import annotations

from collections.abc import Iterable

from agentcore import events as ev
from agentcore.events import Entry
from agentcore.fold import (  # noqa: F401 (each registers its events)
    action,
    away,
    candidate,
    experiment,
    idea,
    lab,
    report,
    retest,
    trunk,
    worktree,
)
from agentcore.fold.action import remember
from agentcore.fold.change import follow
from agentcore.fold.replacing import replace
from agentcore.state import LabState

RECENT = 500
"""Entries kept in memory for the events pane; the journal has all."""


def fold(entries: Iterable[Entry], state: LabState | None = None) -> LabState:
    """Apply `entries` in order."""
    state = state or LabState()
    for entry in entries:
        state = apply(state, entry)
    return state


def apply(state: LabState, entry: Entry) -> LabState:
    """Return the state after `entry`. Raises ValueError where the journal skips or repeats a sequence number."""
    if entry.seq != state.seq + 1:
        raise ValueError(f"journal out of order: event {entry.seq} after {state.seq}")
    state = remember(state, follow(entry.event, state, entry.at), entry)
    if isinstance(entry.event, ev.TokensUsed):  # one per model turn: they would drive everything else out
        return replace(state, seq=entry.seq, at=entry.at)
    return replace(state, seq=entry.seq, at=entry.at, recent=(*state.recent[-RECENT + 1 :], entry))
