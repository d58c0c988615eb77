"""What has become of the ideas that wait for an agent?

An agent takes an idea by naming it in its hypothesis ("idea 7: …"), whatever kind of agent it is: so the journal tells
which experiments tried it, and nobody has to keep a second list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agentcore.state import Experiment, Idea, LabState

Standing = Literal["OPEN", "TRIED", "KEPT", "DEAD END", "DROPPED"]
"""TRIED: an experiment with it has no outcome yet. KEPT: one passed the screen. DEAD END: all that tried it failed.
DROPPED: a person took it from the list."""

_NAMED = re.compile(r"\bidea\s+#?(\d+)\b", re.IGNORECASE)


@dataclass(frozen=True)
class IdeaRow:
    """One idea and what became of it."""

    number: int
    text: str
    by: str
    at: float
    standing: Standing
    experiments: tuple[int, ...]
    """Those that tried it, oldest first."""
    reason: str
    """Of the newest one: its outcome in the lab's words; empty for an open idea."""


def ideas(state: LabState) -> tuple[IdeaRow, ...]:
    """Return all ideas, newest first."""
    tried = _tried(state)
    rows = [_row(state, idea, tried.get(number, [])) for number, idea in sorted(state.ideas.items())]
    return tuple(reversed(rows))


def open_ideas(state: LabState) -> tuple[Idea, ...]:
    """Return the ideas that nobody has tried yet, oldest first: what agents are offered."""
    rows = {row.number: row for row in ideas(state)}
    return tuple(idea for number, idea in sorted(state.ideas.items()) if rows[number].standing == "OPEN")


def idea_of(hypothesis: str) -> int | None:
    """Return the number of the idea that a hypothesis names."""
    found = _NAMED.search(hypothesis)
    return int(found[1]) if found else None


def _tried(state: LabState) -> dict[int, list[Experiment]]:
    found: dict[int, list[Experiment]] = {}
    if state.ideas:
        for _, experiment in sorted(state.experiments.items()):
            if (number := idea_of(experiment.hypothesis)) is not None:
                found.setdefault(number, []).append(experiment)
    return found


def _row(state: LabState, idea: Idea, tried: list[Experiment]) -> IdeaRow:
    counted = [each for each in tried if each.outcome not in ("cancelled", "returned", "duplicate")]
    standing: Standing = "OPEN"
    if idea.dropped_by:
        standing = "DROPPED"
    elif any(each.outcome == "keep" for each in counted):
        standing = "KEPT"
    elif any(each.outcome is None for each in counted):
        standing = "TRIED"
    elif counted:
        standing = "DEAD END"
    reason = ""
    if idea.dropped_by:
        reason = f"by {idea.dropped_by}"
    elif counted:
        last = counted[-1]
        candidate = state.candidates.get(last.number)
        word = candidate.state if candidate else (last.outcome or "runs or waits for a slot")
        reason = f"#{last.number} {word}" + (f": {last.reason}" if last.reason and not candidate else "")
    return IdeaRow(idea.number, idea.text, idea.by, idea.at, standing, tuple(each.number for each in counted), reason)
