"""How does what happens to an experiment and a run change the lab's state?"""

from __future__ import annotations

from dataclasses import replace

from agentcore import events as ev
from agentcore.fold.change import follow, on_worktree, waited_s, with_tree, without_tree
from agentcore.state import Candidate, Experiment, LabState, Run, Thinking, Worktree
from worktrees.runs import GIVEN_BACK, LARGE

THOUGHTS = 9
"""Think times kept per worktree."""


@follow.register
def _(event: ev.ExperimentProposed, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    thinking = worktree.thinking or Thinking(event.agent, since=at, prompts=state.prompts)
    thought_s = at - thinking.since - waited_s(thinking, at)
    experiment = Experiment(
        number=event.experiment,
        worktree=event.worktree,
        agent=event.agent,
        base=event.base,
        base_tree=event.base_tree,
        commit=event.commit,
        tree=event.tree,
        hypothesis=event.hypothesis,
        added=event.added,
        removed=event.removed,
        files=event.files,
        proposed=at,
        detail=event.detail,
        direction=thinking.direction,
        prompts=thinking.prompts,
        thought_s=thought_s,
        transcript=worktree.asked,
        spent=thinking.spent,
        fixes=event.fixes,
        broken=event.broken,
    )
    state = on_worktree(
        state,
        event.worktree,
        thinking=None,
        pending=(*worktree.pending, event.experiment),
        at=event.commit,
        proposed=worktree.proposed + 1,
        thought_s=(*worktree.thought_s, thought_s)[-THOUGHTS:],
        silent=0,
    )
    return replace(
        state if event.broken else with_tree(state, event.tree, event.experiment),
        experiments=state.experiments.set(experiment.number, experiment),
    )


@follow.register
def _(event: ev.ExperimentRebased, state: LabState, at: float) -> LabState:
    state = without_tree(state, state.experiments[event.experiment])
    experiment = replace(
        state.experiments[event.experiment],
        base=event.base,
        base_tree=event.base_tree,
        commit=event.commit,
        tree=event.tree,
    )
    state = with_tree(state, event.tree, event.experiment)
    return replace(state, experiments=state.experiments.set(experiment.number, experiment))


@follow.register
def _(event: ev.RunStarted, state: LabState, at: float) -> LabState:
    run = Run(
        number=event.run,
        purpose=event.purpose,
        experiment=event.experiment,
        commit=event.commit,
        tree=event.tree,
        seed=event.seed,
        scale=event.scale,
        slot=event.slot,
        started=at,
        harness=state.large_harness if event.purpose in LARGE else state.harness,
        fraction=event.fraction,
    )
    test = state.speed_test
    if test and run.purpose == "speed" and run.fraction not in test.tried:
        state = replace(state, speed_test=replace(test, tried=(*test.tried, run.fraction)))
    if event.purpose == "screen" and event.experiment is not None:
        experiment = replace(state.experiments[event.experiment], run=event.run)
        state = replace(state, experiments=state.experiments.set(experiment.number, experiment))
    return replace(state, runs=state.runs.set(run.number, run), active=state.active.set(run.number, run))


@follow.register
def _(event: ev.RunEnded, state: LabState, at: float) -> LabState:
    run = replace(
        state.runs[event.run],
        ending=event.ending,
        score=event.score,
        reason=event.reason,
        train_s=event.train_s,
        evaluate_s=event.evaluate_s,
        train_cpu_s=event.train_cpu_s,
        peak_mb=event.peak_mb,
        holdout=event.holdout,
        walls=event.walls,
        tokens_per_s=event.tokens_per_s,
        ended=at,
    )
    pools, failed = state.pools, state.failed
    if run.purpose == "retest" and run.harness == state.large_harness:
        state = _large(state, run)
    if run.purpose == "speed" and run.harness == state.large_harness:
        state = _faster(state, run)
    if run.purpose in ("baseline", "confirm") and run.scale == 1 and run.harness == state.harness:
        if run.score is not None:
            failed = failed.delete(run.tree) if run.tree in failed else failed
            pools = pools.set(run.tree, {**pools.get(run.tree, {}), run.seed: run.score})
        elif run.ending not in (*GIVEN_BACK, "cancelled"):
            failed = failed.set(run.tree, (*failed.get(run.tree, ()), run.reason))
    return replace(
        state,
        runs=state.runs.set(run.number, run),
        active=state.active.delete(run.number),
        pools=pools,
        failed=failed,
    )


@follow.register
def _(event: ev.ExperimentDecided, state: LabState, at: float) -> LabState:
    experiment = replace(
        state.experiments[event.experiment],
        outcome=event.outcome,
        score=event.score,
        gain=event.gain,
        z=event.z,
        reason=event.reason,
        decided=at,
    )
    if event.outcome == "returned":
        state = without_tree(state, experiment)
    worktree = state.worktrees[experiment.worktree]
    failures = _failures(worktree, event.outcome)
    pending = tuple(number for number in worktree.pending if number != event.experiment)
    trouble = event.reason if failures else worktree.trouble
    state = on_worktree(state, worktree.name, since=at, pending=pending, failures=failures, trouble=trouble)
    candidates = state.candidates
    if event.outcome == "keep":
        candidates = candidates.set(
            event.experiment, Candidate(event.experiment, "NEW", since=at, simpler=event.simpler)
        )
    return replace(state, experiments=state.experiments.set(event.experiment, experiment), candidates=candidates)


@follow.register
def _(event: ev.ExperimentPinned, state: LabState, at: float) -> LabState:
    return replace(state, pinned=state.pinned.set(event.experiment, event.commit))


@follow.register
def _(event: ev.ExperimentUnpinned, state: LabState, at: float) -> LabState:
    return replace(state, pinned=state.pinned.delete(event.experiment)) if event.experiment in state.pinned else state


def _failures(worktree: Worktree, outcome: ev.Outcome) -> int:
    """Count the experiments in a row that failed; what came to nothing by no fault of theirs changes no count."""
    if outcome in ("crash", "timeout", "duplicate", "invalid"):
        return worktree.failures + 1
    return worktree.failures if outcome in ("cancelled", "returned") else 0


def _large(state: LabState, run: Run) -> LabState:
    """Keep a run of the larger size: its score, or why it has none."""
    failed = state.large_failed
    if run.score is not None:
        pool = {**state.large.get(run.tree, {}), run.seed: run.score}
        failed = failed.delete(run.tree) if run.tree in failed else failed
        return replace(state, large=state.large.set(run.tree, pool), large_failed=failed)
    if run.ending in (*GIVEN_BACK, "cancelled"):
        return state
    reason = f"{run.ending}: {run.reason}"
    return replace(state, large_failed=failed.set(run.tree, (*failed.get(run.tree, ()), reason)))


def _faster(state: LabState, run: Run) -> LabState:
    """Keep a run with a smaller budget, where that is still of interest: its score, or why it has none."""
    test = state.speed_test
    if test is None or test.trunk.tree != run.tree or run.fraction not in test.tried:
        return state
    if run.score is not None:
        scores = test.scores.set((run.fraction, run.seed), run.score)
        return replace(state, speed_test=replace(test, scores=scores, failed=()))
    if run.ending in (*GIVEN_BACK, "cancelled"):
        return state
    return replace(state, speed_test=replace(test, failed=(*test.failed, f"{run.ending}: {run.reason}")))
