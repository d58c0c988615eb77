"""Which agent finds more, and what does it cost? One record per backend, and what to keep in mind when comparing them.

What counts is what fresh seeds confirmed; a screening score never does, for it was selected by being good. Gains are
those of the confirmations, each against the trunk of its time. They passed a threshold, so their sum is still a little
high; `expected` is what is left of it after shrinking. What a stack of candidates gains is shared equally by them.

Not covered: agents of one lab read the same results, so that one profits from what another found; and a model that was
changed in lab.toml in mid-lab goes under the name of the last one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median
from typing import Any, Literal

from agentcore.brief.spending import Spending
from agentcore.events import Outcome
from agentcore.queue.judging import COUNTED_SEEDS, noise
from agentcore.state import Candidate, Experiment, LabState
from worktrees.statistics import Verdict

CONFIRMED = ("READY", "MERGING", "MERGED", "PROVEN", "FADED", "STALE", "HELD", "REVERTED")
"""States in which a candidate whose last verdict passed counts as confirmed. A cancelled one was written again as
another experiment, or was in trunk already: counted here it would count twice."""
UNCONFIRMED = ("NOISE", "REJECTED")
CRASHED: tuple[Outcome, ...] = ("crash", "nan", "timeout", "invalid")
UNCOUNTED: tuple[Outcome, ...] = ("duplicate", "returned", "cancelled", "contended")

TRUNK_APART = 1.0
"""Agents whose experiments began on trunks this many merges apart are said not to have had the same chances."""


@dataclass(frozen=True)
class AgentRecord:
    """What one backend has done in this lab. Gains are in units of the score, positive is better."""

    agent: str
    model: str
    """What the backend `anthropic` asks; empty for others, and where none works here now."""
    asked: int
    """Proposals that came to an end; a turn that an engine's end has cut is not among them."""
    unanswered: int
    """How often it returned none."""
    experiments: int
    decided: int
    """kept + dropped + crashed + uncounted."""
    kept: int
    """Kept by one run: confirmed + unconfirmed + open + withdrawn."""
    dropped: int
    crashed: int
    """Crash, nan, timeout or invalid."""
    uncounted: int
    """Duplicates, and what was returned, cancelled or contended."""
    confirmed: int
    """Passed fresh seeds on the last trunk that they were measured on."""
    unconfirmed: int
    open: int
    """Kept ones without a verdict yet; in no rate."""
    withdrawn: int
    """Kept ones that were taken out before one, and simplifications that lose nothing and gain nothing; in no rate."""
    ran: int
    """What the rate is of: dropped + crashed + confirmed + unconfirmed, as far as a run was spent on them."""
    rate: float | None
    """confirmed / ran."""
    interval: tuple[float, float] | None
    """Its 95 % Wilson interval."""
    gain: float
    """Sum of the confirmed gains."""
    gain_error: float
    """Standard error of `gain`, as of independent verdicts. Those against the same pool of trunk are not quite."""
    mean_gain: float | None
    mean_error: float | None
    expected: float | None
    """Sum of the shrunk gains; None where the noise is not known."""
    run_s: float
    """Seconds of training and evaluation in its screening runs."""
    usd: float | None
    """None where nobody reported a cost or knows the price."""
    tokens: int
    usd_per_gain: float | None
    """Dollars for each confirmed gain."""
    think_s: float | None
    """Median time to a proposal, waiting for the provider not counted."""
    trunk_at: float | None
    """Merges, those undone left out, that trunk held when an experiment was proposed: mean over its experiments."""
    first: float | None
    """Unix time at which it began to think of its first experiment."""
    last: float | None
    """Unix time of its last proposal or outcome."""
    other_harness: int
    """Experiments whose run another harness or budget measured: their gains are on another scale."""


def compare(state: LabState) -> tuple[AgentRecord, ...]:
    """Return one record for each backend that has proposed, failed to, or cost something; by name."""
    by_agent: dict[str, list[Experiment]] = {name: [] for name in (*state.failed_by, *state.spent_by)}
    for experiment in state.experiments.values():
        by_agent.setdefault(experiment.agent, []).append(experiment)
    seconds: dict[str, float] = {}
    for run in state.runs.values():
        if run.purpose == "screen" and run.experiment is not None:
            agent = state.experiments[run.experiment].agent
            seconds[agent] = seconds.get(agent, 0.0) + run.train_s + run.evaluate_s
    return tuple(
        _record(state, agent, experiments, seconds.get(agent, 0.0)) for agent, experiments in sorted(by_agent.items())
    )


