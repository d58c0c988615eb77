"""When does a lab end by itself? Every lab has a way to: limits that hold also where nobody looks.

A limit that is reached lets the running trainings end, starts nothing new, and is the engine's last word. What counts
in a row counts since the engine was started, because whoever starts it again has looked at it.
"""

from __future__ import annotations

from agentcore.state import LabState
from worktrees.project import Limits


def exit_reason(state: LabState, limits: Limits, now: float) -> str:
    """Return which of lab.toml's limits is reached, with the number that mattered, or an empty string."""
    since = state.engine.since if state.engine else now
    if limits.hours and now - since >= 3600 * limits.hours:
        return f"the limit of {limits.hours:g} hours is reached ([limits] hours)"
    counts = state.counts
    if limits.experiments and counts.decided >= limits.experiments:
        return f"the limit of {limits.experiments} experiments is reached ([limits] experiments)"
    if limits.gpu_hours and (hours := _slot_hours(state)) >= limits.gpu_hours:
        return f"{hours:.1f} hours of training and evaluation are used, of {limits.gpu_hours:g} ([limits] gpu_hours)"
    if limits.failures and counts.failed_in_a_row >= limits.failures:
        last = max(state.experiments.values(), key=lambda each: each.decided or 0.0)
        return f"the last {limits.failures} experiments failed ([limits] failures), the last one: {last.reason}"
    if limits.no_gain and counts.without_gain >= limits.no_gain and not _may_gain(state):
        count = counts.without_gain
        return f"{count} experiments since the last gain that fresh seeds confirmed ([limits] no_gain)"
    return ""


def _slot_hours(state: LabState) -> float:
    return sum(work.total_s for work in state.work.values()) / 3600


def _may_gain(state: LabState) -> bool:
    """True while a candidate waits for its verdict: it may still be a gain."""
    return any(each.state in ("NEW", "CONFIRM") for each in state.candidates.values())
