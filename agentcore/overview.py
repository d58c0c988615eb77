"""What does a person need to know at a glance?

One row per worktree, the strip of things that need a person, the queue, the last events: computed once, here, from
the state, the live measurements and the time, so that the view and the command line say the same and do no arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import fsum
from statistics import fmean
from typing import Any

from agentcore.accounts import Cost, SlotUse, cost, slot_use
from agentcore.judging import claimed, is_calibrated, meter, noise, threshold
from agentcore.permits import shown_run
from agentcore.retest import compare, doing
from agentcore.speed import SpeedSummary
from agentcore.speed import summary as speed_summary
from agentcore.stacks import besides, named
from agentcore.state import Candidate, Experiment, LabState, Run, Worktree
from agentcore.verbs import order
from worktrees.devices import DeviceSample
from worktrees.metrics import MetricPoint
from worktrees.statistics import Noise

OPEN = ("NEW", "CONFIRM", "READY", "MERGING", "STALE", "CONFLICT", "HELD", "BLOCKED")
"""States of a candidate that is still in the queue."""

NO_KEY = "No model key (ANTHROPIC_API_KEY is not set): the built-in search agent proposes"

FAILED = ("crash", "nan")
"""Outcomes that a row tells until its agent has made its next proposal."""

REMEDIES = {
    "key": "Export a valid key, then nightlab stop && nightlab start",
    "credit": "Buy credit or use another key, then nightlab resume a worktree",
    "model": "Mend [agents.anthropic] model in lab.toml, then nightlab stop && nightlab start",
}
"""What a person does about a barred agent, by the word for it."""


@dataclass(frozen=True)
class Live:
    """What is measured now and is not in the journal."""

    devices: Mapping[str, DeviceSample] = field(default_factory=dict)
    """The newest sample by slot."""
    stages: Mapping[int, str] = field(default_factory=dict)
    """The stage (train, evaluate) that each active run is in, by run number; missing before its shim has spoken."""
    points: Mapping[int, MetricPoint] = field(default_factory=dict)
    """The newest training metrics of each active run."""
    engine_alive: bool = False


@dataclass(frozen=True)
class WorktreeRow:
    """One line of the overview: a worktree, and what its slot does."""

    slot: str
    worktree: str
    state: str
    """LOST where its GPU is gone; BASE, CONFIRM, RETEST, WARM, TRAIN, EVAL where its slot runs something; else ASK
    where its agent waits for an answer, what its agent is at (LIMIT, CUT, REFUSED, FULL, or THINK: CRASH or NAN where
    its last experiment ended so), or WAIT, PAUSE, CRASH, IDLE."""
    purpose: str
    """What the slot's run is for: screen, baseline, confirm, retest, speed; empty without a run."""
    experiment: int | None
    """The experiment that the row speaks of."""
    run: int | None
    progress: float | None
    """Fraction of the training budget that is used, 0 to 1."""
    since: float
    """Unix time at which the state began."""
    left_s: float | None
    """Seconds of training left, by the speed so far."""
    best: float | None
    """Score of the worktree's best open or latest merged candidate."""
    gain: float | None
    z: float | None
    utilisation: float | None
    """Percent of the slot's device."""
    memory_mb: float | None
    idea: str
    experiments: int
    """Decided experiments of this worktree."""
    needs_you: str = ""
    """Why a person is needed; empty when none is."""
    started: float | None = None
    """Unix time at which the slot's run started."""
    agent: str = ""
    """The backend that works here, or stands in."""
    agent_state: str = ""
    """What the agent is at, whatever the slot does: THINK, LIMIT, CUT, REFUSED, FULL; LIMIT also where it is barred;
    empty while it is not asked."""
    agent_text: str = ""
    """Why: the provider's words, or `key`, `model`, `credit` of a barred one."""
    agent_until: float | None = None
    """Unix time at which a waiting agent goes on."""
    agent_since: float | None = None
    direction: str = ""
    """Of the proposal that its agent works on."""
    prepared: int = 0
    """Its experiments that wait for a slot."""
    usd: float = 0.0
    tokens: int = 0
    """What its agents have cost so far."""


