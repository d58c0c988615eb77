"""When does a lab end by itself? Every lab has a way to: limits that hold also where nobody looks.

A limit that is reached lets the running trainings end, starts nothing new, and is the engine's last word. What counts
in a row counts since the engine was started, because whoever starts it again has looked at it.
"""

from __future__ import annotations

from agentcore.state import Experiment, LabState
from worktrees.project import Limits

FAILED = ("crash", "nan", "timeout", "invalid")


def exit_reason(state: LabState, limits: Limits, now: float) -> str:
    """Return which of lab.toml's limits is reached, with the number that mattered, or an empty string."""
    since = state.engine.since if state.engine else now
    if limits.hours and now - since >= 3600 * limits.hours:
        return f"the limit of {limits.hours:g} hours is reached ([limits] hours)"
    decided = [each for each in state.experiments.values() if each.decided is not None]
    if limits.experiments and len(decided) >= limits.experiments:
        return f"the limit of {limits.experiments} experiments is reached ([limits] experiments)"
    if limits.gpu_hours and (hours := _slot_hours(state)) >= limits.gpu_hours:
        return f"{hours:.1f} hours of training and evaluation are used, of {limits.gpu_hours:g} ([limits] gpu_hours)"
    ours = sorted((each for each in decided if (each.decided or 0.0) >= since), key=lambda each: each.decided or 0.0)
    if limits.failures and len(ours) >= limits.failures and all(_is_failure(each) for each in ours[-limits.failures :]):
        return f"the last {limits.failures} experiments failed ([limits] failures), the last one: {ours[-1].reason}"
    if limits.no_gain and (count := _since_gain(state, ours)) >= limits.no_gain:
        return f"{count} experiments since the last gain that fresh seeds confirmed ([limits] no_gain)"
    return ""


def _slot_hours(state: LabState) -> float:
    return sum(run.train_s + run.evaluate_s for run in state.runs.values()) / 3600


def _is_failure(experiment: Experiment) -> bool:
    return experiment.outcome in FAILED


def _since_gain(state: LabState, decided: list[Experiment]) -> int:
    """Count the experiments that were decided after the newest verdict that passed; 0 while a candidate is open."""
    if any(each.state in ("NEW", "CONFIRM") for each in state.candidates.values()):
        return 0
    passed = [each.since for each in state.candidates.values() if each.is_win]
    return sum((each.decided or 0.0) > max(passed, default=0.0) for each in decided)
