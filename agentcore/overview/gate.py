"""What must a confirmation show, and how far can those be believed that showed it?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.queue.judging import meter, threshold
from agentcore.state import LabState


@dataclass(frozen=True)
class GateSummary:
    """What a confirmation must show, and how far those that showed it can be believed."""

    z_confirm: float
    """Standard errors, today."""
    is_tightened: bool
    """True where that is more than lab.toml asks for."""
    false_share: float | None
    """Upper bound on the share of passed confirmations that are no gain; None before the first one."""
    confirmations: int
    passed: int


def gate_summary(state: LabState) -> GateSummary:
    """Return what the gate asks for, and the meter."""
    asked, tally = threshold(state), state.tally
    return GateSummary(asked, asked > state.gate.z_confirm, meter(state), tally.confirmations, tally.passed)