@dataclass(frozen=True)
class QueueRow:
    """One candidate in the queue."""

    experiment: int
    worktree: str
    state: str
    idea: str
    score: float | None
    """Mean of its confirmation runs, or its screening score before there is one."""
    gain: float | None
    z: float | None
    seeds_done: int
    seeds: int
    added: int
    removed: int
    since: float
    reason: str
    base: str = ""
    """The trunk that it was rebased on; empty before."""
    memory_mb: float | None = None
    """Peak of its screening run."""
    wanted: bool = False
    """A person wants it merged once it is READY."""
    pinned: bool = False
    """A person wants its commit kept."""
    forced: bool = False
    """Trunk holds it although its verdict did not pass: a person said so."""
    simpler: bool = False
    """It is here because it removes lines: it must not be worse, and need not be better."""
    besides: str = ""
    """The others, in words, that it is confirmed with as one tree: score, gain and z are then those of all of them."""


@dataclass(frozen=True)
class Need:
    """One thing that needs a person."""

    key: str
    """Stable as long as it is the same thing: a bell rings once per key."""
    text: str
    worktree: str = ""
    experiment: int | None = None


@dataclass(frozen=True)
class TrunkSummary:
    """Trunk's number: the mean of its pool, and how far it is from the first trunk."""

    commit: str
    score: float | None
    runs: int
    baseline: float | None
    gain_percent: float | None
    """Improvement over the baseline in percent of it, positive is better."""


@dataclass(frozen=True)
class RetestSummary:
    """The newest retest: trunk at the larger size against the trunk that was last verified."""

    number: int
    word: str
    """RUNNING; or how it ended: PROVEN, FADED, REVERTED, LEFT and FAILED (a person is told why), DROPPED."""
    text: str
    base: str
    trunk: str
    """The commits that are compared."""
    gain: float | None
    z: float | None
    interval: tuple[float, float] | None
    """Of the tried trunk's gain at the larger size, with its 95 % interval; None before it is known."""
    since: float


@dataclass(frozen=True)
class VerifiedSummary:
    """The last trunk whose gain held at the larger size, and what it is worth there."""

    commit: str
    gain: float | None
    """Of its large runs over those of the first trunk; None where the same seeds were not run under the same budget."""
    interval: tuple[float, float] | None
    """The 95 % confidence interval of that gain."""


@dataclass(frozen=True)
class Overview:
    """The whole first screen as data."""

    name: str
    metric: str
    trunk: TrunkSummary | None
    noise: Noise | None
    experiments: int
    """Decided experiments."""
    kept: int
    merged: int
    rows: tuple[WorktreeRow, ...]
    queue: tuple[QueueRow, ...]
    """Open candidates, READY first, then in order of arrival; merged and rejected ones are left to results."""
    needs: tuple[Need, ...]
    """The strip, most urgent first; empty when nothing needs a person."""
    notes: tuple[str, ...]
    """What is peculiar to this lab but needs nobody, most important first."""
    calibration: tuple[int, int] | None
    """(done, wanted) runs while the first trunk has no number yet."""
    cost: Cost
    slots: tuple[SlotUse, ...]
    gate: GateSummary
    forced: int = 0
    """Of the merged ones: forced by a person."""
    claimed: float = 0.0
    """Sum of the gains that merges were confirmed by; what a person forced is outside until it has three seeds."""
    retest: RetestSummary | None = None
    """The newest one; None before there was any."""
    verified: VerifiedSummary | None = None
    """None before a gain has held at the larger size."""
    speed: SpeedSummary | None = None
    """How much faster than the first baseline the verified trunk gets to its score; None before that is asked."""


@dataclass(frozen=True)
class GateSummary:
    """What a confirmation must show, and how far those that showed it can be believed."""

    z_confirm: float
    """Standard errors, today."""
    is_tightened: bool
    """True where that is more than lab.toml asks for."""
    false_share: float | None
    """Upper bound on the share of passed confirmations that are no gain; None before the first one."""
    confirmations: int
    passed: int


