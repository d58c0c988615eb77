"""What broke, and when, in the time that a report tells of?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.journal.window import Window

LOST = {
    "lost": "was lost",
    "breach": "was not started, for a wall of its sandbox did not stand",
    "interrupted": "was cut off",
}
"""Endings of a run that are nobody's edit's fault."""


@dataclass(frozen=True)
class Fault:
    """One thing that went wrong, and that the lab went on after."""

    at: float
    text: str


def faults(window: Window) -> tuple[Fault, ...]:
    """Return them in order of time."""
    found = [*_told(window)]
    for run in window.runs:
        if run.ending in LOST:
            found.append(Fault(run.ended or run.started, f"run {run.number} {LOST[run.ending]}: {run.reason}"))
    return tuple(sorted(found, key=lambda fault: fault.at))


def _told(window: Window) -> Iterator[Fault]:
    last = _life(window.before)
    for entry in window.entries:
        event = entry.event
        if isinstance(event, ev.EngineStarted | ev.EngineStopped):
            if last is not None and isinstance(event, ev.EngineStarted):
                yield Fault(entry.at, _began(last, event))
            last = event
        elif isinstance(event, ev.ClockMoved):
            way = "" if event.seconds > 0 else " back"
            yield Fault(entry.at, f"the clock moved {fmt.duration(abs(event.seconds))}{way}")
        elif isinstance(event, ev.WarningRaised):
            yield Fault(entry.at, event.message)
        elif isinstance(event, ev.AgentBarred):
            yield Fault(entry.at, f"{event.agent}: {event.reason}")
        elif isinstance(event, ev.AgentStateChanged) and event.state == "LIMIT":
            yield Fault(entry.at, f"{event.worktree} waited for its provider: {event.text}")
        elif isinstance(event, ev.WorktreePaused) and event.by == "engine":
            yield Fault(entry.at, f"{event.worktree} parked: {event.reason}")


_Life = ev.EngineStarted | ev.EngineStopped


def _life(before: Iterable[ev.Event]) -> _Life | None:
    """Return the engine's last start or stop among those events; None where no engine had started yet."""
    last = None
    for event in before:
        if isinstance(event, ev.EngineStarted | ev.EngineStopped):
            last = event
    return last


def _began(last: _Life, event: ev.EngineStarted) -> str:
    if isinstance(last, ev.EngineStopped):
        return "the engine was started again"
    if (last.pid, last.start_ticks) == (event.pid, event.start_ticks):  # it has opened its lab again
        return "the engine waited for room on its disk and went on"
    return "the engine was killed and started again"
