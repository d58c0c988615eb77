"""What can happen to the lab as a whole: its settings, its engine, its instructions, what it warns of?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from worktrees.gate import GateSettings, Mode
from worktrees.project import Guard, RetestSettings
from worktrees.slots import Slot

Level = Literal["info", "warn"]


@dataclass(frozen=True)
class LabConfigured:
    """The lab's settings as the engine read them from lab.toml; written again whenever they change."""

    name: str
    metric: str
    lower_is_better: bool
    profile: str
    budget: str
    harness: str
    gate: GateSettings
    usd_limit: float = 0.0
    token_limit: int = 0
    """What models may cost before nothing more is proposed; 0 for no limit."""
    retest: RetestSettings = RetestSettings()
    self_reported: bool = False
    """True where the code that agents edit prints the score itself."""
    guards: Mapping[str, Guard] = field(default_factory=dict)
    """Second numbers that may not be given up for the score, by name."""


@dataclass(frozen=True)
class EngineStarted:
    """An engine took the lab. An agent's turn that the engine before it had open is lost, nothing else."""

    pid: int
    start_ticks: int
    boot_id: str
    version: str
    slots: tuple[Slot, ...]
    walls: str = ""
    """The sandbox's backend: full, reduced or none; empty where a nightlab without one wrote this."""


@dataclass(frozen=True)
class EngineStopped:
    """The engine left in an orderly way; runs go on under their shims."""

    reason: str


@dataclass(frozen=True)
class ClockMoved:
    """The machine's clock was set, or the machine slept: so many seconds passed on it that nobody worked through."""

    seconds: float
    """Negative where it went back."""


@dataclass(frozen=True)
class PromptsChanged:
    """The researcher's texts (program, directions, templates) are others now; each change is a version."""

    digest: str
    files: tuple[str, ...]
    commit: str = ""
    """Holds the lab's own texts as they are in this version; empty where git could not keep them."""
    tree: str = ""
    by: str = "you"


@dataclass(frozen=True)
class ModeChanged:
    """Who merges READY candidates from now on, until an engine reads lab.toml again."""

    mode: Mode
    by: str
    reason: str


@dataclass(frozen=True)
class WarningRaised:
    """Something needs a person or explains why work waits. One per topic at a time."""

    topic: str
    message: str


@dataclass(frozen=True)
class WarningCleared:
    """The warning of this topic no longer holds."""

    topic: str