def overview(state: LabState, live: Live, now: float) -> Overview:
    """Compute the first screen. `now` is Unix time."""
    spread = noise(state)
    lost, queue = lost_gpus(state, live), queue_rows(state)
    best = _best(queue)
    rows = tuple(
        _row(state, live, worktree, best.get(worktree.name), is_lost=worktree.slot in lost)
        for worktree in state.standing
    )
    return Overview(
        name=state.config.name if state.config else "",
        metric=state.config.metric if state.config else "",
        trunk=_trunk(state),
        noise=spread,
        experiments=state.counts.decided,
        kept=state.counts.kept,
        merged=sum(not merge.undone for merge in state.merges),
        rows=rows,
        queue=queue,
        needs=tuple(_needs(state, live, rows)),
        notes=tuple(_notes(state)),
        calibration=_calibration(state),
        cost=cost(state),
        slots=tuple(slot_use(state, slot.name, now) for slot in state.slots),
        gate=gate_summary(state),
        forced=sum(bool(merge.forced) and not merge.undone for merge in state.merges),
        claimed=fsum(verdict.gain for merge in state.merges if (verdict := claimed(state, merge))),
        retest=_retest(state),
        verified=_verified(state),
        speed=speed_summary(state),
    )


def gate_summary(state: LabState) -> GateSummary:
    """Return what the gate asks for, and the meter."""
    asked, tally = threshold(state), state.tally
    return GateSummary(asked, asked > state.gate.z_confirm, meter(state), tally.confirmations, tally.passed)


def queue_rows(state: LabState, states: tuple[str, ...] = OPEN) -> tuple[QueueRow, ...]:
    """Return the candidates in those states: READY first, each in the order of the queue."""
    chosen = [candidate for candidate in state.candidates.values() if candidate.state in states]
    chosen.sort(key=lambda each: (each.state != "READY", order(each)))
    return tuple(_queue_row(state, candidate) for candidate in chosen)


def _trunk(state: LabState) -> TrunkSummary | None:
    if state.trunk is None or state.config is None:
        return None
    pool, first = state.pools.get(state.trunk.tree), state.pools.get(state.baseline_tree)
    score, baseline = fmean(pool.values()) if pool else None, fmean(first.values()) if first else None
    percent = None
    if score is not None and baseline:
        percent = 100 * (baseline - score) / baseline * (1 if state.config.lower_is_better else -1)
    return TrunkSummary(state.trunk.commit, score, len(pool or ()), baseline, percent)


def _retest(state: LabState) -> RetestSummary | None:
    if not state.retests:
        return None
    retest = state.retests[-1]
    verdict = retest.judged[0].verdict if retest.judged else None
    return RetestSummary(
        number=retest.number,
        word=retest.word or "RUNNING",
        text=retest.reason or doing(state),
        base=retest.steps[0].commit,
        trunk=retest.steps[-1].commit,
        gain=verdict.gain if verdict else None,
        z=verdict.z if verdict else None,
        interval=verdict.interval if verdict else None,
        since=retest.ended or retest.since,
    )


def _verified(state: LabState) -> VerifiedSummary | None:
    proven = [each for each in state.retests if each.word == "PROVEN"]
    if not proven:
        return None
    last = proven[-1]
    try:
        verdict, _ = compare(state, state.line[0].tree, last.steps[-1].tree, last.seeds)
    except KeyError:  # another budget or harness since, so that there is nothing to compare
        return VerifiedSummary(last.steps[-1].commit, None, None)
    return VerifiedSummary(last.steps[-1].commit, verdict.gain, verdict.interval)


def _calibration(state: LabState) -> tuple[int, int] | None:
    if state.trunk is None or is_calibrated(state) or state.trunk.tree != state.baseline_tree:
        return None
    return len(state.pools.get(state.trunk.tree, ())), state.gate.calibration_runs


