"""How is told what happens to a candidate?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.queue.stacks import named
from agentcore.state import LabState
from tui.story.parts import Parts, owner, parts
from tui.theme import CANDIDATES
from worktrees.statistics import Verdict


@parts.register
def _(event: ev.CandidateRebased, state: LabState) -> Parts:
    text = f"rebased on {fmt.short(event.trunk)}, {fmt.count(len(event.seeds), 'fresh seed')} to run"
    return "▸", "run", owner(state, event.experiment), event.experiment, "CONFIRM", text, True


@parts.register
def _(event: ev.StackRebased, state: LabState) -> Parts:
    seeds = fmt.count(len(event.seeds), "fresh seed")
    text = f"{named(event.experiments)} rebased on {fmt.short(event.trunk)} as one tree, {seeds} to run"
    return "▸", "run", "queue", event.experiments[-1], "CONFIRM", text, True


@parts.register
def _(event: ev.StackJudged, state: LabState) -> Parts:
    word = "READY" if event.landings else "APART"
    role = CANDIDATES["READY" if event.landings else "STALE"][0]
    text = f"{_verdict(event.verdict)}  {event.reason}" if event.verdict else event.reason
    return "!" if event.landings else "·", role, "queue", event.experiments[-1], word, text, False


@parts.register
def _(event: ev.CandidateJudged, state: LabState) -> Parts:
    role, meaning = CANDIDATES.get(event.state, ("text", ""))
    text = f"{_verdict(event.verdict)}  {event.reason or meaning}"
    glyph = "!" if event.state == "READY" else "·"
    return glyph, role, owner(state, event.experiment), event.experiment, event.state, text, False


@parts.register
def _(event: ev.ThresholdChanged, state: LabState) -> Parts:
    way = "TIGHTER" if event.z_confirm > state.gate.z_confirm else "LOOSER"
    text = f"confirmations pass at {event.z_confirm:g}σ: {fmt.bound(event.false_share)} of those that passed are false"
    return "!", "you", "gate", None, way, text, False


@parts.register
def _(event: ev.CandidateMoved, state: LabState) -> Parts:
    role, meaning = CANDIDATES.get(event.state, ("text", ""))
    text = f"{event.reason or meaning}" + ("" if event.by == "engine" else f" (by {event.by})")
    return " ", role, owner(state, event.experiment), event.experiment, event.state, text, False


@parts.register
def _(event: ev.CandidateExtended, state: LabState) -> Parts:
    text = f"{fmt.count(len(event.seeds), 'seed')} in all (by {event.by}: {event.reason})"
    return "▸", "run", owner(state, event.experiment), event.experiment, "VERIFY", text, False


@parts.register
def _(event: ev.CandidateReordered, state: LabState) -> Parts:
    text = f"order {', '.join(f'#{each}' for each in event.order)} (by {event.by})"
    return "·", "text", owner(state, event.experiment), event.experiment, "MOVED", text, False


def _verdict(verdict: Verdict) -> str:
    if not verdict.standard_error:
        return f"gain {fmt.gain(verdict.gain)}"
    error = fmt.gain(verdict.standard_error).lstrip("+")
    return f"gain {fmt.gain(verdict.gain)} ±{error} ({fmt.sigmas(verdict.z)}σ)"
