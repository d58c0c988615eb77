"""What happened while nobody looked? Ten questions with a line each, told by the journal and not by a model.

Every answer is one line for seven in the morning; its `detail` holds what stands behind it, one thing a line, and its
`screen` is where that can be looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.events import Entry
from agentcore.judging import claimed, noise
from agentcore.overview import Overview
from agentcore.stacks import named
from agentcore.state import Candidate, Experiment, LabState, Merge, Run
from worktrees.text import printable

NAMED, SHORT = 3, 30
"""Things that an answer names (more are counted), and characters of an idea in it."""

TOLD = (
    ev.LabConfigured,
    ev.EngineStarted,
    ev.EngineStopped,
    ev.WarningRaised,
    ev.AgentBarred,
    ev.AgentStateChanged,
    ev.WorktreePaused,
    ev.CandidateJudged,
)
"""Events that the state does not keep and the answers need; the first one of a lab is among them."""

FAILURES = {
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
"""Outcomes other than keep, as an answer tells them."""


@dataclass(frozen=True)
class Answer:
    """One of the ten questions, answered."""

    question: str
    text: str
    detail: tuple[str, ...]
    screen: str
    """Name of the screen where it comes from."""


@dataclass(frozen=True)
class Report:
    """What happened in a lab between two times (Unix time)."""

    name: str
    metric: str
    since: float
    until: float
    answers: tuple[Answer, ...]


def report(state: LabState, scene: Overview, happened: Iterable[Entry], since: float, *, disk_mb: float) -> Report:
    """Answer the ten questions for the time from `since` to the newest event.

    `scene`: the overview of the same state. `happened`: the journal's entries of the types `TOLD`, from the first on.
    `disk_mb`: what the lab holds on the disk.
    """
    entries = list(happened)
    since = max(since, entries[0].at) if entries else since
    window = _Window(state, scene, entries, since)
    answers = (
        _running(window),
        _better(window),
        _worked(window),
        _failed(window),
        _needs(window),
        _larger(window),
        _broke(window),
        _cost(window, disk_mb),
        _trust(window),
        _next(window),
    )
    return Report(scene.name, scene.metric, since, max(since, state.at), answers)


class _Window:
    """What the answers are made of: the lab, and which of its facts are of the time that is told."""

    def __init__(self, state: LabState, scene: Overview, entries: Sequence[Entry], since: float) -> None:
        self.state, self.scene, self.since = state, scene, since
        self.until = max(since, state.at)
        self.before = [entry.event for entry in entries if entry.at < since]
        self.entries = [entry for entry in entries if entry.at >= since]
        decided = (each for each in state.experiments.values() if (each.decided or 0.0) >= since and each.outcome)
        self.experiments: list[Experiment] = sorted(decided, key=lambda each: each.number)
        self.merges: list[Merge] = [merge for merge in state.merges if merge.at >= since]
        self.runs: list[Run] = [run for run in state.runs.values() if run.ended is None or run.ended >= since]
        self.outcomes = Counter(each.outcome for each in self.experiments)

    @property
    def judged(self) -> list[Candidate]:
        """The candidates whose verdict is of this time."""
        numbers = {entry.event.experiment for entry in self.entries if isinstance(entry.event, ev.CandidateJudged)}
        return [self.state.candidates[number] for number in sorted(numbers)]

    def idea(self, number: int, width: int | None = None) -> str:
        """Name an experiment: its number and the first line of its hypothesis, cut to `width` characters."""
        text = printable(self.state.experiments[number].hypothesis.partition("\n")[0])
        cut = text if width is None or len(text) <= width else text[: width - 1].rstrip() + "…"
        return f"#{number} {cut}"

    def ideas(self, merge: Merge) -> str:
        """Name what a merge's verdict is of: an experiment, or all of a stack."""
        return ", ".join(self.idea(number) for number in merge.stack or (merge.experiment,))


def _running(window: _Window) -> Answer:
    rows, engine = window.scene.rows, window.state.engine
    working = [row for row in rows if row.run is not None]
    idle = [
        f"{row.worktree} {_standing(row.state, row.needs_you or row.agent_text)}" for row in rows if row.run is None
    ]
    detail = tuple(f"{row.worktree} {row.state} {row.idea}".rstrip() for row in rows)
    if engine is None:
        text = "no: the engine has not started here"
    elif engine.stopped is not None:
        text = f"no: the engine stopped at {fmt.clock(engine.stopped)}: {engine.reason}"
    else:
        text = f"yes: {len(working)} of {len(rows)} train"
        text += f"; {_some(idle, '; ')}" if idle else ""
    return Answer("still running?", text, detail, "lab")


def _standing(word: str, why: str) -> str:
    return f"{word}: {why}" if why else word