def lost_gpus(state: LabState, live: Live) -> tuple[str, ...]:
    """Return the GPUs that do not answer while others do; where none answers there is no driver to ask."""
    gpus = [slot.name for slot in state.slots if slot.kind == "cuda" and slot.name in live.devices]
    silent = tuple(name for name in gpus if live.devices[name].memory_mb is None)
    return silent if live.engine_alive and len(silent) < len(gpus) else ()


def _row(state: LabState, live: Live, worktree: Worktree, best: QueueRow | None, *, is_lost: bool) -> WorktreeRow:
    """`best` of its candidates; `is_lost`: its GPU is gone."""
    run = shown_run(state, worktree)
    experiment = run.experiment if run else worktree.experiment
    word, since = _state_of(state, live, worktree, run)
    failed = _failed(state, worktree.name) if word == "THINK" else None
    if failed and failed.outcome:
        word, since = failed.outcome.upper(), failed.decided or since
    if is_lost:
        word = "LOST"
    point, device = live.points.get(run.number) if run else None, live.devices.get(worktree.slot)
    return WorktreeRow(
        slot=worktree.slot,
        worktree=worktree.name,
        state=word,
        purpose=run.purpose if run else "",
        experiment=experiment,
        run=run.number if run else None,
        progress=point.progress if point else None,
        since=since,
        left_s=left(point),
        best=best.score if best else None,
        gain=best.gain if best else None,
        z=best.z if best else None,
        utilisation=device.utilisation if device else None,
        memory_mb=device.memory_mb if device else None,
        idea=f"{failed.hypothesis}: {failed.reason}" if failed else _idea(state, worktree, run),
        experiments=worktree.decided,
        needs_you=_needs_you(worktree),
        started=run.started if run else None,
        **_agent(state, worktree),
    )


def _failed(state: LabState, worktree: str) -> Experiment | None:
    """Return the newest decided experiment of a worktree, where that has failed."""
    last = next((each for each in state.newest if each.worktree == worktree and each.outcome), None)
    return last if last and last.outcome in FAILED else None


def _agent(state: LabState, worktree: Worktree) -> dict[str, Any]:
    """What the row says of its agent."""
    barred, thinking = state.barred.get(worktree.agent), worktree.thinking
    waiting = [number for number in worktree.pending if state.experiments[number].run is None]
    known: dict[str, Any] = {
        "agent": thinking.agent if thinking else worktree.agent,
        "direction": thinking.direction if thinking else "",
        "prepared": len(waiting),
        "usd": worktree.spent.usd,
        "tokens": worktree.spent.usage.tokens,
    }
    if barred:
        return {**known, "agent_state": "LIMIT", "agent_text": barred.word}
    if thinking:
        state_of = {"agent_state": thinking.state, "agent_text": thinking.text, "agent_until": thinking.until}
        return {**known, **state_of, "agent_since": thinking.changed}
    return known


def _state_of(state: LabState, live: Live, worktree: Worktree, run: Run | None) -> tuple[str, float]:
    """Return the row's word, and when it began to be true."""
    if run:
        by_purpose = {"baseline": "BASE", "confirm": "CONFIRM", "retest": "RETEST", "speed": "RETEST"}
        if run.purpose in by_purpose:
            return by_purpose[run.purpose], run.started
        if live.stages.get(run.number) == "evaluate":
            return "EVAL", run.started
        return ("TRAIN" if run.number in live.points else "WARM"), run.started
    if question := worktree.asking:
        return "ASK", question.at
    if worktree.agent in state.barred:
        return "LIMIT", worktree.since
    if worktree.thinking is not None:
        return worktree.thinking.state, worktree.thinking.changed
    if worktree.experiment is not None:
        return "WAIT", state.experiments[worktree.experiment].proposed
    if worktree.paused:
        return ("CRASH" if _is_parked(worktree) else "PAUSE"), worktree.since
    return "IDLE", worktree.since


