"""How does what happens to trunk change the lab's state?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore.events import Step
from agentcore.fold.change import end_retest, follow, on_candidate, outdate, shorten_wish, with_wish
from agentcore.fold.replacing import replace
from agentcore.state import LabState, Merge, Trunk, Wish


@follow.register
def _(event: ev.MergeIntended, state: LabState, at: float) -> LabState:
    for number in event.stack or (event.experiment,):
        state = on_candidate(state, number, at, state="MERGING")
    return replace(state, intent=event)


@follow.register
def _(event: ev.TrunkMoved, state: LabState, at: float) -> LabState:
    trunk, intent = Trunk(event.new, event.tree, since=at, by=event.by), state.intent
    state = replace(state, trunk=trunk, baseline_tree=state.baseline_tree or event.tree, intent=None)
    if event.experiment is not None:
        for number in event.stack or (event.experiment,):
            state = _merged(state, event, number, at)
    if event.undone is not None:
        members = event.stack or (event.undone,)
        undone = tuple(replace(merge, undone=True) for merge in state.merges[-len(members) :])
        candidate = state.candidates[event.undone]
        is_measured = set(candidate.seeds) <= state.pools.get(candidate.tree, {}).keys()  # by today's harness
        # A forced one never passed: it is judged again, by the runs that it has.
        back: ev.CandidateState = "READY" if is_measured and not undone[-1].forced else "STALE"
        state = replace(state, merges=(*state.merges[: -len(members)], *undone))
        for number in members:
            state = on_candidate(state, number, at, state=back)
    if event.reverted is not None:
        for number in event.stack or (event.reverted,):
            state = _reverted(state, number, f"taken back by {event.by}: {event.reason}", at)
        if isinstance(intent, ev.RevertIntended) and state.retest and intent.retest == state.retest.number:
            state = end_retest(state, "REVERTED", f"#{event.reverted} is taken out: {event.reason}", at)
    state = _fulfil(state, event)
    state = replace(state, line=_line(state.line, event))
    if state.speed_test and state.speed_test.trunk not in state.line:  # it was taken back
        state = replace(state, speed_test=None)
    return replace(state, candidates=outdate(state.candidates, event.new, at))


@follow.register
def _(event: ev.RevertIntended, state: LabState, at: float) -> LabState:
    return replace(state, intent=event)


@follow.register
def _(event: ev.MergesWanted, state: LabState, at: float) -> LabState:
    return shorten_wish(replace(state, wanted=Wish(event.experiments, event.by) if event.experiments else None))


def _fulfil(state: LabState, event: ev.TrunkMoved) -> LabState:
    """Strike off what was merged; where trunk moved in another way, nobody has asked for what would come next."""
    brought = event.stack or (event.experiment,)
    if state.wanted is None or event.experiment is None or state.wanted.experiments[0] not in brought:
        return replace(state, wanted=None)
    return with_wish(state, tuple(number for number in state.wanted.experiments if number not in brought))


def _merged(state: LabState, event: ev.TrunkMoved, experiment: int, at: float) -> LabState:
    """Add the merge of one of those that a move has brought."""
    candidate, leads = state.candidates[experiment], experiment == event.experiment
    merge = Merge(
        experiment,
        at,
        event.old,
        event.new,
        event.by,
        candidate.verdict if leads else None,
        forced=event.forced,
        commit=event.new if leads else candidate.commit,
        stack=event.stack,
    )
    return on_candidate(replace(state, merges=(*state.merges, merge)), experiment, at, state="MERGED")


def _reverted(state: LabState, experiment: int, reason: str, at: float) -> LabState:
    """Mark the newest merge of an experiment as taken back, wherever it lies; its stack has no verdict any more."""
    merges = list(state.merges)
    newest = max(place for place, merge in enumerate(merges) if merge.experiment == experiment)
    merges[newest] = replace(merges[newest], undone=True)
    if stack := merges[newest].stack:  # its merges follow each other
        last = newest + len(stack) - 1 - stack.index(experiment)
        merges[last] = replace(merges[last], verdict=None)
    return on_candidate(replace(state, merges=tuple(merges)), experiment, at, state="REVERTED", reason=reason)


def _line(line: tuple[Step, ...], event: ev.TrunkMoved) -> tuple[Step, ...]:
    """Return trunk's line after a move: longer by a step, or cut back to where trunk has been before.

    After a revert no trunk stands for the experiments behind the one that was taken out: they become one step.
    """
    if event.reverted is not None:
        taken = {event.reverted, *event.stack}
        holding = (index for index, step in enumerate(line) if taken.intersection(step.experiments))
        at = next(holding, len(line))
        kept = tuple(number for step in line[at:] for number in step.experiments if number not in taken)
        return (*line[:at], Step(kept, event.new, event.tree))
    for index, step in enumerate(line):
        if step.commit == event.new:
            return line[: index + 1]
    brought = event.stack or (() if event.experiment is None else (event.experiment,))
    return (*line, Step(brought, event.new, event.tree))