def _better(window: _Window) -> Answer:
    state, trunk = window.state, window.scene.trunk
    taken_back = sum(merge.undone for merge in window.merges)
    merges = fmt.count(len(window.merges), "merge") + (f", {taken_back} taken back" if taken_back else "")
    if trunk is None or trunk.score is None:
        return Answer("better?", "trunk has no number yet: it is being measured", (), "queue")
    detail = tuple(
        f"{fmt.clock(merge.at)} {fmt.short(merge.old)} to {fmt.short(merge.new)} {_verdict(state, merge)} "
        f"by {merge.by}: {window.idea(merge.experiment)}" + (" (taken back)" if merge.undone else "")
        for merge in window.merges
    )
    before = state.pools.get(_tree_before(window), {})
    pool = state.pools[state.trunk.tree] if state.trunk else {}
    if not window.merges or not before:
        return Answer("better?", f"trunk {fmt.score(trunk.score)}, {merges}", detail, "queue")
    old, spread = fmean(before.values()), noise(state)
    sign = 1 if state.config is None or state.config.lower_is_better else -1
    gain = sign * (old - trunk.score)
    sigmas = ""
    if spread:
        error = spread.used * sqrt(1 / len(before) + 1 / len(pool))
        sigmas = f" ({fmt.sigmas(gain / error)}σ)"
    text = f"trunk {fmt.score(old)} to {fmt.score(trunk.score)}, gain {fmt.gain(gain)}{sigmas}; {merges}"
    return Answer("better?", text, detail, "queue")


def _tree_before(window: _Window) -> str:
    """Return the tree that trunk had when the time began."""
    state = window.state
    if window.merges:
        return state.candidates[window.merges[0].experiment].trunk_tree
    return state.trunk.tree if state.trunk else ""


def _verdict(state: LabState, merge: Merge) -> str:
    verdict = state.candidates[merge.experiment].verdict if merge.stack else merge.verdict
    if verdict is None:
        return "without a verdict"
    said = f"{fmt.gain(verdict.gain)} ({fmt.sigmas(verdict.z)}σ, {len(verdict.seeds)} seeds)"
    said += f" for {named(merge.stack)} together" if merge.stack else ""
    return f"forced, {said}" if merge.forced else said


def _worked(window: _Window) -> Answer:
    found = [(verdict.gain, merge) for merge in window.merges if (verdict := claimed(window.state, merge))]
    found.sort(key=lambda item: -item[0])
    detail = tuple(f"{fmt.gain(gain)} {window.ideas(merge)}" for gain, merge in found)
    names = [f"{named(merge.stack) or window.idea(merge.experiment, SHORT)} {fmt.gain(gain)}" for gain, merge in found]
    return Answer("what worked?", _some(names) or "nothing was merged", detail, "queue")


def _failed(window: _Window) -> Answer:
    tried, kept = len(window.experiments), window.outcomes["keep"]
    told = [f"{count} {FAILURES[word]}" for word, count in window.outcomes.most_common() if word in FAILURES]
    refuted = [each.experiment for each in window.judged if each.state in ("NOISE", "REJECTED")]
    if refuted:
        told.append(f"{len(refuted)} kept but not confirmed by fresh seeds")
    detail = tuple(
        f"{window.idea(each.number)}: {FAILURES[each.outcome or 'drop']}" + (f", {each.reason}" if each.reason else "")
        for each in window.experiments
        if each.outcome in FAILURES
    )
    if not tried:
        return Answer("what failed?", "nothing was tried", (), "results")
    return Answer(
        "what failed?", f"{tried - kept} of {tried}" + (f": {', '.join(told)}" if told else ""), detail, "results"
    )


def _needs(window: _Window) -> Answer:
    texts = tuple(need.text for need in window.scene.needs)
    return Answer("needs me?", f"{len(texts)}: {_some(texts, '; ')}" if texts else "nothing", texts, "lab")


def _larger(window: _Window) -> Answer:
    state, scale = window.state, window.state.retest_settings.scale
    recent = [each for each in state.retests if each.ended is None or each.ended >= window.since]
    words = Counter(each.word or "RUNNING" for each in recent)
    told = [f"{count} {word.lower()}" for word, count in words.most_common()]
    detail = tuple(
        f"retest {each.number} {each.word or 'RUNNING'}: " + (each.reason or "is on its way") for each in recent
    )
    if not recent:
        return Answer("holds larger?", f"nothing was tried at {scale} times the size", (), "retest")
    text = f"at {scale} times the size: {', '.join(told)}"
    verified = window.scene.verified
    if verified and verified.gain is not None and verified.interval:
        low, high = verified.interval
        text += f"; verified trunk {fmt.gain(verified.gain)} [{fmt.gain(low)}, {fmt.gain(high)}] over the first"
    if (speed := window.scene.speed) and speed.percent is not None:
        text += f"; {speed.text}"
    return Answer("holds larger?", text, detail, "retest")


