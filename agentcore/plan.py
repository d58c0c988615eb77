"""What should happen next? Pure: from the state to a list of actions, which the engine then carries out.

The engine holds no agenda of its own. After a kill it folds the journal and asks again, so whatever was about to happen
happens once. Runs are wanted in the order of the promotion rule: trunk's own runs, then confirmations, then screening.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import islice
from math import ceil
from statistics import median

from agentcore import events as ev
from agentcore.away import limits as away
from agentcore.engine.gone import gone
from agentcore.events import Outcome
from agentcore.queue.judging import (
    decide,
    doubt,
    is_calibrated,
    is_measured,
    is_worn_out,
    meter,
    new_seeds,
    noise,
    screening_seed,
    second_chance,
    seeds_due,
    threshold,
    threshold_due,
)
from agentcore.queue.stacks import groups
from agentcore.queue.verbs import STOPPED, order
from agentcore.retest import due as retest
from agentcore.retest import speed
from agentcore.state import Candidate, Experiment, LabState, Run, Worktree
from worktrees.runs import GIVEN_BACK, LARGE, Purpose

CONFIRM_DEPTH = 2
"""Candidates, or stacks of them, confirmed at a time. P(pass) is about 0.4, so a deeper queue would measure on trunks
that never come."""


@dataclass(frozen=True)
class Record:
    """Append an event that needs no side effect."""

    event: ev.Event


AHEAD_AT_FIRST = 2
"""Proposals ahead of a coding agent whose think time is not known yet."""
QUICK = 0.02
"""Think time, as a share of a run, that keeps no slot waiting: one proposal ahead is enough then."""
REMEMBERED = 9
"""Newest runs from which the time of a run is taken."""
POOL_MAX = 8
"""Runs up to which trunk's pool is filled while agents wait for their provider."""


@dataclass(frozen=True)
class StartRun:
    """Start a run on a slot."""

    purpose: Purpose
    experiment: int | None
    commit: str
    tree: str
    seed: int
    slot: str
    fraction: float = 1.0
    """Of the size's budget."""


@dataclass(frozen=True)
class MoveWorktree:
    """Put an idle worktree on `base`."""

    worktree: str
    base: str


@dataclass(frozen=True)
class Propose:
    """Ask a worktree's agent for its next experiment."""

    worktree: str


@dataclass(frozen=True)
class RebaseExperiment:
    """Replay an experiment that has not run yet on its worktree's new base, or return it to its agent."""

    experiment: int
    base: str


@dataclass(frozen=True)
class Rebase:
    """Replay a candidate on trunk."""

    experiment: int


@dataclass(frozen=True)
class Stack:
    """Replay candidates on trunk, one on the other, to confirm them as one."""

    experiments: tuple[int, ...]


@dataclass(frozen=True)
class Judge:
    """Judge a candidate whose confirmation is complete."""

    experiment: int


@dataclass(frozen=True)
class JudgeStack:
    """Judge a stack whose confirmation is complete."""

    experiments: tuple[int, ...]


@dataclass(frozen=True)
class Promote:
    """Merge a READY candidate without asking: the gate's mode says so, or a person has asked for it before."""

    experiment: int
    by: str = "gate"


@dataclass(frozen=True)
class Settle:
    """Carry the open retest on where that takes git: end it, or take out of trunk what it found."""


Action = (
    Record
    | StartRun
    | MoveWorktree
    | Propose
    | RebaseExperiment
    | Rebase
    | Stack
    | Judge
    | JudgeStack
    | Promote
    | Settle
)


@dataclass(frozen=True)
class Limits:
    """What the engine was told to stay within."""

    experiments: int | None = None
    """No proposal is asked for once so many experiments exist."""
    stopping: bool = False
    """Start nothing new; runs in progress end."""
    crashes_in_a_row: int = 3
    usd: float = 0.0
    tokens: int = 0
    """No proposal is asked for once the lab has spent so much; 0 for no limit."""
    proposals_ahead: int | None = None
    """Prepared experiments per worktree; None follows the think and run times that were measured."""


def plan(state: LabState, limits: Limits) -> list[Action]:
    """Return the actions that are due, most urgent first. Carry them out in order, then plan again."""
    if state.trunk is None or state.config is None:
        return []
    actions: list[Action] = [*_decisions(state), *_threshold(state), *_park(state, limits), *_queue(state, limits)]
    actions += _retest(state, limits)
    if not limits.stopping:
        rebases = list(_rebases(state))
        actions += rebases
        actions += _runs(state, {each.experiment for each in rebases})
        actions += _proposals(state, limits)
    return actions


def _decisions(state: LabState) -> Iterator[Action]:
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


