"""How is an event told in one line of words?

The journal holds facts for programs; this is how they read to a person, in the events pane, on screen 8 and wherever
else the past is listed. Text from outside (hypotheses, reasons) is passed on as it is: painting makes it harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import singledispatch
from typing import Any

from agentcore import events as ev
from agentcore.events import Entry, Level
from agentcore.permits import described
from agentcore.speed import words
from agentcore.stacks import named
from agentcore.state import LabState
from agentcore.undoing import told
from tui import format as fmt
from tui.theme import CANDIDATES, OUTCOMES, RETESTS, SPEEDS, STATES
from worktrees.runs import GIVEN_BACK
from worktrees.statistics import Verdict
from worktrees.text import printable

FILES = 3
"""Names of changed files that are told; more are counted."""

TROUBLE = ("LIMIT", "PARKED")
"""Words of events that went wrong although nobody is needed for them."""

PROVIDER = 48
"""Characters of a provider's own words, so that the time after them is seen."""


@dataclass(frozen=True)
class Told:
    """One event in words. `minor` ones are only listed on the screen of all events."""

    at: float
    glyph: str
    role: str
    who: str
    experiment: int | None
    word: str
    text: str
    minor: bool = False

    @property
    def level(self) -> Level:
        """`warn` for what went wrong or needs a person; not where another event tells the same again."""
        is_trouble = self.role in ("you", "bad") or self.word in TROUBLE
        return "warn" if is_trouble and not self.minor else "info"


def tell(entry: Entry, state: LabState) -> Told | None:
    """Return the line of `entry`, or None for an event that says nothing to a person."""
    told = _tell(entry.event, state)
    return None if told is None else Told(entry.at, *told)


def line(told: Told) -> str:
    """Return a told event as one line of plain text, for a terminal without a view."""
    number = f"#{told.experiment}" if told.experiment is not None else ""
    words = f"{fmt.clock(told.at, seconds=True)} {told.who:<6} {number:<5} {told.word:<9} {told.text}"
    return printable(words).rstrip()