def _needs_you(worktree: Worktree) -> str:
    if question := worktree.asking:
        return f'asks: "{question.text}" i answers'
    return f"{worktree.name}: {worktree.paused}" if _is_parked(worktree) else ""


def _questions(state: LabState) -> Iterator[Need]:
    """Open questions first, then those that are parked: nobody waits for their answer, and it is still wanted."""
    asked = [(each, worktree.name) for worktree in state.worktrees.values() for each in worktree.questions]
    for question, name in sorted(asked, key=lambda pair: (bool(pair[0].parked), pair[0].at)):
        verb = "asked (parked)" if question.parked else "asks"
        yield Need(f"asks {name} {question.at}", f'{name} {verb}: "{question.text}"', worktree=name)


def _is_parked(worktree: Worktree) -> bool:
    return worktree.paused_by == "engine"


def left(point: MetricPoint | None) -> float | None:
    """Return the seconds of training that are left by the speed so far; None before there is one."""
    if point is None or not point.progress or point.elapsed_s is None:
        return None
    return point.elapsed_s / point.progress * (1 - point.progress)


def _idea(state: LabState, worktree: Worktree, run: Run | None) -> str:
    if run and run.experiment is not None:
        experiment = state.experiments[run.experiment]
        whose = "" if experiment.worktree == worktree.name else f"{experiment.worktree} "
        number = f"#{experiment.number} " if whose or run.purpose != "screen" else ""
        seed = f" (seed {run.seed})" if run.purpose == "confirm" else ""
        return f"{whose}{number}{experiment.hypothesis}{seed}"
    if run:
        size = f" at {run.scale} times the size" if run.scale > 1 else ""
        part = f", {run.fraction:.1%} of the budget" if run.fraction < 1 else ""
        return f"trunk {run.commit[:7]}{size}{part}, seed {run.seed}"
    if question := worktree.asking:
        return question.text
    if worktree.experiment is not None:
        return state.experiments[worktree.experiment].hypothesis
    return worktree.paused or "waits for trunk's number" if not is_calibrated(state) else worktree.paused


def _best(queue: Iterable[QueueRow]) -> dict[str, QueueRow]:
    """The best candidate of each worktree that trunk does not hold yet; of equal ones the first."""
    best: dict[str, QueueRow] = {}
    for row in queue:
        known = best.get(row.worktree)
        if row.gain is not None and (known is None or row.gain > (known.gain or 0.0)):
            best[row.worktree] = row
    return best


def _queue_row(state: LabState, candidate: Candidate) -> QueueRow:
    experiment, verdict = state.experiments[candidate.experiment], candidate.verdict
    pool = state.pools.get(candidate.tree, {})
    done = [seed for seed in candidate.seeds if seed in pool]
    return QueueRow(
        experiment=experiment.number,
        worktree=experiment.worktree,
        state=candidate.state,
        idea=experiment.hypothesis,
        score=fmean(pool[seed] for seed in done) if verdict and done else experiment.score,
        gain=verdict.gain if verdict else experiment.gain,
        z=verdict.z if verdict else experiment.z,
        seeds_done=len(done),
        seeds=len(candidate.seeds) or state.gate.confirm_seeds,
        added=experiment.added,
        removed=experiment.removed,
        since=candidate.since,
        reason=candidate.reason,
        base=candidate.trunk,
        memory_mb=(state.runs[experiment.run].peak_mb or None) if experiment.run is not None else None,
        wanted=state.wanted is not None and candidate.experiment in state.wanted.experiments,
        pinned=candidate.experiment in state.pinned,
        forced=is_forced(state, candidate.experiment),
        simpler=candidate.simpler,
        besides=besides(candidate),
    )


def is_forced(state: LabState, experiment: int) -> bool:
    """Return True where trunk holds an experiment because a person forced it."""
    return any(merge.experiment == experiment and merge.forced and not merge.undone for merge in state.merges)


