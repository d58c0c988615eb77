"""How does what happens to an experiment and a run change the lab's state?"""

from __future__ import annotations

from immutables import Map

from agentcore import events as ev
from agentcore.fold.change import follow, on_worktree, waited_s, with_tree, without_tree
from agentcore.fold.replacing import replace
from agentcore.state import Candidate, Counts, Experiment, LabState, Run, Thinking, Work, Worktree
from worktrees.runs import GIVEN_BACK, LARGE

FAILED = ("crash", "nan", "timeout", "invalid")
"""Outcomes that count towards [limits] failures."""

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
    return replace(
        state,
        runs=state.runs.set(run.number, run),
        tried=state.tried.set(run.tree, (*state.tried.get(run.tree, ()), run.number)),
        active=state.active.set(run.number, run),
        work=_began(state, run),
    )


@follow.register
def _(event: ev.RunStopped, state: LabState, at: float) -> LabState:
    run = replace(state.runs[event.run], stopped=event.by)
    active = state.active.set(run.number, run) if run.number in state.active else state.active
    return replace(state, runs=state.runs.set(run.number, run), active=active)


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
        self_reported=event.self_reported,
        guards=event.guards,
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
        work=_worked(state, run, at),
    )


@follow.register
def _(event: ev.ExperimentDecided, state: LabState, at: float) -> LabState:
    before = state.experiments[event.experiment]
    if before.outcome is None:
        state = _counted(state, before.worktree, event.outcome)
    experiment = replace(
        before,
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


def _counted(state: LabState, worktree: str, outcome: ev.Outcome) -> LabState:
    counts = state.counts
    counts = Counts(
        decided=counts.decided + 1,
        kept=counts.kept + (outcome == "keep"),
        failed_in_a_row=counts.failed_in_a_row + 1 if outcome in FAILED else 0,
        without_gain=counts.without_gain + 1,
    )
    return on_worktree(replace(state, counts=counts), worktree, decided=state.worktrees[worktree].decided + 1)


def _began(state: LabState, run: Run) -> Map[str, Work]:
    work = state.work.get(run.slot, Work())
    return state.work.set(run.slot, replace(work, since=run.started if work.since is None else work.since))


def _worked(state: LabState, run: Run, at: float) -> Map[str, Work]:
    """Count a run by its stages' own seconds; for this engine's share no longer than since its slot's share began."""
    work, seconds = state.work.get(run.slot, Work()), run.train_s + run.evaluate_s
    own = min(seconds, max(0.0, at - work.since)) if work.since is not None else 0.0
    return state.work.set(run.slot, replace(work, total_s=work.total_s + seconds, busy_s=work.busy_s + own, ended=at))


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
