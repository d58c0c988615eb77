"""How does what happens to a retest change the lab's state?"""

from __future__ import annotations

from immutables import Map

from agentcore import events as ev
from agentcore.fold.change import end_retest, follow, on_candidate, on_retest
from agentcore.fold.replacing import replace
from agentcore.state import LabState, Retest, SpeedTest


@follow.register
def _(event: ev.RetestStarted, state: LabState, at: float) -> LabState:
    """Give what failed at the larger size another try: whoever asks again may have mended it."""
    retest = Retest(
        event.retest, event.steps, event.seeds, event.scale, event.by, since=at, harness=state.large_harness
    )
    return replace(state, retests=(*state.retests, retest), large_failed=Map())


@follow.register
def _(event: ev.RetestJudged, state: LabState, at: float) -> LabState:
    return on_retest(state, judged=(*state.retests[-1].judged, event))


@follow.register
def _(event: ev.RevertPrepared, state: LabState, at: float) -> LabState:
    return on_retest(state, prepared=event)


@follow.register
def _(event: ev.RetestEnded, state: LabState, at: float) -> LabState:
    """Mark what the tried trunk brought, unless it was taken back meanwhile."""
    retest = state.retests[-1]
    marks = {"PROVEN": ("MERGED", "FADED"), "FADED": ("MERGED",)}.get(event.word, ())
    for number in (number for step in retest.steps[1:] for number in step.experiments):
        if state.candidates[number].state in marks:
            state = on_candidate(state, number, at, state=event.word, reason=event.reason)
    if event.word == "PROVEN":
        state = replace(state, verified=(*state.verified, retest.steps[-1].commit), speed_test=_speed_test(state))
    return on_retest(end_retest(state, event.word, event.reason, at), ended_by=event.by)


@follow.register
def _(event: ev.SpeedMeasured, state: LabState, at: float) -> LabState:
    retests = (replace(each, speed=event) if each.number == event.retest else each for each in state.retests)
    return replace(state, retests=tuple(retests), speed_test=None)


def _speed_test(state: LabState) -> SpeedTest | None:
    """Return what is to be measured of a trunk that was just proven: nothing where that is the baseline itself."""
    retest = state.retests[-1]
    trunk = retest.steps[-1]
    is_wanted = state.retest_settings.speed and trunk.tree != state.baseline_tree
    return SpeedTest(retest.number, trunk, retest.seeds) if is_wanted else None
