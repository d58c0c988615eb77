"""How does the lab's state follow from its events?

``apply(state, entry) -> state`` is pure: it never looks at a clock, a file or a process, so a recorded journal is a
demo, a test and a bug report.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import singledispatch
from typing import Any

from immutables import Map

from agentcore import events as ev
from agentcore.events import Entry, Step
from agentcore.spending import Spending
from agentcore.state import (
    Candidate,
    Engine,
    Experiment,
    LabState,
    Merge,
    Message,
    Retest,
    Run,
    Tally,
    Thinking,
    Trunk,
    Worktree,
)
from worktrees.runs import GIVEN_BACK

RECENT = 500
"""Entries kept in memory for the events pane; the journal has all."""

NOTES, MESSAGES, THOUGHTS = 20, 50, 9
"""Notes, messages and think times kept per worktree."""


def fold(entries: Iterable[Entry], state: LabState | None = None) -> LabState:
    """Apply `entries` in order."""
    state = state or LabState()
    for entry in entries:
        state = apply(state, entry)
    return state


def apply(state: LabState, entry: Entry) -> LabState:
    """Return the state after `entry`. Raises ValueError where the journal skips or repeats a sequence number."""
    if entry.seq != state.seq + 1:
        raise ValueError(f"journal out of order: event {entry.seq} after {state.seq}")
    state = _apply(entry.event, state, entry.at)
    if isinstance(entry.event, ev.TokensUsed):  # one per model turn: they would drive everything else out
        return replace(state, seq=entry.seq, at=entry.at)
    return replace(state, seq=entry.seq, at=entry.at, recent=(*state.recent[-RECENT + 1 :], entry))


@singledispatch
def _apply(event: object, state: LabState, at: float) -> LabState:
    raise TypeError(f"no fold for {type(event).__name__}")


@_apply.register
def _(event: ev.LabConfigured, state: LabState, at: float) -> LabState:
    """Forget every pool when the harness or the budget changed: the scores are not comparable any more."""
    if state.config and state.large_harness != replace(state, config=event).large_harness:
        state = replace(_retest_ended(state, "DROPPED", "the settings changed", at), large=Map(), large_failed=Map())
    if state.config is None or state.config.harness == event.harness:
        return replace(state, config=event)
    candidates = _outdate(state.candidates, "", at)
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


@_apply.register
def _(event: ev.EngineStarted, state: LabState, at: float) -> LabState:
    """Give broken trees and barred agents another try: whoever starts an engine may have mended what was wrong."""
    engine = Engine(event.pid, event.start_ticks, event.boot_id, event.version, since=at, walls=event.walls)
    state = replace(state, engine=engine, slots=event.slots, failed=Map(), barred=Map(), large_failed=Map())
    for worktree in state.worktrees.values():
        if worktree.thinking is not None:
            state = _mending(state, worktree.thinking.fixes, -1)  # it had no fair chance
            state = _worktree(state, worktree.name, thinking=None, at="")
    return state


@_apply.register
def _(event: ev.EngineStopped, state: LabState, at: float) -> LabState:
    engine = replace(state.engine, stopped=at, reason=event.reason) if state.engine else None
    return replace(state, engine=engine)


@_apply.register
def _(event: ev.WorktreeCreated, state: LabState, at: float) -> LabState:
    worktree = Worktree(event.worktree, event.slot, event.agent, event.base, event.tree, at=event.base, since=at)
    return replace(state, worktrees=state.worktrees.set(event.worktree, worktree))


@_apply.register
def _(event: ev.WorktreeMoved, state: LabState, at: float) -> LabState:
    return _worktree(state, event.worktree, base=event.base, base_tree=event.tree, at=event.base)


@_apply.register
def _(event: ev.WorktreePaused, state: LabState, at: float) -> LabState:
    return _worktree(state, event.worktree, since=at, paused=event.reason, paused_by=event.by)


@_apply.register
def _(event: ev.WorktreeResumed, state: LabState, at: float) -> LabState:
    """Try everything again that may have stopped it."""
    state = replace(state, barred=Map())
    return _worktree(state, event.worktree, since=at, paused="", paused_by="", failures=0, silent=0)


@_apply.register
def _(event: ev.AgentsAssigned, state: LabState, at: float) -> LabState:
    for name, agent in event.agents.items():
        if name in state.worktrees:
            state = _worktree(state, name, agent=agent)
    return replace(state, agents=event)


@_apply.register
def _(event: ev.AgentBarred, state: LabState, at: float) -> LabState:
    return replace(state, barred=state.barred.set(event.agent, event))


@_apply.register
def _(event: ev.ThinkingStarted, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    thinking = Thinking(
        agent=event.agent or worktree.agent,
        since=at,
        direction=event.direction,
        fixes=event.fixes,
        prompts=state.prompts,
        changed=at,
    )
    state = _mending(state, event.fixes, 1)
    return _worktree(state, event.worktree, thinking=thinking, asked=worktree.asked + 1)


@_apply.register
def _(event: ev.AgentStateChanged, state: LabState, at: float) -> LabState:
    thinking = state.worktrees[event.worktree].thinking
    if thinking is None:
        return state
    thinking = replace(
        thinking,
        state=event.state,
        text=event.text,
        until=event.until,
        changed=at,
        waited_s=_waited_s(thinking, at),
    )
    return _worktree(state, event.worktree, thinking=thinking)


@_apply.register
def _(event: ev.RoomEntered, state: LabState, at: float) -> LabState:
    return state  # evidence for the log alone


@_apply.register
def _(event: ev.TokensUsed, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    spent = Spending(event.usage, event.usd, turns=1)
    agent = worktree.agent
    if worktree.thinking is not None:
        agent = worktree.thinking.agent
        thinking = replace(worktree.thinking, spent=worktree.thinking.spent + spent)
        state = _worktree(state, worktree.name, thinking=thinking)
    state = _worktree(state, worktree.name, spent=worktree.spent + spent)
    by_agent = state.spent_by.set(agent, state.spent_by.get(agent, Spending()) + spent)
    return replace(state, spent=state.spent + spent, spent_by=by_agent)


@_apply.register
def _(event: ev.NoteTaken, state: LabState, at: float) -> LabState:
    notes = (*state.worktrees[event.worktree].notes, event.text)[-NOTES:]
    return _worktree(state, event.worktree, notes=notes)


@_apply.register
def _(event: ev.MessageSent, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    messages = (*worktree.messages, Message(at, event.text, event.by))
    gone = max(0, min(len(messages) - MESSAGES, worktree.read))  # one that nobody has read is never dropped
    return _worktree(state, event.worktree, messages=messages[gone:], read=worktree.read - gone)


@_apply.register
def _(event: ev.MessagesRead, state: LabState, at: float) -> LabState:
    return _worktree(state, event.worktree, read=state.worktrees[event.worktree].read + event.count)


@_apply.register
def _(event: ev.PromptsChanged, state: LabState, at: float) -> LabState:
    return replace(state, prompts=state.prompts + 1, prompts_digest=event.digest)


@_apply.register
def _(event: ev.AgentFailed, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    agent = event.agent or worktree.agent
    changes: dict[str, Any] = {}
    if not event.excused:
        counter = "silent" if event.agent not in ("", "search") else "failures"  # "": it was not even asked
        changes = {counter: getattr(worktree, counter) + 1, "trouble": event.reason}
        state = replace(state, failed_by=state.failed_by.set(agent, state.failed_by.get(agent, 0) + 1))
    return _worktree(state, event.worktree, since=at, thinking=None, at="", **changes)


@_apply.register
def _(event: ev.ExperimentProposed, state: LabState, at: float) -> LabState:
    worktree = state.worktrees[event.worktree]
    thinking = worktree.thinking or Thinking(event.agent, since=at, prompts=state.prompts)
    thought_s = at - thinking.since - _waited_s(thinking, at)
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
    state = _worktree(
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
        state if event.broken else _with_tree(state, event.tree, event.experiment),
        experiments=state.experiments.set(experiment.number, experiment),
    )


@_apply.register
def _(event: ev.ExperimentRebased, state: LabState, at: float) -> LabState:
    state = _without_tree(state, state.experiments[event.experiment])
    experiment = replace(
        state.experiments[event.experiment],
        base=event.base,
        base_tree=event.base_tree,
        commit=event.commit,
        tree=event.tree,
    )
    state = _with_tree(state, event.tree, event.experiment)
    return replace(state, experiments=state.experiments.set(experiment.number, experiment))


@_apply.register
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
        harness=state.large_harness if event.purpose == "retest" else state.harness,
    )
    if event.purpose == "screen" and event.experiment is not None:
        experiment = replace(state.experiments[event.experiment], run=event.run)
        state = replace(state, experiments=state.experiments.set(experiment.number, experiment))
    return replace(state, runs=state.runs.set(run.number, run), active=state.active.set(run.number, run))


@_apply.register
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


@_apply.register
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
        state = _without_tree(state, experiment)
    worktree = state.worktrees[experiment.worktree]
    failures = _failures(worktree, event.outcome)
    pending = tuple(number for number in worktree.pending if number != event.experiment)
    trouble = event.reason if failures else worktree.trouble
    state = _worktree(state, worktree.name, since=at, pending=pending, failures=failures, trouble=trouble)
    candidates = state.candidates
    if event.outcome == "keep":
        candidates = candidates.set(
            event.experiment, Candidate(event.experiment, "NEW", since=at, simpler=event.simpler)
        )
    return replace(state, experiments=state.experiments.set(event.experiment, experiment), candidates=candidates)


@_apply.register
def _(event: ev.CandidateRebased, state: LabState, at: float) -> LabState:
    return _candidate(
        state,
        event.experiment,
        at,
        state="CONFIRM",
        confirmations=state.candidates[event.experiment].confirmations + 1,
        trunk=event.trunk,
        trunk_tree=event.trunk_tree,
        commit=event.commit,
        tree=event.tree,
        seeds=event.seeds,
        verdict=None,
        landing="",
        reason="",
    )


@_apply.register
def _(event: ev.ThresholdChanged, state: LabState, at: float) -> LabState:
    return replace(state, threshold=event.z_confirm)


@_apply.register
def _(event: ev.CandidateJudged, state: LabState, at: float) -> LabState:
    tally, verdict = state.tally, event.verdict
    if not state.candidates[event.experiment].simpler:  # which is tested for something else
        tally = Tally(tally.confirmations + 1, tally.negative + (verdict.gain < 0), tally.passed + verdict.passed)
    state = replace(state, tally=tally)
    return _candidate(
        state,
        event.experiment,
        at,
        state=event.state,
        verdict=event.verdict,
        landing=event.landing,
        reason=event.reason,
    )


@_apply.register
def _(event: ev.CandidateMoved, state: LabState, at: float) -> LabState:
    intent = state.intent
    if intent and intent.experiment == event.experiment:
        intent = None
    released = state.candidates[event.experiment].released or _is_release(state, event)
    changes: dict[str, Any] = {"state": event.state, "reason": event.reason, "released": released}
    if event.state == "NEW":  # it begins anew
        changes["confirmations"] = 0
        if state.candidates[event.experiment].state == "NOISE":
            changes["retried"] = len(state.merges)
    return replace(_candidate(state, event.experiment, at, **changes), intent=intent)


@_apply.register
def _(event: ev.MergeIntended, state: LabState, at: float) -> LabState:
    return replace(_candidate(state, event.experiment, at, state="MERGING"), intent=event)


@_apply.register
def _(event: ev.TrunkMoved, state: LabState, at: float) -> LabState:
    trunk, intent = Trunk(event.new, event.tree, since=at, by=event.by), state.intent
    state = replace(state, trunk=trunk, baseline_tree=state.baseline_tree or event.tree, intent=None)
    if event.experiment is not None:
        verdict = state.candidates[event.experiment].verdict
        merge = Merge(event.experiment, at, event.old, event.new, event.by, verdict, forced=event.forced)
        state = _candidate(replace(state, merges=(*state.merges, merge)), event.experiment, at, state="MERGED")
    if event.undone is not None:
        undone = replace(state.merges[-1], undone=True)
        candidate = state.candidates[event.undone]
        is_measured = set(candidate.seeds) <= state.pools.get(candidate.tree, {}).keys()  # by today's harness
        # A forced one never passed: it is judged again, by the runs that it has.
        back: ev.CandidateState = "READY" if is_measured and not undone.forced else "STALE"
        state = _candidate(replace(state, merges=(*state.merges[:-1], undone)), event.undone, at, state=back)
    if event.reverted is not None:
        state = _reverted(state, event.reverted, f"taken back by {event.by}: {event.reason}", at)
        if isinstance(intent, ev.RevertIntended) and state.retest and intent.retest == state.retest.number:
            state = _retest_ended(state, "REVERTED", f"#{event.reverted} is taken out: {event.reason}", at)
    state = replace(state, line=_line(state.line, event))
    return replace(state, candidates=_outdate(state.candidates, event.new, at))


@_apply.register
def _(event: ev.RevertIntended, state: LabState, at: float) -> LabState:
    return replace(state, intent=event)


@_apply.register
def _(event: ev.CandidateExtended, state: LabState, at: float) -> LabState:
    changes = {"state": "CONFIRM", "seeds": event.seeds, "verdict": None, "landing": "", "reason": event.reason}
    return _candidate(state, event.experiment, at, **changes)


@_apply.register
def _(event: ev.ExperimentPinned, state: LabState, at: float) -> LabState:
    return replace(state, pinned=state.pinned.set(event.experiment, event.commit))


@_apply.register
def _(event: ev.ExperimentUnpinned, state: LabState, at: float) -> LabState:
    return replace(state, pinned=state.pinned.delete(event.experiment)) if event.experiment in state.pinned else state


@_apply.register
def _(event: ev.ModeChanged, state: LabState, at: float) -> LabState:
    if state.config is None:
        return state
    return replace(state, config=replace(state.config, gate=replace(state.gate, mode=event.mode)))


@_apply.register
def _(event: ev.RetestStarted, state: LabState, at: float) -> LabState:
    """Give what failed at the larger size another try: whoever asks again may have mended it."""
    retest = Retest(event.retest, event.steps, event.seeds, event.scale, event.by, since=at)
    return replace(state, retests=(*state.retests, retest), large_failed=Map())


@_apply.register
def _(event: ev.RetestJudged, state: LabState, at: float) -> LabState:
    return _retest(state, judged=(*state.retests[-1].judged, event))


@_apply.register
def _(event: ev.RevertPrepared, state: LabState, at: float) -> LabState:
    return _retest(state, prepared=event)


@_apply.register
def _(event: ev.RetestEnded, state: LabState, at: float) -> LabState:
    """Mark what the tried trunk brought, unless it was taken back meanwhile."""
    retest = state.retests[-1]
    marks = {"PROVEN": ("MERGED", "FADED"), "FADED": ("MERGED",)}.get(event.word, ())
    for number in (number for step in retest.steps[1:] for number in step.experiments):
        if state.candidates[number].state in marks:
            state = _candidate(state, number, at, state=event.word, reason=event.reason)
    if event.word == "PROVEN":
        state = replace(state, verified=(*state.verified, retest.steps[-1].commit))
    return _retest_ended(state, event.word, event.reason, at)


@_apply.register
def _(event: ev.WarningRaised, state: LabState, at: float) -> LabState:
    return replace(state, warnings=state.warnings.set(event.topic, event.message))


@_apply.register
def _(event: ev.WarningCleared, state: LabState, at: float) -> LabState:
    return replace(state, warnings=state.warnings.delete(event.topic)) if event.topic in state.warnings else state


def _failures(worktree: Worktree, outcome: ev.Outcome) -> int:
    """Count the experiments in a row that failed; what came to nothing by no fault of theirs changes no count."""
    if outcome in ("crash", "timeout", "duplicate", "invalid"):
        return worktree.failures + 1
    return worktree.failures if outcome in ("cancelled", "returned") else 0


def _reverted(state: LabState, experiment: int, reason: str, at: float) -> LabState:
    """Mark the newest merge of an experiment as taken back, wherever it lies."""
    newest = max(place for place, merge in enumerate(state.merges) if merge.experiment == experiment)
    merges = tuple(
        replace(merge, undone=True) if place == newest else merge for place, merge in enumerate(state.merges)
    )
    return _candidate(replace(state, merges=merges), experiment, at, state="REVERTED", reason=reason)


def _is_release(state: LabState, event: ev.CandidateMoved) -> bool:
    return state.candidates[event.experiment].state == "BLOCKED" and event.state == "NEW"


def _waited_s(thinking: Thinking, at: float) -> float:
    return thinking.waited_s + (at - thinking.changed if thinking.state == "LIMIT" else 0.0)


def _mending(state: LabState, number: int | None, by: int) -> LabState:
    if number is None:
        return state
    experiment = state.experiments[number]
    experiment = replace(experiment, mending=experiment.mending + by)
    return replace(state, experiments=state.experiments.set(number, experiment))


def _with_tree(state: LabState, tree: str, experiment: int) -> LabState:
    return state if tree in state.trees else replace(state, trees=state.trees.set(tree, experiment))


def _without_tree(state: LabState, experiment: Experiment) -> LabState:
    """Forget the tree of an experiment that did not run as it was proposed: nobody has measured it."""
    is_first = state.trees.get(experiment.tree) == experiment.number
    return replace(state, trees=state.trees.delete(experiment.tree)) if is_first else state


def _worktree(state: LabState, name: str, /, **changes: Any) -> LabState:
    return replace(state, worktrees=state.worktrees.set(name, replace(state.worktrees[name], **changes)))


def _candidate(lab: LabState, experiment: int, at: float, /, **changes: Any) -> LabState:
    candidate = replace(lab.candidates[experiment], since=at, **changes)
    return replace(lab, candidates=lab.candidates.set(experiment, candidate))


def _retest(state: LabState, /, **changes: Any) -> LabState:
    return replace(state, retests=(*state.retests[:-1], replace(state.retests[-1], **changes)))


def _retest_ended(state: LabState, word: ev.RetestEnding, reason: str, at: float) -> LabState:
    if state.retest is None:
        return state
    return _retest(state, word=word, reason=reason, ended=at)


def _large(state: LabState, run: Run) -> LabState:
    """Keep a run of the larger size: its score, or why it has none."""
    failed = state.large_failed
    if run.score is not None:
        pool = {**state.large.get(run.tree, {}), run.seed: run.score}
        failed = failed.delete(run.tree) if run.tree in failed else failed
        return replace(state, large=state.large.set(run.tree, pool), large_failed=failed)
    if run.ending in (*GIVEN_BACK, "cancelled"):
        return state
    return replace(state, large_failed=failed.set(run.tree, (*failed.get(run.tree, ()), run.reason)))


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


def _outdate(candidates: Map[int, Candidate], trunk: str, at: float) -> Map[int, Candidate]:
    """Mark what was measured against another trunk: it is rebased and confirmed again."""
    for number, candidate in candidates.items():
        if candidate.state in ("CONFIRM", "READY") and candidate.trunk != trunk:
            candidates = candidates.set(number, replace(candidate, state="STALE", since=at, reason="trunk moved"))
    return candidates
