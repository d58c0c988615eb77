"""Where can be looked at what an event tells of?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.overview import Overview
from agentcore.state import LabState
from tui.story import Told
from tui.theme import RETESTS

RETESTED = {"RETEST", "REVERT", "SPEED", *(word for _, _, word in RETESTS.values())}
"""Words of events of trunk that screen 5 tells more of."""

SCREENS = {"IDEA": "directions", "PROMPTS": "directions", "REPORT": "report", "BACK": "report", "IMPORT": "imported"}
"""Words of events that are about one screen as a whole."""


@dataclass(frozen=True)
class Source:
    """A screen, and what is selected there."""

    screen: str
    worktree: str = ""
    experiment: int | None = None


def source(told: Told, state: LabState, overview: Overview) -> Source | None:
    """Return it; None for what has no place of its own, as an engine's start."""
    if told.experiment is not None and told.experiment in state.experiments:
        is_queued = any(row.experiment == told.experiment for row in overview.queue)
        return Source("queue" if is_queued else "experiment", experiment=told.experiment)
    if told.who in state.worktrees:
        return Source("worktree", worktree=told.who)
    if told.who == "trunk":
        return Source("retest" if told.word in RETESTED else "queue")
    return Source(SCREENS[told.word]) if told.word in SCREENS else None
