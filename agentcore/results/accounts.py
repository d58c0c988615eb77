"""What did the models cost, and how busy were the slots?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.state import LabState, Work


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
    work, engine = state.work.get(slot, Work()), state.engine
    running = [run for run in state.active.values() if run.slot == slot]
    idle_s = max(0.0, now - work.ended) if work.ended is not None and not running else None
    if engine is None or work.since is None:
        return SlotUse(slot, 0.0, 0.0, None, work.total_s, idle_s)
    end = engine.stopped or now
    busy_s = work.busy_s + sum(max(0.0, end - max(run.started, work.since)) for run in running)
    wall_s = max(0.0, end - work.since)
    return SlotUse(slot, busy_s, wall_s, busy_s / wall_s if wall_s else None, work.total_s, idle_s)
