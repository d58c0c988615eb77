"""What happened while nobody looked? Ten questions with a line each, told by the journal and not by a model.

Every answer is one line for seven in the morning, whose first `CUT` characters carry the fact; its `detail` holds what
stands behind it, one thing a line, and its `screen` is where that can be looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.away.limits import standstill
from agentcore.events import Entry
from agentcore.journal.window import Window
from agentcore.overview import Overview
from agentcore.queue.guards import MARK, readings
from agentcore.queue.judging import SELF_REPORTED, claimed
from agentcore.queue.stacks import named
from agentcore.report.evidence import FAILURES, Evidence, evidence, near_misses
from agentcore.state import LabState, Merge
from agentcore.worktree.ideas import open_ideas
from worktrees.statistics import SIGMA_MIN, Noise

CUT = 64
"""Characters of an answer that are seen on the narrowest usual terminal, 80 columns."""

NAMED, SHORT = 3, 20
"""Things that an answer names (more are counted), and characters of an idea in it."""

TOLD = (
    ev.LabConfigured,
    ev.EngineStarted,
    ev.EngineStopped,
    ev.ClockMoved,
    ev.WarningRaised,
    ev.AgentBarred,
    ev.AgentStateChanged,
    ev.WorktreePaused,
    ev.CandidateJudged,
    ev.TokensUsed,
)
"""Events that the state does not keep and the answers need; the first one of a lab is among them."""


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
    evidence: Evidence


def report(state: LabState, scene: Overview, happened: Iterable[Entry], since: float, *, disk_mb: float) -> Report:
    """Answer the ten questions for the time from `since` to the newest event.

    `scene`: the overview of the same state. `happened`: the journal's entries of the types `TOLD`, from the first on.
    `disk_mb`: what the lab holds on the disk.
    """
    entries = list(happened)
    since = max(since, entries[0].at) if entries else since
    window = Window(state, scene, entries, since)
    facts = evidence(window, disk_mb)
    answers = (
        _running(window),
        _better(window, facts),
        _worked(window),
        _failed(window),
        _needs(facts),
        _larger(window),
        _broke(facts),
        _cost(facts),
        _trust(window),
        _next(window),
    )
    return Report(scene.name, scene.metric, since, window.until, answers, facts)


def _running(window: Window) -> Answer:
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
    elif any(need.key == f"engine {engine.pid}" for need in window.scene.needs):
        text = f"no: the engine was killed at about {fmt.clock(window.until)}: nightlab start"
    elif reason := standstill(window.state) or _closed(window.state):
        text = f"no: {reason}" + (f"; {len(working)} of {len(rows)} train to their end" if working else "")
    else:
        text = f"yes: {len(working)} of {len(rows)} train" if working else f"yes, but none of {len(rows)} trains"
        text += f"; {_some(idle, '; ')}" if idle else ""
    return Answer("still running?", text, detail, "lab")


def _closed(state: LabState) -> str:
    """Return which warning says that no new run starts, or an empty string."""
    return next((state.warnings[topic] for topic in ("limits", "disk") if topic in state.warnings), "")


def _standing(word: str, why: str) -> str:
    return f"{word}: {why}" if why else word


def _better(window: Window, facts: Evidence) -> Answer:
    way = facts.trunk
    merges = fmt.count(way.merges, "merge") + (f", {way.taken_back} taken back" if way.taken_back else "")
    if way.after is None:
        return Answer("better?", "trunk has no number yet: it is being measured", (), "queue")
    detail = tuple(
        f"{fmt.clock(merge.at)} {fmt.short(merge.old)} to {fmt.short(merge.new)} {_verdict(window.state, merge)} "
        f"by {merge.by}: {window.idea(merge.experiment)}" + (" (taken back)" if merge.undone else "")
        for merge in window.merges
    )
    if way.before is None:
        return Answer("better?", f"trunk {fmt.score(way.after)}, {merges}", detail, "queue")
    sigmas = f" ({fmt.sigmas(way.z)}σ)" if way.z is not None else ""
    text = f"trunk {fmt.score(way.before)} to {fmt.score(way.after)}, gain {fmt.gain(way.gain)}{sigmas}; {merges}"
    return Answer("better?", text, detail, "queue")


def _verdict(state: LabState, merge: Merge) -> str:
    verdict = state.candidates[merge.experiment].verdict if merge.stack else merge.verdict
    if verdict is None:
        return "without a verdict"
    said = f"{fmt.gain(verdict.gain)} ({fmt.sigmas(verdict.z)}σ, {len(verdict.seeds)} seeds)"
    said += f" for {named(merge.stack)} together" if merge.stack else ""
    return f"forced, {said}" if merge.forced else said


def _worked(window: Window) -> Answer:
    found = [(verdict.gain, merge) for merge in window.merges if (verdict := claimed(window.state, merge))]
    found.sort(key=lambda item: -item[0])
    detail = tuple(f"{fmt.gain(gain)} {window.ideas(merge)}" for gain, merge in found)
    names = [f"{named(merge.stack) or window.idea(merge.experiment, SHORT)} {fmt.gain(gain)}" for gain, merge in found]
    return Answer("what worked?", _counted(names) or "nothing was merged", detail, "queue")


def _failed(window: Window) -> Answer:
    tried, kept = len(window.experiments), window.outcomes["keep"]
    told = [f"{count} {FAILURES[word]}" for word, count in window.outcomes.most_common() if word and word in FAILURES]
    refuted = [each.experiment for each in window.judged if each.state in ("NOISE", "REJECTED")]
    if refuted:
        told.append(f"{len(refuted)} kept but not confirmed by fresh seeds")
    detail = tuple(
        f"{window.idea(each.number)}: {FAILURES[each.outcome]}" + (f", {each.reason}" if each.reason else "")
        for each in window.experiments
        if each.outcome and each.outcome in FAILURES
    )
    if not tried:
        return Answer("what failed?", "nothing was tried", (), "results")
    return Answer(
        "what failed?", f"{tried - kept} of {tried}" + (f": {', '.join(told)}" if told else ""), detail, "results"
    )


def _needs(facts: Evidence) -> Answer:
    texts = facts.needs_you
    return Answer("needs me?", f"{len(texts)}: {_some(texts, '; ')}" if texts else "nothing", texts, "lab")


def _larger(window: Window) -> Answer:
    state, scale = window.state, window.state.retest_settings.scale
    recent = [each for each in state.retests if each.ended is None or each.ended >= window.since]
    words = Counter(each.word or "RUNNING" for each in recent)
    told = [f"{count} {word.lower()}" for word, count in words.most_common()]
    detail = tuple(
        f"retest {each.number} {each.word or 'RUNNING'}: " + (each.reason or "is on its way") for each in recent
    )
    if not recent and not state.retest_settings.budget:
        return Answer("holds larger?", "this lab has no larger size", (), "retest")
    if not recent:
        return Answer("holds larger?", f"nothing was tried at {scale} times the size", (), "retest")
    text = f"x{scale}: {', '.join(told)}"
    verified = window.scene.verified
    if verified and verified.gain is not None and verified.interval:
        low, high = verified.interval
        text += f"; verified {fmt.gain(verified.gain)} [{fmt.gain(low)}, {fmt.gain(high)}] over the first trunk"
    if (speed := window.scene.speed) and speed.percent is not None:
        text += f"; {speed.text}"
    return Answer("holds larger?", text, detail, "retest")


def _broke(facts: Evidence) -> Answer:
    detail = tuple(f"{fmt.clock(fault.at)} {fault.text}" for fault in facts.faults)
    counted = Counter(fault.text for fault in facts.faults)
    first = {fault.text: fmt.clock(fault.at) for fault in reversed(facts.faults)}
    names = [f"{first[text]} {text}" + (f" ({count} times)" if count > 1 else "") for text, count in counted.items()]
    return Answer("what broke?", _counted(names, "; ") or "nothing", detail, "events")


def _cost(facts: Evidence) -> Answer:
    cost = facts.cost
    limit = f" of {fmt.money(cost.usd_limit)}" if cost.usd_limit else ""
    text = (
        f"{fmt.money(cost.usd)}, in all {fmt.money(cost.usd_total)}{limit}; "
        f"{cost.slot_hours:.1f} slot-hours, {fmt.share(cost.busy)} busy; {fmt.memory(cost.disk_mb)} on the disk"
    )
    detail = tuple(f"{each.slot} worked {fmt.duration(each.busy_s)}, {fmt.share(each.share)}" for each in facts.slots)
    return Answer("what cost?", text, detail, "lab")


def _trust(window: Window) -> Answer:
    spread, gate = window.scene.noise, window.scene.gate
    contended = [run for run in window.runs if run.ending == "contended"]
    breaches = [each for each in window.experiments if each.outcome == "invalid"]
    parts = [f"{window.scene.metric} is {SELF_REPORTED}"] if window.scene.self_reported else []
    parts.append(_spread(spread))
    parts.append(f"{fmt.count(len(contended), 'run')} contended" if contended else "no run contended")
    parts.append(f"{fmt.count(len(breaches), 'rule break')} stopped" if breaches else "no rule broken")
    if guarded := [each for each in window.experiments if each.reason.startswith(MARK)]:
        parts.append(f"{len(guarded)} turned away by a guard")
    if gate.false_share is not None:
        parts.append(f"{fmt.bound(gate.false_share)} of {gate.passed} passed confirmations false")
    detail = tuple(f"run {run.number} on {run.slot}: {run.reason}" for run in contended)
    detail += tuple(f"{window.idea(each.number)}: {each.reason}" for each in (*breaches, *guarded))
    if window.scene.self_reported:
        bounds = {name: getattr(window.state.gate, name) for name in ("floor", "ceiling", "max_gain")}
        limits = ", ".join(f"{name} {'not set' if value is None else f'{value:g}'}" for name, value in bounds.items())
        detail += (f"{window.scene.metric} is printed by the code that agents edit; [gate] {limits}",)
    if trunk := window.state.trunk:
        last = next((each for each in reversed(window.merges) if each.new == trunk.commit), None)
        found = readings(window.state, window.state.candidates[last.experiment]) if last else ()
        detail += tuple(f"guard of {window.idea(last.experiment)}: {each.text}" for each in found if last)
    return Answer("trust it?", ", ".join(parts), detail, "results")


def _spread(spread: Noise | None) -> str:
    if spread is None:
        return "the noise is not known"
    if spread.sigma <= SIGMA_MIN:
        return "σ 0: runs ignore their seed"
    return f"σ {fmt.score(spread.sigma)} (dof {spread.dof})"


def _next(window: Window) -> Answer:
    state, scene = window.state, window.scene
    near = near_misses(window)
    dry = [row.worktree for row in scene.rows if _is_dry(window, row.worktree)]
    parts = [f"{', '.join(dry)} found nothing in {DRY} tries: say where to look (i)"] if dry else []
    if ideas := len(open_ideas(state)):
        parts.append(f"{fmt.count(ideas, 'idea')} open")
    parts.append(f"{fmt.count(len(scene.queue), 'candidate')} in the queue")
    if near:
        parts.append(f"{len(near)} near {'miss' if len(near) == 1 else 'misses'} to strengthen or combine")
    detail = tuple(f"near miss {window.idea(each.experiment)}: {each.reason}" for each in near)
    detail += tuple(f"queue {row.state} #{row.experiment} {row.idea}" for row in scene.queue)
    return Answer("what next?", "; ".join(parts), detail, "directions")


DRY = 10
"""Experiments in a row without a keep after which a worktree counts as one that finds nothing."""


def _is_dry(window: Window, worktree: str) -> bool:
    last = [each for each in window.experiments if each.worktree == worktree][-DRY:]
    return len(last) == DRY and all(each.outcome != "keep" for each in last)


def _some(names: Sequence[str], separator: str = ", ") -> str:
    """Name the first few things and count the others."""
    more = len(names) - NAMED
    return separator.join([*names[:NAMED], *([f"{more} more"] if more > 0 else [])])


def _counted(names: Sequence[str], separator: str = ", ") -> str:
    """Name the first few things after their number; a single one needs none."""
    return f"{len(names)}: {_some(names, separator)}" if len(names) > 1 else _some(names, separator)
