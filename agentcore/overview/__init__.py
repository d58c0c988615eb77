"""What does a person need to know at a glance?

One row per worktree, the strip of things that need a person, the queue, the last events: computed once, here, from
the state, the live measurements and the time, so that the view and the command line say the same and do no arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum

from agentcore.overview.gate import GateSummary, gate_summary
from agentcore.overview.live import Live, left, lost_gpus
from agentcore.overview.needs import REMEDIES, Need, needed, notes
from agentcore.overview.queue import OPEN, QueueRow, best_of_each, is_forced, queue_rows
from agentcore.overview.rows import WorktreeRow, worktree_row
from agentcore.overview.trunk import (
    RetestSummary,
    TrunkSummary,
    VerifiedSummary,
    calibration,
    retest_summary,
    trunk_summary,
    verified_summary,
)
from agentcore.queue.judging import claimed, noise
from agentcore.results.accounts import Cost, SlotUse, cost, slot_use
from agentcore.retest.speed import SpeedSummary
from agentcore.retest.speed import summary as speed_summary
from agentcore.state import LabState
from worktrees.statistics import Noise


@dataclass(frozen=True)
class Overview:
    """The whole first screen as data."""

    name: str
    metric: str
    self_reported: bool
    """True where the code that agents edit prints the score itself."""
    trunk: TrunkSummary | None
    noise: Noise | None
    experiments: int
    """Decided experiments."""
    kept: int
    merged: int
    rows: tuple[WorktreeRow, ...]
    queue: tuple[QueueRow, ...]
    """Open candidates, READY first, then in order of arrival; merged and rejected ones are left to results."""
    needs: tuple[Need, ...]
    """The strip, most urgent first; empty when nothing needs a person."""
    notes: tuple[str, ...]
    """What is peculiar to this lab but needs nobody, most important first."""
    calibration: tuple[int, int] | None
    """(done, wanted) runs while the first trunk has no number yet."""
    cost: Cost
    slots: tuple[SlotUse, ...]
    gate: GateSummary
    forced: int = 0
    """Of the merged ones: forced by a person."""
    claimed: float = 0.0
    """Sum of the gains that merges were confirmed by; what a person forced is outside until it has three seeds."""
    retest: RetestSummary | None = None
    """The newest one; None before there was any."""
    verified: VerifiedSummary | None = None
    """None before a gain has held at the larger size."""
    speed: SpeedSummary | None = None
    """How much faster than the first baseline the verified trunk gets to its score; None before that is asked."""


def overview(state: LabState, live: Live, now: float) -> Overview:
    """Compute the first screen. `now` is Unix time."""
    spread, counted = noise(state), calibration(state)
    lost, queue = lost_gpus(state, live), queue_rows(state)
    best = best_of_each(queue)
    rows = tuple(
        worktree_row(state, live, worktree, best.get(worktree.name), is_lost=worktree.slot in lost)
        for worktree in state.standing
    )
    return Overview(
        name=state.config.name if state.config else "",
        metric=state.config.metric if state.config else "",
        self_reported=state.config is not None and state.config.self_reported,
        trunk=trunk_summary(state),
        noise=None if counted else spread,
        experiments=state.counts.decided,
        kept=state.counts.kept,
        merged=sum(not merge.undone for merge in state.merges),
        rows=rows,
        queue=queue,
        needs=tuple(needed(state, live, rows)),
        notes=tuple(notes(state)),
        calibration=counted,
        cost=cost(state),
        slots=tuple(slot_use(state, slot.name, now) for slot in state.slots),
        gate=gate_summary(state),
        forced=sum(bool(merge.forced) and not merge.undone for merge in state.merges),
        claimed=fsum(verdict.gain for merge in state.merges if (verdict := claimed(state, merge))),
        retest=retest_summary(state),
        verified=verified_summary(state),
        speed=speed_summary(state),
    )
