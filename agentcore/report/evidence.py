"""What stands behind a report's ten lines, in numbers? Facts of its time; who shows them writes them as it likes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import fsum, sqrt
from statistics import fmean

from agentcore import events as ev
from agentcore.journal.window import Window
from agentcore.queue.judging import claimed, noise
from agentcore.report.faults import Fault, faults
from agentcore.state import Candidate, Experiment, Merge
from worktrees.statistics import Z_MAX

EXAMPLES = 3
"""Experiments that are named for each way to fail."""

FAILURES: Mapping[str, str] = {
    "drop": "no gain",
    "crash": "crashed",
    "nan": "diverged",
    "timeout": "too slow",
    "invalid": "broke a rule",
    "contended": "on a shared device",
    "duplicate": "tried before",
    "returned": "did not fit on trunk",
    "cancelled": "stopped by a person",
}
"""Outcomes other than keep, as a report tells them."""

LARGER = ("PROVEN", "FADED", "REVERTED")
"""Words for what became of a merge at the larger size."""


@dataclass(frozen=True)
class TrunkWay:
    """How trunk's number moved. Scores are means of pools; None where there is none yet, or nothing was merged."""

    commit: str
    before: float | None
    after: float | None
    gain: float | None
    z: float | None
    merges: int
    taken_back: int


@dataclass(frozen=True)
class Merged:
    """One merge, with the evidence that it was made on."""

    experiment: int
    idea: str
    worktree: str
    agent: str
    at: float
    by: str
    gain: float | None
    error: float | None
    """Standard error of the gain."""
    z: float | None
    seeds: int
    tree: str
    old: str
    new: str
    forced: str
    taken_back: bool
    larger: str
    """PROVEN, FADED or REVERTED; empty before a retest has said so."""
    together: tuple[int, ...]
    """The stack whose gain it is, itself among them; empty where it was alone."""


@dataclass(frozen=True)
class NearMiss:
    """A kept experiment whose gain by fresh seeds lies inside the noise."""

    experiment: int
    idea: str
    gain: float | None
    error: float | None
    z: float | None
    seeds: int


@dataclass(frozen=True)
class Failed:
    """The experiments that came to the same end."""

    outcome: str
    meaning: str
    count: int
    reasons: tuple[tuple[str, int], ...]
    """The commonest, with their counts."""
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Yield:
    """What an agent, or a direction, brought."""

    name: str
    tried: int
    kept: int
    merged: int
    gain: float
    """Sum of the gains that count in totals; that of a stack is shared equally by its members."""
    run_s: float
    usd: float


@dataclass(frozen=True)
class SlotShare:
    """How busy a slot was."""

    slot: str
    busy_s: float
    share: float


@dataclass(frozen=True)
class Expense:
    """What the time cost, proposals that came to nothing included."""

    usd: float
    usd_total: float
    usd_limit: float
    """0 for no limit."""
    tokens: int
    slot_hours: float
    busy: float
    """Share of the slots' time."""
    disk_mb: float


@dataclass(frozen=True)
class Evidence:
    """Everything that a report knows."""

    trunk: TrunkWay
    merged: tuple[Merged, ...]
    near_misses: tuple[NearMiss, ...]
    failed: tuple[Failed, ...]
    agents: tuple[Yield, ...]
    directions: tuple[Yield, ...]
    slots: tuple[SlotShare, ...]
    cost: Expense
    faults: tuple[Fault, ...]
    needs_you: tuple[str, ...]


def evidence(window: Window, disk_mb: float) -> Evidence:
    """Return what stands behind the answers about a time."""
    slots = _slots(window)
    return Evidence(
        trunk=_trunk(window),
        merged=tuple(_merged(window, merge) for merge in window.merges),
        near_misses=tuple(_near(window, each) for each in near_misses(window)),
        failed=_failed(window),
        agents=_yields(window, lambda each: each.agent),
        directions=_yields(window, lambda each: each.direction),
        slots=slots,
        cost=_expense(window, slots, disk_mb),
        faults=faults(window),
        needs_you=tuple(need.text for need in window.scene.needs),
    )


def near_misses(window: Window) -> list[Candidate]:
    """Return what is worth strengthening or combining, the nearest first; older ones are among them."""
    near = [each for each in window.state.candidates.values() if each.state == "NOISE"]
    return sorted(near, key=lambda each: -(each.verdict.z if each.verdict else 0.0))


def _trunk(window: Window) -> TrunkWay:
    state, trunk = window.state, window.scene.trunk
    taken_back = sum(merge.undone for merge in window.merges)
    after = trunk.score if trunk else None
    before = state.pools.get(_tree_before(window), {})
    pool = state.pools.get(state.trunk.tree, {}) if state.trunk else {}
    commit = trunk.commit if trunk else ""
    if after is None or not window.merges or not before:
        return TrunkWay(commit, None, after, None, None, len(window.merges), taken_back)
    old, spread = fmean(before.values()), noise(state)
    sign = 1 if state.config is None or state.config.lower_is_better else -1
    gain = sign * (old - after)
    z = gain / (spread.used * sqrt(1 / len(before) + 1 / len(pool))) if spread and pool else None
    z = max(-Z_MAX, min(Z_MAX, z)) if z is not None else None
    return TrunkWay(commit, old, after, gain, z, len(window.merges), taken_back)


