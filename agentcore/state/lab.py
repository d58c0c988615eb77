"""What is known of the engine, and of the slots that it gives work?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Engine:
    """The engine that holds or last held the lab."""

    pid: int
    start_ticks: int
    boot_id: str
    version: str
    since: float
    walls: str = ""
    stopped: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Work:
    """What a slot has worked, kept with each run so that nobody has to walk all runs for it."""

    total_s: float = 0.0
    """Seconds of training and evaluation of all runs that have ended."""
    busy_s: float = 0.0
    """The same since this engine started."""
    since: float | None = None
    """Unix time from which on this engine's share counts: its start, or the slot's first run if that was later."""
    ended: float | None = None
    """When its last run ended."""
