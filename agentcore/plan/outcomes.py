"""Which experiments get their outcome now, and which may be run at all?"""

from __future__ import annotations

from collections.abc import Iterator

from agentcore import events as ev
from agentcore.events import Outcome
from agentcore.plan.actions import Action, Record
from agentcore.queue.judging import (
    decide,
    meter,
    noise,
    threshold,
    threshold_due,
)
from agentcore.state import Experiment, LabState
from worktrees.runs import GIVEN_BACK


def decisions(state: LabState) -> Iterator[Action]:
    """Every experiment whose screening run ended gets its outcome, as does one whose base's runs count no more."""
    for worktree in state.worktrees.values():
        for number in worktree.pending:
            experiment = state.experiments[number]
            run = state.runs[experiment.run] if experiment.run is not None else None
            if worktree.retired is not None and (run is None or run.ending in GIVEN_BACK):
                yield Record(ev.ExperimentDecided(number, "cancelled", None, None, None, "its worktree was retired"))
            elif run is None and (outcome := _unfit(state, experiment)):
                yield Record(ev.ExperimentDecided(number, outcome[0], None, None, None, outcome[1]))
            if run is None or run.ending is None or run.ending in GIVEN_BACK:
                continue
            if run.harness != state.harness or not state.pools.get(experiment.base_tree):
                reason = "the harness or the budget changed while it ran"
                yield Record(ev.ExperimentDecided(number, "cancelled", None, None, None, reason))
            elif noise(state) is not None:  # not known yet where an old harness came back while it ran: it waits
                yield Record(decide(state, experiment))


def threshold_change(state: LabState) -> Iterator[Action]:
    """The threshold follows the rate of false confirmations, by an event where it is due."""
    if (due := threshold_due(state)) != threshold(state):
        yield Record(ev.ThresholdChanged(due, round(meter(state) or 0.0, 4), state.tally.confirmations))


def _unfit(state: LabState, experiment: Experiment) -> tuple[Outcome, str] | None:
    """Return the outcome of an experiment that needs no run, and why; None for one that is run."""
    if experiment.broken:
        return "invalid", f"invalid: {'; '.join(experiment.broken)}"
    earlier = state.trees.get(experiment.tree, experiment.number)
    if earlier != experiment.number:
        return "duplicate", f"the same tree as #{earlier}: not run again"
    return None


def is_waiting(state: LabState, experiment: Experiment) -> bool:
    """True for an experiment without an outcome that is to be run: no run has it, or its run came to nothing."""
    if experiment.outcome is not None:
        return False
    if experiment.run is None:
        return _unfit(state, experiment) is None
    return state.runs[experiment.run].ending in GIVEN_BACK