def _threshold(state: LabState) -> Iterator[Action]:
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


def spent_out(state: LabState, limits: Limits) -> str:
    """Return which limit of money or tokens is reached, or an empty string."""
    if limits.usd and state.spent.usd >= limits.usd:
        return f"the limit of ${limits.usd:.2f} is reached: ${state.spent.usd:.2f} spent"
    if limits.tokens and state.spent.usage.tokens >= limits.tokens:
        return f"the limit of {limits.tokens:,} tokens is reached: {state.spent.usage.tokens:,} used"
    return ""


def _park(state: LabState, limits: Limits) -> Iterator[Action]:
    for worktree in state.standing:
        if worktree.failures >= limits.crashes_in_a_row and not worktree.paused:
            reason = f"{worktree.failures} failures in a row, the last: {worktree.trouble}"
            yield Record(ev.WorktreePaused(worktree.name, reason, by="engine"))


def _queue(state: LabState, limits: Limits) -> Iterator[Action]:
    """Take candidates through rebase, confirmation and, where the gate may, promotion."""
    if not is_calibrated(state) or state.intent:
        return
    candidates = _in_order(state)
    doubtful = {each.experiment: reason for each in candidates if (reason := _doubt(state, each))}
    for number, reason in doubtful.items():
        yield Record(ev.CandidateMoved(number, "BLOCKED", reason, by="engine"))
    worn_out = {each.experiment: each for each in candidates if is_worn_out(state, each)}
    for number, each in worn_out.items():
        reason = f"trunk moved under {each.confirmations} confirmations ([gate] max_reconfirm)"
        yield Record(ev.CandidateMoved(number, "NOISE", reason, by="engine"))
    confirming = [each for each in candidates if each.state == "CONFIRM" and each.leads]
    for candidate in confirming:
        if _is_measured(state, candidate):
            yield JudgeStack(candidate.stack) if candidate.stack else Judge(candidate.experiment)
    ready = [each for each in candidates if each.state == "READY" and each.leads]
    undone = {merge.experiment for merge in state.merges if merge.undone}  # by a person: only a person merges it again
    if promotion := _wanted_now(state):
        yield promotion
        return
    may_merge = state.gate.mode == "gate" and STOPPED not in state.warnings
    if may_merge and (ready := [each for each in ready if each.experiment not in undone]):
        best = min(ready, key=lambda each: (_place(state, each), -_confirmed_gain(each)))
        yield Promote(best.experiment)
        return
    if state.gate.mode != "hold" and not limits.stopping:
        if near := second_chance(state):
            reason = f"a near miss: tried again now that #{state.merges[-1].experiment} is in trunk"
            yield Record(ev.CandidateMoved(near.experiment, "NEW", reason, by="engine"))
        for group in in_line(state, {*doubtful, *worn_out})[: max(0, CONFIRM_DEPTH - len(confirming))]:
            yield Stack(group) if len(group) > 1 else Rebase(group[0])


def _wanted_now(state: LabState) -> Promote | None:
    """Return the merge that a person wants next, once it is READY; never one that brings what nobody asked for."""
    wish = state.wanted
    if wish is None or STOPPED in state.warnings:
        return None
    first = state.candidates[wish.experiments[0]]
    is_due = first.state == "READY" and set(first.members) <= set(wish.experiments)
    return Promote(first.experiment, wish.by) if is_due else None


def _place(state: LabState, leader: Candidate) -> float:
    """Return where a person put a candidate, or the first of its stack."""
    return min(order(state.candidates[number])[0] for number in leader.members)


def in_line(state: LabState, without: Set[int] = frozenset()) -> list[tuple[int, ...]]:
    """Return the candidates that wait to be rebased on trunk, the next one first; those that are stacked as a group."""
    waiting = [each for each in _in_order(state) if each.state in ("NEW", "STALE") and each.experiment not in without]
    waiting.sort(key=lambda each: (order(each)[0], -(state.experiments[each.experiment].z or 0.0)))
    return groups(state, waiting)


def _retest(state: LabState, limits: Limits) -> Iterator[Action]:
    if event := retest.next_event(state, may_start=not limits.stopping):
        yield Record(event)
    elif retest.needs_git(state):
        yield Settle()
    if measured := speed.next_event(state):
        yield Record(measured)


def _doubt(state: LabState, candidate: Candidate) -> str:
    """Return why a new candidate's screening gain is not believed, before runs are spent on it."""
    gain = state.experiments[candidate.experiment].gain
    return doubt(state, candidate, gain) if candidate.state == "NEW" and gain is not None else ""


def _in_order(state: LabState) -> list[Candidate]:
    return [candidate for _, candidate in sorted(state.candidates.items())]