def _needs(state: LabState, live: Live, rows: tuple[WorktreeRow, ...]) -> Iterator[Need]:
    if state.engine and not live.engine_alive:
        yield Need(f"engine {state.engine.pid}", "the engine is not running; start it: nightlab start")
    if state.trunk and (reason := state.broken(state.trunk.tree)):
        yield Need(f"trunk {state.trunk.commit}", f"trunk does not train: {reason}")
    if moved := _moved_by_hand(state):
        yield moved
    for slot in lost_gpus(state, live):
        names = [worktree for worktree in state.worktrees.values() if worktree.slot == slot]
        at = "; ".join(f"{each.name} stopped at #{_newest(state, each.name)}" for each in names)
        text = f"{slot.replace('gpu', 'GPU ')} is gone (NVML does not answer for it): {at}. nightlab doctor"
        yield Need(f"lost {slot}", text, worktree=names[0].name if names else "")
    for agent, barred in sorted(state.barred.items()):
        text = f"LIMIT {barred.word}: {barred.reason}; the search agent stands in. {REMEDIES[barred.word]}"
        yield Need(f"barred {agent} {barred.word}", text)
    yield from _questions(state)
    for row in rows:
        if row.needs_you and state.worktrees[row.worktree].asking is None:
            yield Need(f"parked {row.worktree} {row.experiments}", row.needs_you, worktree=row.worktree)
    for topic, message in sorted(state.warnings.items()):
        yield Need(f"{topic} {message}", message)
    if (gate := gate_summary(state)).is_tightened:
        text = (
            f"the gate is tightened: up to {gate.false_share:.0%} of the confirmations that passed may be false, so "
            f"they now need {gate.z_confirm:g} standard errors; the search may have dried up: try new directions"
        )
        yield Need(f"tightened {gate.z_confirm}", text)
    stuck = [each for each in state.candidates.values() if each.state in ("CONFLICT", "BLOCKED")]
    for candidate in sorted(stuck, key=lambda each: each.experiment):
        if candidate.state == "CONFLICT":
            text = f"#{candidate.experiment} does not fit on trunk any more"
            yield Need(f"conflict {candidate.experiment} {candidate.since}", text, experiment=candidate.experiment)
        if candidate.state == "BLOCKED":
            text = f"#{candidate.experiment} is BLOCKED: {candidate.reason}; nightlab release {candidate.experiment}"
            yield Need(f"blocked {candidate.experiment} {candidate.since}", text, experiment=candidate.experiment)
    ready = [each for each in state.candidates.values() if each.state == "READY" and each.leads]
    if ready and state.gate.mode == "me":
        best = max(ready, key=lambda each: each.verdict.gain if each.verdict else 0.0)
        who = named(best.members)
        single = f"{who} {'are' if best.stack else 'is'} ready to merge{' together' if best.stack else ''}"
        text = single if len(ready) == 1 else f"queue: {len(ready)} ready to merge"
        landings = [each.landing[:7] for each in sorted(ready, key=lambda each: each.experiment)]
        yield Need(f"ready {' '.join(landings)}", text, experiment=best.experiment)


def _moved_by_hand(state: LabState) -> Need | None:
    """Somebody moved trunk with git, and it has no number yet."""
    trunk = state.trunk
    if trunk is None or trunk.by != "hand" or state.pools.get(trunk.tree) or state.broken(trunk.tree):
        return None
    before = state.line[-2].commit[:7] if len(state.line) > 1 else "nothing"
    text = f"trunk moved outside: {before} to {trunk.commit[:7]}. It is measured first; merges wait for that number"
    return Need(f"moved {trunk.commit}", text)


def _newest(state: LabState, worktree: str) -> int:
    return next((each.number for each in state.newest if each.worktree == worktree), 0)


def _notes(state: LabState) -> Iterator[str]:
    if state.agents and state.agents.reason:
        yield NO_KEY
    if state.slots and not state.counts.decided and all(slot.kind == "cpu" for slot in state.slots):
        count = len(state.slots)
        slots = f"{count} CPU slot" if count == 1 else f"{count} CPU slots"
        yield f"No GPU (no NVIDIA driver): {slots}, the small corpus and a short budget"