def _broke(window: _Window) -> Answer:
    found: list[tuple[float, str]] = []
    is_first, is_running = _engine(window.before)
    for entry in window.entries:
        event = entry.event
        if isinstance(event, ev.EngineStopped):
            is_running = False
        elif isinstance(event, ev.EngineStarted):
            if not is_first:
                words = "the engine was killed and started again" if is_running else "the engine was started again"
                found.append((entry.at, words))
            is_first, is_running = False, True
        elif isinstance(event, ev.WarningRaised):
            found.append((entry.at, event.message))
        elif isinstance(event, ev.AgentBarred):
            found.append((entry.at, f"{event.agent}: {event.reason}"))
        elif isinstance(event, ev.AgentStateChanged) and event.state == "LIMIT":
            found.append((entry.at, f"{event.worktree} waited for its provider: {event.text}"))
        elif isinstance(event, ev.WorktreePaused) and event.by == "engine":
            found.append((entry.at, f"{event.worktree} parked: {event.reason}"))
    bad = {"lost": "was lost", "breach": "was not started, for a wall of its sandbox did not stand"}
    for run in window.runs:
        if run.ending in bad:
            found.append((run.ended or run.started, f"run {run.number} {bad[run.ending]}: {run.reason}"))
    detail = tuple(f"{fmt.clock(at)} {words}" for at, words in sorted(found))
    counted = Counter(words for _, words in sorted(found))
    names = [f"{words} ({count} times)" if count > 1 else words for words, count in counted.items()]
    return Answer("what broke?", _some(names, "; ") or "nothing", detail, "events")


def _engine(before: Iterable[ev.Event]) -> tuple[bool, bool]:
    """Return whether no engine had started yet, and whether one was at work, after those events."""
    is_first, is_running = True, False
    for event in before:
        if isinstance(event, ev.EngineStarted):
            is_first, is_running = False, True
        elif isinstance(event, ev.EngineStopped):
            is_running = False
    return is_first, is_running


def _cost(window: _Window, disk_mb: float) -> Answer:
    scene, wall_s = window.scene, window.until - window.since
    spent = sum(each.spent.usd for each in window.experiments)
    limit = f" of {fmt.money(scene.cost.usd_limit)}" if scene.cost.usd_limit else ""
    busy_s = sum(_within(run, window.since, window.until) for run in window.runs)
    share = busy_s / (wall_s * len(window.state.slots)) if wall_s and window.state.slots else 0.0
    text = (
        f"{fmt.money(spent)} in this time, {fmt.money(scene.cost.usd)}{limit} in all; "
        f"{busy_s / 3600:.1f} slot-hours, {fmt.share(min(1.0, share))} busy; {fmt.memory(disk_mb)} on the disk"
    )
    by_slot = Counter[str]()
    for run in window.runs:
        by_slot[run.slot] += round(_within(run, window.since, window.until))
    detail = tuple(f"{slot} worked {fmt.duration(seconds)}" for slot, seconds in sorted(by_slot.items()))
    return Answer("what cost?", text, detail, "lab")


def _within(run: Run, since: float, until: float) -> float:
    """Return the seconds of a run that lie between two times."""
    return max(0.0, min(until, run.ended if run.ended is not None else until) - max(since, run.started))


def _trust(window: _Window) -> Answer:
    spread, gate = noise(window.state), window.scene.gate
    contended = [run for run in window.runs if run.ending == "contended"]
    breaches = [each for each in window.experiments if each.outcome == "invalid"]
    parts = [
        f"σ {fmt.score(spread.sigma)} from {spread.dof} degrees of freedom" if spread else "the noise is not known"
    ]
    if gate.false_share is not None:
        parts.append(f"at most {gate.false_share:.0%} of {gate.passed} passed confirmations false")
    parts.append(f"{len(contended)} runs contended" if contended else "no run contended")
    parts.append(f"{len(breaches)} rule breaks stopped" if breaches else "no rule broken")
    detail = tuple(f"run {run.number} on {run.slot}: {run.reason}" for run in contended)
    detail += tuple(f"{window.idea(each.number)}: {each.reason}" for each in breaches)
    return Answer("trust it?", ", ".join(parts), detail, "results")


def _next(window: _Window) -> Answer:
    state, scene = window.state, window.scene
    near = [each for each in state.candidates.values() if each.state == "NOISE"]
    near.sort(key=lambda each: -(each.verdict.z if each.verdict else 0.0))
    dry = [row.worktree for row in scene.rows if _is_dry(window, row.worktree)]
    parts = [f"{fmt.count(len(scene.queue), 'candidate')} in the queue"]
    if near:
        parts.append(f"{len(near)} near {'miss' if len(near) == 1 else 'misses'} to strengthen or combine")
    if dry:
        parts.append(f"{', '.join(dry)} found nothing in the last {DRY} experiments: say where to look (i)")
    detail = tuple(f"near miss {window.idea(each.experiment)}: {each.reason}" for each in near)
    detail += tuple(f"queue {row.state} #{row.experiment} {row.idea}" for row in scene.queue)
    return Answer("what next?", "; ".join(parts), detail, "directions")


DRY = 10
"""Experiments in a row without a keep after which a worktree counts as one that finds nothing."""


def _is_dry(window: _Window, worktree: str) -> bool:
    last = [each for each in window.experiments if each.worktree == worktree][-DRY:]
    return len(last) == DRY and all(each.outcome != "keep" for each in last)


def _some(names: Sequence[str], separator: str = ", ") -> str:
    """Name the first few things and count the others."""
    more = len(names) - NAMED
    return separator.join([*names[:NAMED], *([f"{more} more"] if more > 0 else [])])
