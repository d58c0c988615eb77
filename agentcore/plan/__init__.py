"""What should happen next? Pure: from the state to a list of actions, which the engine then carries out.

The engine holds no agenda of its own. After a kill it folds the journal and asks again, so whatever was about to happen
happens once. Runs are wanted in the order of the promotion rule: trunk's own runs, then confirmations, then screening.
"""

from __future__ import annotations

from collections.abc import Iterator

from agentcore import events as ev
from agentcore.plan.actions import (
    Action,
    Judge,
    JudgeStack,
    Limits,
    MoveWorktree,
    Promote,
    Propose,
    Rebase,
    RebaseExperiment,
    Record,
    Settle,
    Stack,
    StartRun,
)
from agentcore.plan.candidates import CONFIRM_DEPTH, candidate_actions, in_line
from agentcore.plan.outcomes import decisions, threshold_change
from agentcore.plan.proposals import (
    home_base,
    proposal_actions,
    proposals_ahead,
    rebases,
    recent_run_s,
    spent_out,
)
from agentcore.plan.runs import POOL_MAX, Wanted, run_actions, waiting_runs
from agentcore.retest import due as retest
from agentcore.retest import speed
from agentcore.state import LabState


def plan(state: LabState, limits: Limits) -> list[Action]:
    """Return the actions that are due, most urgent first. Carry them out in order, then plan again."""
    if state.trunk is None or state.config is None:
        return []
    actions: list[Action] = [*decisions(state), *threshold_change(state), *_park(state, limits)]
    actions += candidate_actions(state, limits)
    actions += _retest(state, limits)
    if not limits.stopping:
        moving = list(rebases(state))
        actions += moving
        actions += run_actions(state, {each.experiment for each in moving})
        actions += proposal_actions(state, limits)
    return actions


def _park(state: LabState, limits: Limits) -> Iterator[Action]:
    for worktree in state.standing:
        if worktree.failures >= limits.crashes_in_a_row and not worktree.paused:
            reason = f"{worktree.failures} failures in a row, the last: {worktree.trouble}"
            yield Record(ev.WorktreePaused(worktree.name, reason, by="engine"))


def _retest(state: LabState, limits: Limits) -> Iterator[Action]:
    if event := retest.next_event(state, may_start=not limits.stopping):
        yield Record(event)
    elif retest.needs_git(state):
        yield Settle()
    if measured := speed.next_event(state):
        yield Record(measured)