def _is_measured(state: LabState, candidate: Candidate) -> bool:
    return bool(state.broken(candidate.tree)) or is_measured(state, candidate)


def _rebases(state: LabState) -> Iterator[RebaseExperiment]:
    """A worktree's base moves while its proposals wait: they are brought there at once, or return to their agent."""
    if not is_calibrated(state) or state.intent:
        return
    homes = _home_bases(state)
    for worktree in state.standing:
        base = homes[worktree.name]
        for number in worktree.pending:
            experiment = state.experiments[number]
            if experiment.base != base and _is_waiting(state, experiment):
                yield RebaseExperiment(number, base)


def _is_waiting(state: LabState, experiment: Experiment) -> bool:
    """True for an experiment without an outcome that is to be run: no run has it, or its run came to nothing."""
    if experiment.outcome is not None:
        return False
    if experiment.run is None:
        return _unfit(state, experiment) is None
    return state.runs[experiment.run].ending in GIVEN_BACK


def _runs(state: LabState, moving: set[int]) -> Iterator[Action]:
    """Give each free slot the most urgent run that is wanted; a worktree's own experiment prefers its home.

    `moving` are the experiments that are rebased first.
    """
    taken = {run.slot for run in state.active.values()}
    taken |= gone(state)
    free = [slot.name for slot in state.slots if slot.name not in taken]
    room = state.retest_settings.slots(len(state.slots))
    room -= sum(run.purpose in LARGE for run in state.active.values())
    for purpose, experiment, commit, tree, seed, home in waiting_runs(state):
        if not free:
            return
        if (purpose == "screen" and experiment in moving) or (purpose in LARGE and room <= 0):
            continue
        room -= purpose in LARGE
        slot = home if home in free else free[0]
        free.remove(slot)
        fraction = speed.fraction(state) if purpose == "speed" else None
        yield StartRun(purpose, experiment, commit, tree, seed, slot, fraction or 1.0)


def _kind(purpose: Purpose) -> str:
    """Runs of one kind that share tree and seed are the same run."""
    return purpose if purpose in ("screen", *LARGE) else "pool"


Wanted = tuple[Purpose, int | None, str, str, int, str]
"""A run: its purpose, experiment, commit, tree, seed and home."""


def waiting_runs(state: LabState) -> Iterator[Wanted]:
    """Yield the runs that wait for a slot, the most urgent first; what is run already is not among them."""
    going = {(run.tree, run.seed, _kind(run.purpose)) for run in state.active.values()}
    for wanted in _wanted(state):
        purpose, _, _, tree, seed, _ = wanted
        if (key := (tree, seed, _kind(purpose))) not in going:
            going.add(key)
            yield wanted


def _wanted(state: LabState) -> Iterator[Wanted]:
    trunk = state.trunk
    assert trunk is not None, "plan() has checked"
    if state.broken(trunk.tree):
        return
    pool = state.pools.get(trunk.tree, {})
    first = trunk.tree == state.baseline_tree
    size = state.gate.calibration_runs if first else state.gate.pool_min
    for seed in new_seeds(max(0, size - len(pool)), list(pool)):
        yield "baseline", None, trunk.commit, trunk.tree, seed, ""
    if not is_calibrated(state):
        return
    for commit, tree, seed in retest.small_runs(state):
        yield "baseline", None, commit, tree, seed, ""
    for candidate in _in_order(state):
        if candidate.state == "CONFIRM" and candidate.leads and not state.broken(candidate.tree):
            yield from _confirmation(state, candidate)
    for purpose, commit, tree, seed in speed.runs(state):  # of the retest before; else one after the other outruns it
        yield purpose, None, commit, tree, seed, ""
    for commit, tree, seed in retest.large_runs(state):
        yield "retest", None, commit, tree, seed, ""
    yield from _screenings(state)
    if any(worktree.thinking and worktree.thinking.state == "LIMIT" for worktree in state.worktrees.values()):
        for seed in new_seeds(max(0, POOL_MAX - len(pool)), list(pool)):  # better than a slot that waits as well
            yield "baseline", None, trunk.commit, trunk.tree, seed, ""


def _screenings(state: LabState) -> Iterator[Wanted]:
    """The experiments that wait for a slot: the first of every worktree, then the second of each, and so on."""
    waiting = [
        (place, worktree, experiment)
        for worktree in _fewest_runs_first(state)
        if not worktree.paused or worktree.paused_by == "engine"  # a parked agent is not asked; what it has is tried
        for place, experiment in enumerate(
            each for each in map(state.experiments.__getitem__, worktree.pending) if _is_waiting(state, each)
        )
    ]
    for _, worktree, experiment in sorted(waiting, key=lambda each: each[0]):
        seed = screening_seed(experiment.number)
        yield "screen", experiment.number, experiment.commit, experiment.tree, seed, worktree.slot


