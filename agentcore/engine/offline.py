"""How is a fact written into a lab where no engine runs? Under the engine's lock, so that there is one writer still."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from agentcore.engine.lab import folded
from agentcore.engine.lock import locked
from agentcore.events import Event
from agentcore.journal.rows import Journal, JournalError
from agentcore.state import LabState
from worktrees.layout import LabPaths

E = TypeVar("E", bound=Event)


def record(paths: LabPaths, decide: Callable[[LabState], E], now: float) -> E:
    """Append the event that `decide` makes of the state, and return it; nothing is written where it raises.

    Raises EngineRunning, JournalError.
    """
    with locked(paths.lock), Journal(paths.journal) as journal:
        if journal.doubt:  # an engine writes that down first; a new row would cover it up
            raise JournalError(f"{journal.doubt}; nightlab audit verify tells more")
        event = decide(folded(paths))
        journal.append(now, event, durable=True)
        return event
