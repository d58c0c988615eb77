"""What does the merge queue run now, and what comes next? The planner's order, as data for a reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from agentcore import format as fmt
from agentcore import plan
from agentcore.overview import Live, left
from agentcore.queue.judging import is_calibrated
from agentcore.queue.stacks import named
from agentcore.retest import due as retest
from agentcore.state import Candidate, LabState, Run
from worktrees.metrics import MetricPoint
from worktrees.runs import LARGE, Purpose

Kind = Literal["baseline", "confirm", "rebase", "merge", "retest", "speed", "screen"]


@dataclass(frozen=True)
class Job:
    """One thing that is run for the queue, or waits for its turn."""

    kind: Kind
    experiments: tuple[int, ...]
    """All whose change is in the tree; empty where it is trunk's."""
    commit: str
    seeds: tuple[int, ...] = ()
    slot: str = ""
    """Where it runs; empty while it waits."""
    progress: float | None = None
    """Fraction of the training's budget that is used."""
    takes_s: float | None = None
    """Seconds that are left of it, or that it is going to take, by the runs so far; None where they do not say."""
    why: str = ""


@dataclass(frozen=True)
class Upcoming:
    """The pipeline."""

    now: tuple[Job, ...]
    """In the order of their start; screening runs are not the queue's."""
    next: tuple[Job, ...]
    """The most urgent first."""


def upcoming(state: LabState, live: Live) -> Upcoming:
    """Return what the queue runs, and what waits for a slot or for its turn."""
    now = (
        _running(state, run, live.points.get(number))
        for number, run in sorted(state.active.items())
        if run.purpose != "screen"
    )
    return Upcoming(tuple(now), tuple(_next(state)) if state.trunk else ())


def _next(state: LabState) -> Iterator[Job]:
    """Yield what waits, as plan/ orders it: before the runs of the larger size comes what is not rebased yet."""
    waiting = list(plan.waiting_runs(state))
    urgent = list(takewhile(lambda wanted: wanted[0] in ("baseline", "confirm"), waiting))
    small, large = plan.recent_run_s(state), _large_run_s(state)
    yield from _jobs(state, urgent, small, large)
    yield from _in_line(state, small)
    yield from _wanted(state)
    yield from _jobs(state, waiting[len(urgent) :], small, large)
    if state.retest is None and state.trunk and (merges := retest.merges_left(state)) is not None:
        why = f"after {fmt.count(merges, 'more merge')}" if merges else "as soon as trunk is measured"
        yield Job("retest", (), state.trunk.commit, why=why)


def _jobs(state: LabState, waiting: Iterable[plan.Wanted], small: float | None, large: float | None) -> Iterator[Job]:
    """Yield the runs of the queue, those of one tree as one job. `small`, `large`: seconds that a run takes."""
    jobs: dict[tuple[Purpose, int | None, str], list[int]] = {}
    for purpose, experiment, commit, _, seed, _ in waiting:
        if purpose != "screen":
            jobs.setdefault((purpose, experiment, commit), []).append(seed)
    for (purpose, experiment, commit), seeds in jobs.items():
        takes = _times(large if purpose in LARGE else small, len(seeds))
        members = () if experiment is None else state.candidates[experiment].members
        yield Job(purpose, members, commit, tuple(seeds), takes_s=takes)


def _in_line(state: LabState, run_s: float | None) -> Iterator[Job]:
    takes = _times(run_s, state.gate.confirm_seeds)
    for group in plan.in_line(state) if is_calibrated(state) else ():
        first = state.candidates[group[0]]
        yield Job("rebase", group, first.commit, takes_s=takes, why=_why(state, first))


def _why(state: LabState, candidate: Candidate) -> str:
    if state.gate.mode == "hold":
        return "the queue is on hold: nothing is confirmed"
    if candidate.state == "STALE":
        return f"because {candidate.reason or 'trunk moved'} at {fmt.clock(candidate.since)}"
    return "kept, not yet on trunk"


def _wanted(state: LabState) -> Iterator[Job]:
    if wish := state.wanted:
        for number in wish.experiments:
            yield Job("merge", (number,), state.candidates[number].landing, why=f"once READY, asked for by {wish.by}")


def _running(state: LabState, run: Run, point: MetricPoint | None) -> Job:
    progress = point.progress if point else None
    members = () if run.experiment is None else state.candidates[run.experiment].members
    return Job(run.purpose, members, run.commit, (run.seed,), run.slot, progress, left(point))


def _times(seconds: float | None, runs: int) -> float | None:
    return None if seconds is None else seconds * runs


def _large_run_s(state: LabState) -> float | None:
    """Return what the newest run of the larger size took; None before there was one."""
    if not state.retests:
        return None
    ended = (state.runs[number] for number in range(len(state.runs), 0, -1))
    large = (run for run in ended if run.purpose == "retest" and run.ending == "ok")
    return next((run.train_s + run.evaluate_s for run in large), None)


def about(state: LabState, job: Job) -> str:
    """Return what a job is about, in words."""
    seeds = f"seed {job.seeds[0]}" if len(job.seeds) == 1 else f"{len(job.seeds)} seeds" if job.seeds else ""
    if len(job.experiments) != 1:
        return f"{named(job.experiments) or f'trunk {fmt.short(job.commit)}'} {seeds}".rstrip()
    experiment = state.experiments[job.experiments[0]]
    return f"{experiment.worktree} #{experiment.number} {seeds}".rstrip() + f"  {experiment.hypothesis}"


WAITS = {
    "NEW": "for its turn",
    "STALE": "for a new base",
    "CONFIRM": "for seeds",
    "MERGING": "for trunk to move",
    "CONFLICT": "for an agent",
    "HELD": "to be let go",
    "BLOCKED": "for a look",
}
"""What a candidate in that state waits for."""


def why_not_merged(state: LabState) -> str:
    """Return how many open candidates wait, and for what: `1 for you, 2 for seeds`; empty where none is open."""
    ready = {"me": "for you", "gate": "for the gate", "hold": "on hold"}[state.gate.mode]
    found = Counter({"READY": ready, **WAITS}.get(each.state, "") for each in state.candidates.values())
    parts = [f"{found[words]} {words}" for words in (ready, *WAITS.values()) if found[words]]
    return ", ".join(parts)
