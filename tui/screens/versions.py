"""Which versions of the researcher's texts can be compared, and with which one is begun?"""

from __future__ import annotations

from agentcore.state import LabState
from tui.widgets.directions import version_of


def newest(state: LabState) -> int:
    """Return the newest version that git has kept; 0 for none."""
    return max((number for number, commit in enumerate(state.prompts_commits, 1) if commit), default=0)


def bases(state: LabState) -> list[int]:
    """Return against what the newest can be shown: the one before, those that agents work with, the first of all."""
    now = newest(state)
    kept = [number for number, commit in enumerate(state.prompts_commits[: now - 1], 1) if commit]
    if not kept:
        return []
    at_work = {version_of(state, name) for name in state.worktrees}
    return [kept[-1], *sorted((at_work & set(kept[1:-1])), reverse=True), *kept[:1][: len(kept) - 1]]


def next_base(state: LabState, base: int) -> int:
    """Return the base after `base`, the first of them after the last."""
    found = bases(state)
    return found[(found.index(base) + 1) % len(found)] if base in found else found[0]


def named(base: int, now: int) -> str:
    """Return what the change from one to the other is called."""
    return f"texts v{base} to v{now}"
