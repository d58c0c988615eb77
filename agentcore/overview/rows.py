"""What does each worktree do, and what does its slot?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentcore.overview.live import Live, left
from agentcore.overview.queue import QueueRow
from agentcore.queue.judging import is_calibrated
from agentcore.state import Experiment, LabState, Run, Worktree
from agentcore.worktree.permits import shown_run

FAILED = ("crash", "nan")
"""Outcomes that a row tells until its agent has made its next proposal."""


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


def worktree_row(
    state: LabState, live: Live, worktree: Worktree, best: QueueRow | None, *, is_lost: bool
) -> WorktreeRow:
    """Return the line of one worktree. `best` of its candidates; `is_lost`: its GPU is gone."""
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


def _is_parked(worktree: Worktree) -> bool:
    return worktree.paused_by == "engine"


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