def _tree_before(window: Window) -> str:
    """Return the tree that trunk had when the time began."""
    state, trunk = window.state, window.state.trunk
    if not window.merges:
        return trunk.tree if trunk else ""
    first = window.merges[0]  # whose candidate may have been rebased elsewhere since it was taken back
    held = next((step.tree for step in state.line if step.commit == first.old), "")
    return held or state.candidates[first.experiment].trunk_tree


def _merged(window: Window, merge: Merge) -> Merged:
    experiment, candidate = window.state.experiments[merge.experiment], window.state.candidates[merge.experiment]
    verdict = candidate.verdict if merge.stack else merge.verdict
    return Merged(
        experiment=merge.experiment,
        idea=window.hypothesis(merge.experiment),
        worktree=experiment.worktree,
        agent=experiment.agent,
        at=merge.at,
        by=merge.by,
        gain=verdict.gain if verdict else None,
        error=verdict.standard_error if verdict else None,
        z=verdict.z if verdict else None,
        seeds=len(verdict.seeds) if verdict else 0,
        tree=candidate.tree,
        old=merge.old,
        new=merge.new,
        forced=merge.forced,
        taken_back=merge.undone,
        larger=candidate.state if candidate.state in LARGER else "",
        together=merge.stack,
    )


def _near(window: Window, candidate: Candidate) -> NearMiss:
    verdict = candidate.verdict
    return NearMiss(
        experiment=candidate.experiment,
        idea=window.hypothesis(candidate.experiment),
        gain=verdict.gain if verdict else None,
        error=verdict.standard_error if verdict else None,
        z=verdict.z if verdict else None,
        seeds=len(verdict.seeds) if verdict else 0,
    )


def _failed(window: Window) -> tuple[Failed, ...]:
    groups: dict[str, list[Experiment]] = {}
    for each in window.experiments:
        if each.outcome and each.outcome in FAILURES:
            groups.setdefault(each.outcome, []).append(each)
    return tuple(
        Failed(
            outcome=outcome,
            meaning=FAILURES[outcome],
            count=len(members),
            reasons=tuple(Counter(each.reason for each in members if each.reason).most_common(EXAMPLES)),
            examples=tuple(window.idea(each.number) for each in members[-EXAMPLES:]),
        )
        for outcome, members in sorted(groups.items(), key=lambda item: -len(item[1]))
    )


def _yields(window: Window, of: Callable[[Experiment], str]) -> tuple[Yield, ...]:
    """Return one record for each agent or direction that was at work; where nothing has a name there is none."""
    state = window.state
    groups: dict[str, list[Experiment]] = {}
    for each in window.experiments:
        groups.setdefault(of(each), []).append(each)
    run_s: dict[str, float] = {}
    for run in window.runs:
        if run.purpose == "screen" and run.experiment is not None:
            name = of(state.experiments[run.experiment])
            run_s[name] = run_s.get(name, 0.0) + window.seconds(run)
    merged, gain = Counter[str](), dict[str, float]()
    for merge in window.merges:
        merged[of(state.experiments[merge.experiment])] += not merge.undone
        verdict, members = claimed(state, merge), merge.stack or (merge.experiment,)
        for number in members if verdict else ():
            name = of(state.experiments[number])
            gain[name] = gain.get(name, 0.0) + (verdict.gain / len(members) if verdict else 0.0)
    names = {name for name in (*groups, *merged) if name}
    return tuple(
        Yield(
            name=name,
            tried=len(groups.get(name, ())),
            kept=sum(each.outcome == "keep" for each in groups.get(name, ())),
            merged=merged[name],
            gain=gain.get(name, 0.0),
            run_s=run_s.get(name, 0.0),
            usd=fsum(each.spent.usd for each in groups.get(name, ())),
        )
        for name in sorted(names)
    )


def _slots(window: Window) -> tuple[SlotShare, ...]:
    busy_s = {slot.name: 0.0 for slot in window.state.slots}
    for run in window.runs:
        busy_s[run.slot] = busy_s.get(run.slot, 0.0) + window.seconds(run)
    wall_s = window.until - window.since
    return tuple(
        SlotShare(name, worked_s, min(1.0, worked_s / wall_s) if wall_s else 0.0) for name, worked_s in busy_s.items()
    )


def _expense(window: Window, slots: tuple[SlotShare, ...], disk_mb: float) -> Expense:
    scene, wall_s = window.scene, window.until - window.since
    busy_s, count = fsum(each.busy_s for each in slots), len(window.state.slots)
    turns = [entry.event for entry in window.entries if isinstance(entry.event, ev.TokensUsed)]
    return Expense(
        usd=fsum(turn.usd for turn in turns),
        usd_total=scene.cost.usd,
        usd_limit=scene.cost.usd_limit,
        tokens=sum(turn.usage.tokens for turn in turns),
        slot_hours=busy_s / 3600,
        busy=min(1.0, busy_s / (wall_s * count)) if wall_s and count else 0.0,
        disk_mb=disk_mb,
    )
