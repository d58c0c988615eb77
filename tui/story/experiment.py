"""How is told what happens to an experiment and its runs?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.state import LabState
from agentcore.worktree.permits import described
from tui.story.parts import Parts, owner, parts
from tui.theme import OUTCOMES
from worktrees.runs import GIVEN_BACK


@parts.register
def _(event: ev.ExperimentProposed, state: LabState) -> Parts:
    text = f"{event.hypothesis} ({fmt.change(event.added, event.removed)})"
    return "±", "run", event.worktree, event.experiment, "EDIT", text, True


@parts.register
def _(event: ev.ExperimentRebased, state: LabState) -> Parts:
    who = owner(state, event.experiment)
    return "·", "grey", who, event.experiment, "REBASED", f"on {fmt.short(event.base)} before its run", True


@parts.register
def _(event: ev.RunStarted, state: LabState) -> Parts:
    part = f", {event.fraction:.1%} of the budget" if event.fraction < 1 else ""
    text = f"{event.purpose} run {event.run} on {event.slot}, seed {event.seed}{part}"
    return "▸", "run", owner(state, event.experiment), event.experiment, "RUN", text, True


@parts.register
def _(event: ev.RunStopped, state: LabState) -> Parts:
    run = state.runs[event.run]
    return "-", "wait", owner(state, run.experiment), run.experiment, "KILL", f"{described(run)} by {event.by}", False


@parts.register
def _(event: ev.RunEnded, state: LabState) -> Parts:
    run = state.runs[event.run]
    who = owner(state, run.experiment)
    if event.ending == "ok":
        text = f"{run.purpose} run {event.run}: {fmt.score(event.score)} after {fmt.duration(event.train_s)}"
        return "·", "grey", who, run.experiment, "SCORE", text, True
    lost = event.ending in GIVEN_BACK
    text = f"{run.purpose} run {event.run}" + (f": {event.reason}" if event.reason else "")
    minor = run.purpose == "screen" and not lost  # the experiment's outcome tells it again
    return "x", "you" if lost else "bad", who, run.experiment, event.ending.upper(), text, minor


@parts.register
def _(event: ev.ExperimentDecided, state: LabState) -> Parts:
    glyph, role, _ = OUTCOMES.get(event.outcome, (" ", "text", ""))
    experiment = state.experiments[event.experiment]
    pieces = []
    if event.score is not None:
        pieces.append(f"{fmt.score(event.score)}, gain {fmt.gain(event.gain)}")
        pieces += [f"({fmt.sigmas(event.z)}σ)"] if event.z is not None else []
    pieces += [event.reason] if event.reason and (event.simpler or event.outcome not in ("keep", "drop")) else []
    text = " ".join(pieces)
    hypothesis = f"  {experiment.hypothesis}" if text else experiment.hypothesis
    return glyph, role, experiment.worktree, event.experiment, event.outcome.upper(), text + hypothesis, False


@parts.register
def _(event: ev.ExperimentPinned, state: LabState) -> Parts:
    text = f"at {fmt.short(event.commit)} (by {event.by}){event.reason and f': {event.reason}'}"
    return "·", "text", owner(state, event.experiment), event.experiment, "PINNED", text, False


@parts.register
def _(event: ev.ExperimentUnpinned, state: LabState) -> Parts:
    text = f"no more (by {event.by}){event.reason and f': {event.reason}'}"
    return "·", "grey", owner(state, event.experiment), event.experiment, "PINNED", text, False
