"""How does what happens to the lab as a whole change the lab's state?"""

from __future__ import annotations

from immutables import Map

from agentcore import events as ev
from agentcore.fold.away import kept
from agentcore.fold.change import end_retest, follow, mend, on_worktree, outdate
from agentcore.fold.replacing import replace
from agentcore.state import Engine, LabState, Work


@follow.register
def _(event: ev.LabConfigured, state: LabState, at: float) -> LabState:
    """Forget every pool when the harness or the budget changed: the scores are not comparable any more."""
    event, state = kept(event, state)
    if state.config and state.large_harness != replace(state, config=event).large_harness:
        state = end_retest(state, "DROPPED", "the settings changed", at)
        state = replace(state, large=Map(), large_failed=Map(), speed_test=None)
    if not event.retest.speed:
        state = replace(state, speed_test=None)
    if state.config is None or state.config.harness == event.harness:
        return replace(state, config=event)
    candidates = outdate(state.candidates, "", at)
    for number, candidate in candidates.items():
        if candidate.confirmations:  # its confirmations were by another harness: it begins anew
            candidates = candidates.set(number, replace(candidate, confirmations=0))
    return replace(
        state,
        config=event,
        pools=Map(),
        failed=Map(),
        trees=Map(),
        baseline_tree=state.trunk.tree if state.trunk else "",
        candidates=candidates,
    )


@follow.register
def _(event: ev.EngineStarted, state: LabState, at: float) -> LabState:
    """Give broken trees and barred agents another try: whoever starts an engine may have mended what was wrong."""
    engine = Engine(event.pid, event.start_ticks, event.boot_id, event.version, since=at, walls=event.walls)
    state = replace(state, engine=engine, slots=event.slots, failed=Map(), barred=Map(), large_failed=Map())
    state = replace(state, work=_begin(state, at), counts=replace(state.counts, failed_in_a_row=0, without_gain=0))
    if state.speed_test:
        state = replace(state, speed_test=replace(state.speed_test, failed=()))
    for worktree in state.worktrees.values():
        if worktree.thinking is not None:
            state = mend(state, worktree.thinking.fixes, -1)  # it had no fair chance
            state = on_worktree(state, worktree.name, thinking=None, at="")
    return state


def _begin(state: LabState, at: float) -> Map[str, Work]:
    """Let every slot's share begin anew: from now where it runs something, else from its next run."""
    running = {run.slot for run in state.active.values()}
    for slot, work in state.work.items():
        state = replace(
            state, work=state.work.set(slot, replace(work, busy_s=0.0, since=at if slot in running else None))
        )
    return state.work


@follow.register
def _(event: ev.EngineStopped, state: LabState, at: float) -> LabState:
    engine = replace(state.engine, stopped=at, reason=event.reason) if state.engine else None
    return replace(state, engine=engine)


@follow.register
def _(event: ev.ClockMoved, state: LabState, at: float) -> LabState:
    """Let what goes on have begun so much later: its age, and what is due after a while, is time that passed.

    A time of day that somebody named, as the end of away mode, stays that time of day.
    """

    def then(moment: float | None) -> float | None:
        return None if moment is None else moment + event.seconds

    engine = state.engine
    if engine is not None:
        state = replace(state, engine=replace(engine, since=engine.since + event.seconds))
    for run in state.active.values():
        run = replace(run, started=run.started + event.seconds)
        state = replace(state, runs=state.runs.set(run.number, run), active=state.active.set(run.number, run))
    for slot, work in state.work.items():
        state = replace(state, work=state.work.set(slot, replace(work, since=then(work.since), ended=then(work.ended))))
    for worktree in state.worktrees.values():
        questions = tuple(replace(each, at=each.at + event.seconds) for each in worktree.questions)
        thinking = worktree.thinking
        if thinking is not None:
            since, changed = thinking.since + event.seconds, thinking.changed + event.seconds
            thinking = replace(thinking, since=since, changed=changed, until=then(thinking.until))
        since = worktree.since + event.seconds
        state = on_worktree(state, worktree.name, questions=questions, thinking=thinking, since=since)
    return state


@follow.register
def _(event: ev.PromptsChanged, state: LabState, at: float) -> LabState:
    return replace(
        state,
        prompts=state.prompts + 1,
        prompts_digest=event.digest,
        prompts_tree=event.tree,
        prompts_commits=(*state.prompts_commits, event.commit),
        prompts_at=at,
    )


@follow.register
def _(event: ev.ModeChanged, state: LabState, at: float) -> LabState:
    if state.config is None:
        return state
    return replace(state, config=replace(state.config, gate=replace(state.gate, mode=event.mode)))


@follow.register
def _(event: ev.WarningRaised, state: LabState, at: float) -> LabState:
    return replace(state, warnings=state.warnings.set(event.topic, event.message))


@follow.register
def _(event: ev.WarningCleared, state: LabState, at: float) -> LabState:
    return replace(state, warnings=state.warnings.delete(event.topic)) if event.topic in state.warnings else state
