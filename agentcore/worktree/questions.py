"""What becomes of a question that an agent asks the researcher? Pure.

Its worktree waits for the answer while others, and its own prepared proposals, go on. Where nobody answers it is
parked: it stays in the list, and the agent takes another idea.
"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.state import LabState

MOST = 3
"""Parked questions of one worktree; then its agent has to decide by itself."""


def due(state: LabState, now: float, wait_s: float) -> list[ev.QuestionParked]:
    """Return the open questions that are parked now: after `wait_s`, or at once where the person is away."""
    found = []
    for name, worktree in sorted(state.worktrees.items()):
        if (question := worktree.asking) is None:
            continue
        if state.away and state.away.questions == "park":
            found.append(ev.QuestionParked(name, f"{state.away.by} is away"))
        elif now - question.at >= wait_s:
            found.append(ev.QuestionParked(name, f"nobody answered for {wait_s / 60:g} minutes"))
    return found


def are_open(state: LabState) -> bool:
    """Return True where an agent waits for an answer."""
    return any(worktree.asking for worktree in state.worktrees.values())


def refusal(state: LabState, name: str) -> str:
    """Return why the agent of a worktree cannot ask, or an empty string."""
    if len(state.worktrees[name].questions) >= MOST:
        return f"{MOST} of your questions wait for an answer already: decide by yourself"
    return ""
