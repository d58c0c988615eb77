"""What did the models cost, and how busy were the slots?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.state import LabState


@dataclass(frozen=True)
class SlotUse:
    """How much of its time a slot has worked since this engine started, or since its first run if that was later."""

    slot: str
    busy_s: float
    """Seconds of training and evaluation."""
    wall_s: float
    share: float | None
    """busy_s / wall_s; None before there is anything to divide."""
    total_busy_s: float
    """Seconds of training and evaluation of all time."""
    idle_s: float | None = None
    """Seconds since its last run ended; None while one goes on, and before there was any."""


@dataclass(frozen=True)
class Cost:
    """What models have cost, and what they may."""

    usd: float
    usd_limit: float
    """0 for no limit."""
    input: int
    cache_write: int
    cache_read: int
    output: int
    tokens: int
    token_limit: int
    turns: int
    model: str
    """Empty where no model works in this lab."""


def cost(state: LabState) -> Cost:
    """Return what all models have cost so far."""
    spent, usage = state.spent, state.spent.usage
    return Cost(
        usd=spent.usd,
        usd_limit=state.config.usd_limit if state.config else 0.0,
        input=usage.input,
        cache_write=usage.cache_write + usage.cache_write_1h,
        cache_read=usage.cache_read,
        output=usage.output,
        tokens=usage.tokens,
        token_limit=state.config.token_limit if state.config else 0,
        turns=spent.turns,
        model=state.agents.model if state.agents else "",
    )


def slot_use(state: LabState, slot: str, now: float) -> SlotUse:
    """A run counts by its stages' own seconds; one that goes on, from its start; both only since the engine started."""
    runs = [run for run in state.runs.values() if run.slot == slot]
    total_s = sum(run.train_s + run.evaluate_s for run in runs)
    ended = [run.ended for run in runs if run.ended is not None]
    idle_s = max(0.0, now - max(ended)) if ended and len(ended) == len(runs) else None
    engine = state.engine
    begun = [run.started for run in runs if engine and (run.ended is None or run.ended >= engine.since)]
    if engine is None or not begun:
        return SlotUse(slot, 0.0, 0.0, None, total_s, idle_s)
    since, end = max(engine.since, min(begun)), engine.stopped or now
    busy_s = 0.0
    for run in runs:
        if run.ended is None:
            busy_s += max(0.0, end - max(run.started, since))
        elif run.ended >= since:
            busy_s += min(run.train_s + run.evaluate_s, run.ended - since)
    wall_s = max(0.0, end - since)
    return SlotUse(slot, busy_s, wall_s, busy_s / wall_s if wall_s else None, total_s, idle_s)