def _confirmation(state: LabState, candidate: Candidate) -> Iterator[Wanted]:
    for seed in seeds_due(state, candidate):
        if seed not in state.pools.get(candidate.tree, {}):
            yield "confirm", candidate.experiment, candidate.commit, candidate.tree, seed, ""
        if seed not in state.pools.get(candidate.trunk_tree, {}):
            yield "baseline", None, candidate.trunk, candidate.trunk_tree, seed, ""


def _fewest_runs_first(state: LabState) -> list[Worktree]:
    return sorted(state.standing, key=lambda worktree: (worktree.proposed, worktree.name))


def _proposals(state: LabState, limits: Limits) -> Iterator[Action]:
    assert state.trunk is not None, "plan() has checked"
    if not state.pools.get(state.trunk.tree):  # with one run trunk has a number; its noise is measured meanwhile
        return
    if "prompts" in state.warnings:  # every brief would fail: the researcher mends the text, and all go on
        return
    room = None if limits.experiments is None else limits.experiments - len(state.experiments)
    if room is not None:
        room -= sum(worktree.thinking is not None for worktree in state.worktrees.values())
    is_spent = bool(spent_out(state, limits) or away.spent(state))
    run_s, homes, lost = recent_run_s(state), _home_bases(state), gone(state)
    for worktree in _fewest_runs_first(state):
        if worktree.slot in lost:  # what it has ready runs elsewhere
            continue
        if worktree.rebase and worktree.thinking is None:
            yield MoveWorktree(worktree.name, homes[worktree.name])
            continue
        if worktree.thinking is not None or worktree.asking:
            continue
        if worktree.paused:  # a person may be editing in it: it is put on its base when it is resumed
            continue
        base = homes[worktree.name]
        wanted = not is_spent and _wants_proposal(state, worktree, limits, run_s) and (room is None or room > 0)
        if worktree.at != base and (wanted or not worktree.pending or not worktree.at):
            yield MoveWorktree(worktree.name, base)
        if wanted:
            room = None if room is None else room - 1
            yield Propose(worktree.name)


def _wants_proposal(state: LabState, worktree: Worktree, limits: Limits, run_s: float | None) -> bool:
    ahead = limits.proposals_ahead
    if ahead is None:
        ahead = proposals_ahead(worktree, run_s)
    if ahead == 0:
        return not worktree.pending
    return sum(_is_waiting(state, state.experiments[number]) for number in worktree.pending) < ahead


def proposals_ahead(worktree: Worktree, run_s: float | None) -> int:
    """Return how many proposals a worktree should hold ready: 1 + ceil(think time / run time), by its newest ones.

    `run_s`: what runs take, see `recent_run_s`.
    """
    if run_s is None or not worktree.thought_s:
        return 1 if worktree.agent == "search" else AHEAD_AT_FIRST
    ratio = median(worktree.thought_s) / max(run_s, 1e-3)
    return 1 if ratio <= QUICK else 1 + ceil(ratio)


def recent_run_s(state: LabState) -> float | None:
    """Return the median seconds of the newest runs that went well; None before there is one."""
    ended = (state.runs[number] for number in range(len(state.runs), 0, -1))
    runs = [run.train_s + run.evaluate_s for run in islice((run for run in ended if _counts(run)), REMEMBERED)]
    return median(runs) if runs else None


def _counts(run: Run) -> bool:
    return run.ending == "ok" and run.purpose not in LARGE  # one takes as long as many small ones


def home_base(state: LabState, worktree: Worktree) -> str:
    """Return where a worktree stands between experiments: trunk, or its own best READY candidate on today's trunk.

    So wins still stack while the researcher sleeps, but only those that passed fresh seeds.
    """
    return _home_bases(state)[worktree.name]


def _home_bases(state: LabState) -> dict[str, str]:
    """Return {worktree: its home}: one look at all candidates serves every worktree, of which there may be hundreds."""
    assert state.trunk is not None, "worktrees exist only after trunk"
    ready: dict[str, Candidate] = {}
    for candidate in state.candidates.values():
        if candidate.state == "READY":
            name = state.experiments[candidate.experiment].worktree
            ready[name] = max(ready.get(name, candidate), candidate, key=_confirmed_gain)
    return {name: ready[name].landing if name in ready else state.trunk.commit for name in state.worktrees}


def _confirmed_gain(candidate: Candidate) -> float:
    return candidate.verdict.gain if candidate.verdict else 0.0
