"""How does the lab's state follow from its events?

``apply(state, entry) -> state`` is pure: it never looks at a clock, a file or a process, so a recorded journal is a
demo, a test and a bug report.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from agentcore import events as ev
from agentcore.events import Entry
from agentcore.fold import (  # noqa: F401 (each registers its events)
    action,
    away,
    candidate,
    experiment,
    idea,
    imported,
    lab,
    notice,
    pruning,
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
    """Apply `entries` in order; the same object where there are none."""
    state = state or LabState()
    recent, is_new = deque(state.recent, RECENT), False  # to copy them for each entry would be a fifth of the work
    for entry in entries:
        state = _step(state, entry)
        if not isinstance(entry.event, ev.TokensUsed):  # one per model turn: they would drive everything else out
            recent.append(entry)
            is_new = True
    return replace(state, recent=tuple(recent)) if is_new else state


def apply(state: LabState, entry: Entry) -> LabState:
    """Return the state after `entry`. Raises ValueError where the journal skips or repeats a sequence number."""
    return fold([entry], state)


def _step(state: LabState, entry: Entry) -> LabState:
    """Return everything that `entry` changes but what is kept of the entries themselves."""
    if entry.seq != state.seq + 1:
        raise ValueError(f"journal out of order: event {entry.seq} after {state.seq}")
    state = remember(state, follow(entry.event, state, entry.at), entry)
    return replace(state, seq=entry.seq, at=entry.at)
