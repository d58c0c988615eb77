"""How is told what happens to trunk at the larger size?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.retest.speed import words
from agentcore.state import LabState
from tui.story.parts import Parts, parts
from tui.theme import RETESTS, SPEEDS


@parts.register
def _(event: ev.RetestStarted, state: LabState) -> Parts:
    base, head = event.steps[0].commit, event.steps[-1].commit
    text = f"{fmt.short(head)} at {event.scale} times the size, against {fmt.short(base)} (by {event.by})"
    return "▸", "run", "trunk", None, "RETEST", text, False


@parts.register
def _(event: ev.RetestJudged, state: LabState) -> Parts:
    text = "falls short: " if event.word == "SHORT" else "no shortfall: " if _is_probe(event, state) else ""
    return "·", "grey", "trunk", None, "RETEST", f"{text}{event.reason}", event.word != "SHORT"


@parts.register
def _(event: ev.RevertPrepared, state: LabState) -> Parts:
    text = f"trunk {fmt.short(event.old)} without it is run once at the small size"
    return "▸", "run", "trunk", event.experiment, "REVERT", text, False


@parts.register
def _(event: ev.RetestEnded, state: LabState) -> Parts:
    glyph, role, word = RETESTS.get(event.word, (" ", "text", event.word))
    return glyph, role, "trunk", None, word, event.reason, False


@parts.register
def _(event: ev.SpeedMeasured, state: LabState) -> Parts:
    glyph, role = SPEEDS.get(event.word, (" ", "text"))
    scale = next((each.scale for each in state.retests if each.number == event.retest), state.retest_settings.scale)
    evidence = "" if event.word == "FAILED" else f": {event.reason}"
    return glyph, role, "trunk", None, "SPEED", f"{fmt.short(event.trunk)}: {words(event, scale)}{evidence}", False


def _is_probe(event: ev.RetestJudged, state: LabState) -> bool:
    """True for a step of the bisection: the tried trunk itself is judged first."""
    retest = next((each for each in state.retests if each.number == event.retest), None)
    return retest is not None and event.step != len(retest.steps) - 1
