"""How does what happens to trunk change the lab's state?"""

from __future__ import annotations

from dataclasses import replace

from agentcore import events as ev
from agentcore.events import Step
from agentcore.fold.change import end_retest, follow, on_candidate, outdate
from agentcore.state import LabState, Merge, Trunk


@follow.register
def _(event: ev.MergeIntended, state: LabState, at: float) -> LabState:
    return replace(on_candidate(state, event.experiment, at, state="MERGING"), intent=event)


@follow.register
def _(event: ev.TrunkMoved, state: LabState, at: float) -> LabState:
    trunk, intent = Trunk(event.new, event.tree, since=at, by=event.by), state.intent
    state = replace(state, trunk=trunk, baseline_tree=state.baseline_tree or event.tree, intent=None)
    if event.experiment is not None:
        verdict = state.candidates[event.experiment].verdict
        merge = Merge(event.experiment, at, event.old, event.new, event.by, verdict, forced=event.forced)
        state = on_candidate(replace(state, merges=(*state.merges, merge)), event.experiment, at, state="MERGED")
    if event.undone is not None:
        undone = replace(state.merges[-1], undone=True)
        candidate = state.candidates[event.undone]
        is_measured = set(candidate.seeds) <= state.pools.get(candidate.tree, {}).keys()  # by today's harness
        # A forced one never passed: it is judged again, by the runs that it has.
        back: ev.CandidateState = "READY" if is_measured and not undone.forced else "STALE"
        state = on_candidate(replace(state, merges=(*state.merges[:-1], undone)), event.undone, at, state=back)
    if event.reverted is not None:
        state = _reverted(state, event.reverted, f"taken back by {event.by}: {event.reason}", at)
        if isinstance(intent, ev.RevertIntended) and state.retest and intent.retest == state.retest.number:
            state = end_retest(state, "REVERTED", f"#{event.reverted} is taken out: {event.reason}", at)
    state = replace(state, line=_line(state.line, event))
    if state.speed_test and state.speed_test.trunk not in state.line:  # it was taken back
        state = replace(state, speed_test=None)
    return replace(state, candidates=outdate(state.candidates, event.new, at))


@follow.register
def _(event: ev.RevertIntended, state: LabState, at: float) -> LabState:
    return replace(state, intent=event)


def _reverted(state: LabState, experiment: int, reason: str, at: float) -> LabState:
    """Mark the newest merge of an experiment as taken back, wherever it lies."""
    newest = max(place for place, merge in enumerate(state.merges) if merge.experiment == experiment)
    merges = tuple(
        replace(merge, undone=True) if place == newest else merge for place, merge in enumerate(state.merges)
    )
    return on_candidate(replace(state, merges=merges), experiment, at, state="REVERTED", reason=reason)


def _line(line: tuple[Step, ...], event: ev.TrunkMoved) -> tuple[Step, ...]:
    """Return trunk's line after a move: longer by a step, or cut back to where trunk has been before.

    After a revert no trunk stands for the experiments behind the one that was taken out: they become one step.
    """
    if event.reverted is not None:
        holding = (index for index, step in enumerate(line) if event.reverted in step.experiments)
        at = next(holding, len(line))
        kept = tuple(number for step in line[at:] for number in step.experiments if number != event.reverted)
        return (*line[:at], Step(kept, event.new, event.tree))
    for index, step in enumerate(line):
        if step.commit == event.new:
            return line[: index + 1]
    return (*line, Step((event.experiment,) if event.experiment is not None else (), event.new, event.tree))
