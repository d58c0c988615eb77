"""How is told what happens to trunk?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.queue.stacks import named
from agentcore.state import LabState
from tui.story.parts import Parts, parts


@parts.register
def _(event: ev.TrunkMoved, state: LabState) -> Parts:
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


@parts.register
def _(event: ev.MergesWanted, state: LabState) -> Parts:
    names = ", ".join(f"#{each}" for each in event.experiments)
    return "·", "text", "trunk", None, "WANTED", f"{names} in this order, each once it is READY (by {event.by})", False
