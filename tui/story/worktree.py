"""How is told what happens to a worktree and its agent?"""

from __future__ import annotations

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.state import LabState
from tui.story.parts import Parts, parts
from tui.theme import STATES

PROVIDER = 48
"""Characters of a provider's own words, so that the time after them is seen."""


@parts.register
def _(event: ev.WorktreeCreated, state: LabState) -> Parts:
    return " ", "text", event.worktree, None, "NEW", f"on {event.slot}, agent {event.agent}", False


@parts.register
def _(event: ev.WorktreePaused, state: LabState) -> Parts:
    text = event.reason if event.by in event.reason else f"{event.reason} (by {event.by})"
    return "=", "you" if event.by == "engine" else "wait", event.worktree, None, "PAUSE", text, False


@parts.register
def _(event: ev.WorktreeResumed, state: LabState) -> Parts:
    return " ", "text", event.worktree, None, "RESUME", f"by {event.by}", False


@parts.register
def _(event: ev.AgentsAssigned, state: LabState) -> Parts:
    names: dict[str, list[str]] = {}
    for worktree, agent in sorted(event.agents.items(), key=lambda item: (len(item[0]), item[0])):
        names.setdefault(agent, []).append(worktree)
    models = {"anthropic": f" ({event.model})" if event.model else ""}
    text = "; ".join(f"{agent}{models.get(agent, '')} in {', '.join(where)}" for agent, where in names.items())
    return " ", "text", "lab", None, "AGENTS", text + (f": {event.reason}" if event.reason else ""), False


@parts.register
def _(event: ev.AgentBarred, state: LabState) -> Parts:
    text = f"{event.agent}: {event.reason}; the search agent stands in"
    return "!", "you", "lab", None, event.word.upper(), text, False


@parts.register
def _(event: ev.AgentStateChanged, state: LabState) -> Parts:
    glyph, role, meaning = STATES.get(event.state, (" ", "text", ""))
    if event.state == "THINK":
        return glyph, role, event.worktree, None, "THINK", "goes on", True
    text = event.text if len(event.text) <= PROVIDER else f"{event.text[: PROVIDER - 1]}…"
    back = "" if event.until is None else f", back {fmt.clock(event.until)}"
    # Of the others the agent takes care by itself, or a failed proposal tells it again.
    return glyph, role, event.worktree, None, event.state, (text or meaning) + back, event.state != "LIMIT"


@parts.register
def _(event: ev.NoteTaken, state: LabState) -> Parts:
    return "·", "grey", event.worktree, None, "NOTE", event.text, True


@parts.register
def _(event: ev.MessageSent, state: LabState) -> Parts:
    return " ", "text", event.worktree, None, ">", f"{event.text} (by {event.by})", False


@parts.register
def _(event: ev.QuestionAsked, state: LabState) -> Parts:
    return "!", "you", event.worktree, None, "ASK", event.question, False


@parts.register
def _(event: ev.QuestionParked, state: LabState) -> Parts:
    return "=", "wait", event.worktree, None, "PARKED", f"its question: {event.reason}", False


@parts.register
def _(event: ev.MessageTakenBack, state: LabState) -> Parts:
    return "=", "wait", event.worktree, None, ">", f"taken back by {event.by}: {event.text}", False


@parts.register
def _(event: ev.MessagesRead, state: LabState) -> Parts:
    return "·", "grey", event.worktree, None, "READ", fmt.count(event.count, "message"), True


@parts.register
def _(event: ev.AgentFailed, state: LabState) -> Parts:
    # An excused one has its reason in the event or the warning beside it.
    return "x", "bad", event.worktree, None, "AGENT", f"no proposal: {event.reason}", event.excused


@parts.register
def _(event: ev.WorktreeRetired, state: LabState) -> Parts:
    kept = f", its work kept as {fmt.short(event.kept)}" if event.kept else ""
    return "-", "wait", event.worktree, None, "RETIRED", f"by {event.by}{kept}", False


@parts.register
def _(event: ev.WorktreeRestored, state: LabState) -> Parts:
    return " ", "text", event.worktree, None, "BACK", f"by {event.by}, its files as they were", False


@parts.register
def _(event: ev.WorktreeRebaseAsked, state: LabState) -> Parts:
    text = "to its base of today" if event.wanted else "stays where it is"
    return "·", "text", event.worktree, None, "REBASE", f"{text} (by {event.by})", False