def as_object(seq: int, kind: str, told: Told) -> dict[str, Any]:
    """Return a told event for programs; `kind`: its type."""
    at = datetime.fromtimestamp(told.at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    number = told.experiment
    words = {"who": told.who, "experiment": number, "word": told.word, "text": printable(told.text)}
    return {"seq": seq, "at": at, "type": kind, "level": told.level, **words}


_Parts = tuple[str, str, str, int | None, str, str, bool]


@singledispatch
def _tell(event: object, state: LabState) -> _Parts | None:
    return None


@_tell.register
def _(event: ev.LabConfigured, state: LabState) -> _Parts:
    gate = event.gate
    text = f"settings read: profile {event.profile}, {fmt.count(gate.confirm_seeds, 'seed')}, z {gate.z_confirm}"
    return "·", "grey", "lab", None, "CONFIG", text, True


@_tell.register
def _(event: ev.EngineStarted, state: LabState) -> _Parts:
    return " ", "text", "engine", None, "START", f"process {event.pid}, {fmt.count(len(event.slots), 'slot')}", False


@_tell.register
def _(event: ev.EngineStopped, state: LabState) -> _Parts:
    return "=", "wait", "engine", None, "STOP", event.reason, False


@_tell.register
def _(event: ev.WorktreeCreated, state: LabState) -> _Parts:
    return " ", "text", event.worktree, None, "NEW", f"on {event.slot}, agent {event.agent}", False


@_tell.register
def _(event: ev.IdeaAdded, state: LabState) -> _Parts:
    return " ", "text", event.by, None, "IDEA", f"{event.idea}: {event.text}", False


@_tell.register
def _(event: ev.IdeaDropped, state: LabState) -> _Parts:
    return "-", "grey", event.by, None, "IDEA", f"{event.idea} is not offered any more", False


@_tell.register
def _(event: ev.WorktreePaused, state: LabState) -> _Parts:
    text = event.reason if event.by in event.reason else f"{event.reason} (by {event.by})"
    return "=", "you" if event.by == "engine" else "wait", event.worktree, None, "PAUSE", text, False


@_tell.register
def _(event: ev.WorktreeResumed, state: LabState) -> _Parts:
    return " ", "text", event.worktree, None, "RESUME", f"by {event.by}", False


@_tell.register
def _(event: ev.AgentsAssigned, state: LabState) -> _Parts:
    names: dict[str, list[str]] = {}
    for worktree, agent in sorted(event.agents.items(), key=lambda item: (len(item[0]), item[0])):
        names.setdefault(agent, []).append(worktree)
    models = {"anthropic": f" ({event.model})" if event.model else ""}
    text = "; ".join(f"{agent}{models.get(agent, '')} in {', '.join(where)}" for agent, where in names.items())
    return " ", "text", "lab", None, "AGENTS", text + (f": {event.reason}" if event.reason else ""), False


@_tell.register
def _(event: ev.AgentBarred, state: LabState) -> _Parts:
    text = f"{event.agent}: {event.reason}; the search agent stands in"
    return "!", "you", "lab", None, event.word.upper(), text, False


@_tell.register
def _(event: ev.AgentStateChanged, state: LabState) -> _Parts:
    glyph, role, meaning = STATES.get(event.state, (" ", "text", ""))
    if event.state == "THINK":
        return glyph, role, event.worktree, None, "THINK", "goes on", True
    text = event.text if len(event.text) <= PROVIDER else f"{event.text[: PROVIDER - 1]}…"
    back = "" if event.until is None else f", back {fmt.clock(event.until)}"
    # Of the others the agent takes care by itself, or a failed proposal tells it again.
    return glyph, role, event.worktree, None, event.state, (text or meaning) + back, event.state != "LIMIT"


@_tell.register
def _(event: ev.NoteTaken, state: LabState) -> _Parts:
    return "·", "grey", event.worktree, None, "NOTE", event.text, True


@_tell.register
def _(event: ev.MessageSent, state: LabState) -> _Parts:
    return " ", "text", event.worktree, None, ">", f"{event.text} (by {event.by})", False


@_tell.register
def _(event: ev.QuestionAsked, state: LabState) -> _Parts:
    return "!", "you", event.worktree, None, "ASK", event.question, False


@_tell.register
def _(event: ev.QuestionParked, state: LabState) -> _Parts:
    return "=", "wait", event.worktree, None, "PARKED", f"its question: {event.reason}", False


@_tell.register
def _(event: ev.MessageTakenBack, state: LabState) -> _Parts:
    return "=", "wait", event.worktree, None, ">", f"taken back by {event.by}: {event.text}", False


@_tell.register
def _(event: ev.ActionUndone, state: LabState) -> _Parts:
    return "=", "wait", "lab", None, "UNDO", f"by {event.by}: {_action(state, event.action)}", True


@_tell.register
def _(event: ev.ActionRedone, state: LabState) -> _Parts:
    return "=", "wait", "lab", None, "REDO", f"by {event.by}: {_action(state, event.action)}", True


@_tell.register
def _(event: ev.MessagesRead, state: LabState) -> _Parts:
    return "·", "grey", event.worktree, None, "READ", fmt.count(event.count, "message"), True


@_tell.register
def _(event: ev.PromptsChanged, state: LabState) -> _Parts:
    shown, more = event.files[:FILES], len(event.files) - FILES
    files = (
        ", ".join(shown) + (f" and {more} more" if more > 0 else "") or "program, directions and templates as they are"
    )
    return " ", "text", "lab", None, "PROMPTS", f"{_version(event, state)}{files}", False


@_tell.register
def _(event: ev.AgentFailed, state: LabState) -> _Parts:
    # An excused one has its reason in the event or the warning beside it.
    return "x", "bad", event.worktree, None, "AGENT", f"no proposal: {event.reason}", event.excused


@_tell.register
def _(event: ev.ExperimentProposed, state: LabState) -> _Parts:
    text = f"{event.hypothesis} ({fmt.change(event.added, event.removed)})"
    return "±", "run", event.worktree, event.experiment, "EDIT", text, True


@_tell.register
def _(event: ev.ExperimentRebased, state: LabState) -> _Parts:
    who = _owner(state, event.experiment)
    return "·", "grey", who, event.experiment, "REBASED", f"on {fmt.short(event.base)} before its run", True


@_tell.register
def _(event: ev.RunStarted, state: LabState) -> _Parts:
    part = f", {event.fraction:.1%} of the budget" if event.fraction < 1 else ""
    text = f"{event.purpose} run {event.run} on {event.slot}, seed {event.seed}{part}"
    return "▸", "run", _owner(state, event.experiment), event.experiment, "RUN", text, True


@_tell.register
def _(event: ev.RunStopped, state: LabState) -> _Parts:
    run = state.runs[event.run]
    return "-", "wait", _owner(state, run.experiment), run.experiment, "KILL", f"{described(run)} by {event.by}", False


@_tell.register
def _(event: ev.RunEnded, state: LabState) -> _Parts:
    run = state.runs[event.run]
    who = _owner(state, run.experiment)
    if event.ending == "ok":
        text = f"{run.purpose} run {event.run}: {fmt.score(event.score)} after {fmt.duration(event.train_s)}"
        return "·", "grey", who, run.experiment, "SCORE", text, True
    lost = event.ending in GIVEN_BACK
    text = f"{run.purpose} run {event.run}" + (f": {event.reason}" if event.reason else "")
    minor = run.purpose == "screen" and not lost  # the experiment's outcome tells it again
    return "x", "you" if lost else "bad", who, run.experiment, event.ending.upper(), text, minor


@_tell.register
def _(event: ev.ExperimentDecided, state: LabState) -> _Parts:
    glyph, role, _ = OUTCOMES.get(event.outcome, (" ", "text", ""))
    experiment = state.experiments[event.experiment]
    parts = []
    if event.score is not None:
        parts.append(f"{fmt.score(event.score)}, gain {fmt.gain(event.gain)}")
        parts += [f"({fmt.sigmas(event.z)}σ)"] if event.z is not None else []
    parts += [event.reason] if event.reason and (event.simpler or event.outcome not in ("keep", "drop")) else []
    text = " ".join(parts)
    hypothesis = f"  {experiment.hypothesis}" if text else experiment.hypothesis
    return glyph, role, experiment.worktree, event.experiment, event.outcome.upper(), text + hypothesis, False


@_tell.register
def _(event: ev.CandidateRebased, state: LabState) -> _Parts:
    text = f"rebased on {fmt.short(event.trunk)}, {fmt.count(len(event.seeds), 'fresh seed')} to run"
    return "▸", "run", _owner(state, event.experiment), event.experiment, "CONFIRM", text, True


@_tell.register
def _(event: ev.StackRebased, state: LabState) -> _Parts:
    seeds = fmt.count(len(event.seeds), "fresh seed")
    text = f"{named(event.experiments)} rebased on {fmt.short(event.trunk)} as one tree, {seeds} to run"
    return "▸", "run", "queue", event.experiments[-1], "CONFIRM", text, True


@_tell.register
def _(event: ev.StackJudged, state: LabState) -> _Parts:
    word = "READY" if event.landings else "APART"
    role = CANDIDATES["READY" if event.landings else "STALE"][0]
    text = f"{_verdict(event.verdict)}  {event.reason}" if event.verdict else event.reason
    return "!" if event.landings else "·", role, "queue", event.experiments[-1], word, text, False


@_tell.register
def _(event: ev.CandidateJudged, state: LabState) -> _Parts:
    role, meaning = CANDIDATES.get(event.state, ("text", ""))
    text = f"{_verdict(event.verdict)}  {event.reason or meaning}"
    glyph = "!" if event.state == "READY" else "·"
    return glyph, role, _owner(state, event.experiment), event.experiment, event.state, text, False


@_tell.register
def _(event: ev.ThresholdChanged, state: LabState) -> _Parts:
    way = "TIGHTER" if event.z_confirm > state.gate.z_confirm else "LOOSER"
    text = f"confirmations pass at {event.z_confirm:g}σ: at most {event.false_share:.0%} of those that passed are false"
    return "!", "you", "gate", None, way, text, False


@_tell.register
def _(event: ev.CandidateMoved, state: LabState) -> _Parts:
    role, meaning = CANDIDATES.get(event.state, ("text", ""))
    text = f"{event.reason or meaning}" + ("" if event.by == "engine" else f" (by {event.by})")
    return " ", role, _owner(state, event.experiment), event.experiment, event.state, text, False


@_tell.register
def _(event: ev.TrunkMoved, state: LabState) -> _Parts:
    way = f"{fmt.short(event.old)} to {fmt.short(event.new)}"
    if event.undone is not None:
        what = f"  {named(event.stack)}" if event.stack else ""
        return "=", "wait", "trunk", event.undone, "UNDONE", f"{way} (by {event.by}){what}", False
    if event.reverted is not None:
        return "!", "you", "trunk", event.reverted, "REVERTED", f"{way} (by {event.by}: {event.reason})", False
    if event.experiment is not None:
        experiment = state.experiments[event.experiment]
        if event.forced:
            text = f"{way} (forced by {event.by}: {event.forced})  {experiment.hypothesis}"
            return "!", "you", "trunk", event.experiment, "FORCED", text, False
        what = named(event.stack) if event.stack else experiment.hypothesis
        text = f"{way} (by {event.by})  {what}"
        return "+", "good", "trunk", event.experiment, "MERGED", text, False
    if not event.old.strip("0"):
        return " ", "text", "trunk", None, "NEW", f"at {fmt.short(event.new)}", False
    return "!", "you", "trunk", None, "MOVED", f"{way} (by {event.by})", False


@_tell.register
def _(event: ev.CandidateExtended, state: LabState) -> _Parts:
    text = f"{fmt.count(len(event.seeds), 'seed')} in all (by {event.by}: {event.reason})"
    return "▸", "run", _owner(state, event.experiment), event.experiment, "VERIFY", text, False


@_tell.register
def _(event: ev.CandidateReordered, state: LabState) -> _Parts:
    text = f"order {', '.join(f'#{each}' for each in event.order)} (by {event.by})"
    return "·", "text", _owner(state, event.experiment), event.experiment, "MOVED", text, False


@_tell.register
def _(event: ev.WorktreeRetired, state: LabState) -> _Parts:
    kept = f", its work kept as {fmt.short(event.kept)}" if event.kept else ""
    return "-", "wait", event.worktree, None, "RETIRED", f"by {event.by}{kept}", False


@_tell.register
def _(event: ev.WorktreeRestored, state: LabState) -> _Parts:
    return " ", "text", event.worktree, None, "BACK", f"by {event.by}, its files as they were", False


@_tell.register
def _(event: ev.MergesWanted, state: LabState) -> _Parts:
    names = ", ".join(f"#{each}" for each in event.experiments)
    return "·", "text", "trunk", None, "WANTED", f"{names} in this order, each once it is READY (by {event.by})", False


@_tell.register
def _(event: ev.WorktreeRebaseAsked, state: LabState) -> _Parts:
    text = "to its base of today" if event.wanted else "stays where it is"
    return "·", "text", event.worktree, None, "REBASE", f"{text} (by {event.by})", False


@_tell.register
def _(event: ev.ExperimentPinned, state: LabState) -> _Parts:
    text = f"at {fmt.short(event.commit)} (by {event.by}){event.reason and f': {event.reason}'}"
    return "·", "text", _owner(state, event.experiment), event.experiment, "PINNED", text, False


@_tell.register
def _(event: ev.ExperimentUnpinned, state: LabState) -> _Parts:
    text = f"no more (by {event.by}){event.reason and f': {event.reason}'}"
    return "·", "grey", _owner(state, event.experiment), event.experiment, "PINNED", text, False


@_tell.register
def _(event: ev.ModeChanged, state: LabState) -> _Parts:
    text = f"{event.mode} (by {event.by}){event.reason and f': {event.reason}'}"
    return "!", "you", "gate", None, "MODE", text, False


@_tell.register
def _(event: ev.AwayStarted, state: LabState) -> _Parts:
    until = "" if event.until is None else f" until {fmt.clock(event.until)}"
    money = "" if event.usd is None else f", {fmt.money(event.usd)} more"
    return "=", "wait", "lab", None, "AWAY", f"{event.by}{until}{money}, merges: {event.merge}", False


@_tell.register
def _(event: ev.AwayLimitReached, state: LabState) -> _Parts:
    return "!", "you", "lab", None, event.limit.upper(), event.reason, False


@_tell.register
def _(event: ev.AwayEnded, state: LabState) -> _Parts:
    return " ", "text", "lab", None, "BACK", event.reason, False


@_tell.register
def _(event: ev.ReportWritten, state: LabState) -> _Parts:
    if not event.path:
        return "!", "you", "lab", None, "REPORT", event.reason, False
    return " ", "text", "lab", None, "REPORT", event.path, False


@_tell.register
def _(event: ev.RetestStarted, state: LabState) -> _Parts:
    base, head = event.steps[0].commit, event.steps[-1].commit
    text = f"{fmt.short(head)} at {event.scale} times the size, against {fmt.short(base)} (by {event.by})"
    return "▸", "run", "trunk", None, "RETEST", text, False


@_tell.register
def _(event: ev.RetestJudged, state: LabState) -> _Parts:
    text = "falls short: " if event.word == "SHORT" else "no shortfall: " if _is_probe(event, state) else ""
    return "·", "grey", "trunk", None, "RETEST", f"{text}{event.reason}", event.word != "SHORT"


@_tell.register
def _(event: ev.RevertPrepared, state: LabState) -> _Parts:
    text = f"trunk {fmt.short(event.old)} without it is run once at the small size"
    return "▸", "run", "trunk", event.experiment, "REVERT", text, False


@_tell.register
def _(event: ev.RetestEnded, state: LabState) -> _Parts:
    glyph, role, word = RETESTS.get(event.word, (" ", "text", event.word))
    return glyph, role, "trunk", None, word, event.reason, False


@_tell.register
def _(event: ev.SpeedMeasured, state: LabState) -> _Parts:
    glyph, role = SPEEDS.get(event.word, (" ", "text"))
    scale = next((each.scale for each in state.retests if each.number == event.retest), state.retest_settings.scale)
    evidence = "" if event.word == "FAILED" else f": {event.reason}"
    return glyph, role, "trunk", None, "SPEED", f"{fmt.short(event.trunk)}: {words(event, scale)}{evidence}", False


@_tell.register
def _(event: ev.WarningRaised, state: LabState) -> _Parts:
    return "!", "you", event.topic, None, "WARN", event.message, False


@_tell.register
def _(event: ev.WarningCleared, state: LabState) -> _Parts:
    return "·", "grey", event.topic, None, "CLEAR", "no longer so", True


def _is_probe(event: ev.RetestJudged, state: LabState) -> bool:
    """True for a step of the bisection: the tried trunk itself is judged first."""
    retest = next((each for each in state.retests if each.number == event.retest), None)
    return retest is not None and event.step != len(retest.steps) - 1


def _verdict(verdict: Verdict) -> str:
    if not verdict.standard_error:
        return f"gain {fmt.gain(verdict.gain)}"
    error = fmt.gain(verdict.standard_error).lstrip("+")
    return f"gain {fmt.gain(verdict.gain)} ±{error} ({fmt.sigmas(verdict.z)}σ)"


def _version(event: ev.PromptsChanged, state: LabState) -> str:
    """Return `v2: `: the state knows the newest version, and how many changes came after this one."""
    changes = [entry.event for entry in state.recent if isinstance(entry.event, ev.PromptsChanged)]
    later = next((after for after, change in enumerate(reversed(changes)) if change is event), None)
    return "" if later is None else f"v{state.prompts - later}: "


def _action(state: LabState, seq: int) -> str:
    action = next((each for each in state.actions if each.seq == seq), None)
    return told(state, action) if action else f"the action of entry {seq}"


def _owner(state: LabState, experiment: int | None) -> str:
    known = state.experiments.get(experiment) if experiment is not None else None
    return known.worktree if known else "trunk"
