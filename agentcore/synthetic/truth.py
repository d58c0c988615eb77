"""What of a synthetic lab's claims is true? Its promotions, beside the world's own numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from agentcore.queue.judging import claimed, noise
from agentcore.state import LabState
from agentcore.synthetic.world import World, true_gain
from worktrees.speed import faster_percent


@dataclass(frozen=True)
class Ledger:
    """A lab's promotions, summed up. Gains are in σ of the world."""

    runs: int
    screened: int
    """Experiments whose screening run has a score."""
    kept: int
    promoted: int
    stacked: int
    """Of the promotions, those that landed in a stack."""
    false: int
    """Promotions that made trunk no better, or worse."""
    true_gain: float
    """Of trunk as it stands, over the trunk that it began with."""
    claimed: float
    """Sum of the verdicts' gains; of a simplification that is no win only what it loses."""
    expected: float
    """Sum of the same, each shrunk towards zero the less is known of it: what the lab adds up for its researcher."""
    hours: float
    """From the start of its first run to the end of its last."""


def steps(state: LabState, world: World) -> tuple[float, ...]:
    """Return what each promotion did to trunk in truth, in σ, oldest first."""
    ideas: frozenset[int] = frozenset()
    gains = [0.0]
    for merge in state.merges:
        if not merge.undone:
            ideas |= {idea_of(state, merge.experiment)}
            gains.append(true_gain(world, ideas))
    return tuple(after - before for before, after in pairwise(gains))


def idea_of(state: LabState, experiment: int) -> int:
    """Return which idea an experiment is."""
    return int(state.experiments[experiment].detail["idea"])


def faster(state: LabState, world: World, retest: int) -> float:
    """Return by how many percent faster the trunk that a retest tried gets to the first trunk's score, at that size."""
    tried = next(each for each in state.retests if each.number == retest)
    until = state.line.index(tried.steps[-1])
    ideas = frozenset(idea_of(state, number) for step in state.line[: until + 1] for number in step.experiments)
    return faster_percent(math.exp(-true_gain(world, ideas, tried.scale) / world.slope_sigma))


def ledger(state: LabState, world: World) -> Ledger:
    """Sum up what a lab promoted."""
    true, spread = steps(state, world), noise(state)
    verdicts = [verdict for merge in state.merges if (verdict := claimed(state, merge))]
    decided = [each for each in state.experiments.values() if each.gain is not None]
    return Ledger(
        runs=len(state.runs),
        screened=len(decided),
        kept=sum(each.outcome == "keep" for each in decided),
        promoted=len(true),
        stacked=sum(bool(merge.stack) for merge in state.merges if not merge.undone),
        false=sum(gain <= 0 for gain in true),
        true_gain=math.fsum(true),
        claimed=math.fsum(each.gain for each in verdicts) / world.sigma,
        expected=math.fsum(each.shrunk(spread) for each in verdicts) / world.sigma if spread else 0.0,
        hours=_hours(state),
    )


def _hours(state: LabState) -> float:
    ends = [run.ended for run in state.runs.values() if run.ended is not None]
    return (max(ends) - min(run.started for run in state.runs.values())) / 3600 if ends else 0.0
