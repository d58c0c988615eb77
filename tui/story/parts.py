"""Which parts does the line of an event have, and which function tells them?"""

from __future__ import annotations

from functools import singledispatch

from agentcore.state import LabState

Parts = tuple[str, str, str, int | None, str, str, bool]
"""Glyph, role, who, experiment, word, text, and whether it is minor: the fields of `Told` after its time."""


@singledispatch
def parts(event: object, state: LabState) -> Parts | None:
    """Return how `event` is told; None for one that says nothing to a person."""
    return None


def owner(state: LabState, experiment: int | None) -> str:
    """Return the worktree whose experiment it is, else trunk."""
    known = state.experiments.get(experiment) if experiment is not None else None
    return known.worktree if known else "trunk"