def caveats(records: Sequence[AgentRecord]) -> tuple[str, ...]:
    """Return what a reader must know before believing that one agent is better than another."""
    return (*_trunks(records), *_overlaps(records), *_left_out(records))


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval of a share of at least one trial (Wilson 1927), which is sensible at 0 of 20 too."""
    share, square = successes / trials, z * z / trials
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * share * (1 - share) + square * square / 4) / (1 + square)
    low = middle - half if successes else 0.0  # exactly, where rounding would leave 1e-18
    high = middle + half if successes < trials else 1.0
    return low, high


def _record(state: LabState, agent: str, experiments: Sequence[Experiment], run_s: float) -> AgentRecord:
    outcomes = Counter(each.outcome for each in experiments)
    kept = [state.candidates[each.number] for each in experiments if each.outcome == "keep"]
    standings = Counter(_standing(each) for each in kept)
    with_run = sum(each.run is not None and each.outcome in ("drop", *CRASHED) for each in experiments)
    unanswered = state.failed_by.get(agent, 0)
    return AgentRecord(
        agent=agent,
        model=state.agents.model if state.agents and agent == "anthropic" else "",
        asked=len(experiments) + unanswered,
        unanswered=unanswered,
        experiments=len(experiments),
        decided=len(experiments) - outcomes[None],
        kept=len(kept),
        dropped=outcomes["drop"],
        crashed=sum(outcomes[each] for each in CRASHED),
        uncounted=sum(outcomes[each] for each in UNCOUNTED),
        confirmed=standings["confirmed"],
        unconfirmed=standings["unconfirmed"],
        open=standings["open"],
        withdrawn=standings["withdrawn"],
        **_rate(standings["confirmed"], with_run + standings["confirmed"] + standings["unconfirmed"]),
        **_gains(state, [each for each in kept if _standing(each) == "confirmed"]),
        **_cost(state.spent_by.get(agent, Spending()), standings["confirmed"]),
        run_s=run_s,
        **_times(state, experiments),
        other_harness=sum(
            each.run is not None and state.runs[each.run].harness != state.harness for each in experiments
        ),
    )


def _standing(candidate: Candidate) -> Literal["confirmed", "unconfirmed", "open", "withdrawn"]:
    if candidate.state in UNCONFIRMED:
        return "unconfirmed"
    if candidate.state == "CANCELLED":
        return "withdrawn"
    passed = candidate.verdict is not None and candidate.verdict.passed
    if (
        candidate.state in ("MERGED", "PROVEN", "FADED", "REVERTED") and candidate.verdict and not passed
    ):  # a person forced it
        return "unconfirmed" if len(candidate.verdict.seeds) >= COUNTED_SEEDS else "open"
    if not passed or candidate.state not in CONFIRMED:
        return "open"
    return "confirmed" if candidate.is_win else "withdrawn"


def _rate(confirmed: int, ran: int) -> dict[str, Any]:
    if not ran:
        return {"ran": 0, "rate": None, "interval": None}
    return {"ran": ran, "rate": confirmed / ran, "interval": wilson(confirmed, ran)}


def _gains(state: LabState, confirmed: Sequence[Candidate]) -> dict[str, Any]:
    spread, count, verdicts = noise(state), len(confirmed), list(_shares(confirmed))
    gain = math.fsum(share * verdict.gain for verdict, share in verdicts)
    error = math.hypot(*(share * verdict.standard_error for verdict, share in verdicts))
    return {
        "gain": gain,
        "gain_error": error,
        "mean_gain": gain / count if count else None,
        "mean_error": error / count if count else None,
        "expected": math.fsum(share * verdict.shrunk(spread) for verdict, share in verdicts) if spread else None,
    }


def _shares(confirmed: Sequence[Candidate]) -> Iterator[tuple[Verdict, float]]:
    """Yield each verdict once, with the share of it that is these candidates'.

    The members of a stack have one verdict between them, and what each did to it nobody knows: they share it equally.
    """
    members = Counter((each.tree, each.trunk, each.members) for each in confirmed)
    first = {(each.tree, each.trunk, each.members): each.verdict for each in confirmed}
    for key, verdict in first.items():
        if verdict is not None:
            yield verdict, members[key] / len(key[2])


def _cost(spent: Spending, confirmed: int) -> dict[str, Any]:
    usd = spent.usd or None
    return {"usd": usd, "tokens": spent.usage.tokens, "usd_per_gain": usd / confirmed if usd and confirmed else None}


def _times(state: LabState, experiments: Sequence[Experiment]) -> dict[str, Any]:
    if not experiments:
        return {"think_s": None, "trunk_at": None, "first": None, "last": None}
    merged = [merge.at for merge in state.merges if not merge.undone]
    return {
        "think_s": median(each.thought_s for each in experiments),
        "trunk_at": fmean(bisect_left(merged, each.proposed) for each in experiments),
        "first": min(each.proposed - each.thought_s for each in experiments),
        "last": max(each.decided or each.proposed for each in experiments),
    }


def _trunks(records: Iterable[AgentRecord]) -> Iterator[str]:
    known = [(each.trunk_at, each.agent) for each in records if each.trunk_at is not None]
    if len(known) < 2:
        return
    (low, early), (high, late) = min(known), max(known)
    if high - low >= TRUNK_APART:
        yield (
            f"{early} worked on a trunk with {low:.1f} merges on average, {late} on one with {high:.1f}: "
            f"later gains are harder to find, so this favours {early}"
        )


def _overlaps(records: Sequence[AgentRecord]) -> Iterator[str]:
    """Overlap is the strict test: intervals that are apart differ at well under 5 %."""
    for one, other in combinations(records, 2):
        if one.interval is None or other.interval is None:
            continue
        if one.interval[0] <= other.interval[1] and other.interval[0] <= one.interval[1]:
            yield f"{one.agent} and {other.agent}: intervals overlap: no difference shown"


def _left_out(records: Iterable[AgentRecord]) -> Iterator[str]:
    for each in records:
        if each.open:
            what = "1 kept experiment is" if each.open == 1 else f"{each.open} kept experiments are"
            yield f"{each.agent}: {what} open, in no rate until fresh seeds have judged"
        if each.other_harness:
            yield (
                f"{each.agent}: {each.other_harness} of {each.experiments} experiments ran under another harness or "
                "budget, where a gain means something else"
            )
