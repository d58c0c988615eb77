"""The question before a candidate leaves the queue for good, or its merge is taken back by a new commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentcore import format as fmt
from agentcore.queue import verbs
from agentcore.queue.stacks import besides
from tui.follow import Scene
from tui.sheets import several
from tui.sheets.sheet import Question

BECAUSE = "with x on the queue screen"
"""What is recorded as the reason: a key gives none. `nightlab cancel` and `nightlab revert` take one."""


def question(scene: Scene, number: int) -> Question:
    """Return what is asked before a candidate, or a merge, is taken out."""
    state = scene.state
    candidate, idea = state.candidates[number], state.experiments[number]
    trunk = state.trunk.commit if state.trunk else ""
    verb = "cancel" if candidate.state in verbs.ALLOWED["cancel"] else "revert"
    pins = (trunk, candidate.state, candidate.tree)
    name = f"{idea.worktree} #{number}"
    if reason := verbs.refusal(state, verb, number):
        return Question(f"Take {name} out?", (("so", reason),), "", pins)
    if verb == "cancel":
        anew = "begin" if len(candidate.stack) > 2 else "begins"
        dissolved = f"; {others} {anew} anew, measured with it" if (others := besides(candidate)) else ""
        facts: tuple[tuple[str, str], ...] = (
            ("candidate", f'"{idea.hypothesis}" is {candidate.state}'),
            ("after", f"it is CANCELLED for good; its runs stay in the journal{dissolved}"),
            ("undo", "{undo}: it comes back to the queue"),
        )
        arguments: dict[str, object] = {"experiment": number, "because": BECAUSE}
        return Question(f"Take {name} out of the queue?", facts, "take out", pins, verb, arguments, about=number)
    facts = (
        ("merge", f'"{idea.hypothesis}"'),
        ("trunk", f"a new commit on {fmt.short(trunk)} takes exactly this change back; other merges stay"),
        ("after", "the new trunk is measured first; what is in the queue is confirmed again"),
        ("undo", "{undo}: it comes back to the queue and is confirmed again; the commits stay"),
    )
    arguments = {"experiment": number, "because": BECAUSE, "expect": {"trunk": trunk}}
    return Question(f"Take {name} back from trunk?", facts, "take back", pins, verb, arguments, about=number)


def question_of_all(scene: Scene, numbers: Sequence[int]) -> Question:
    """Return what is asked before several are taken out, in the order of the list.

    Trunk is pinned for the first that is taken back and for no other: it is moved by the one before.
    """
    asked = several.question(
        f"Take {len(numbers)} out of the queue, or back from trunk?",
        {f"#{number}": question(scene, number) for number in numbers},
    )
    orders, is_moved = list(asked.orders), False
    for place, order in enumerate(orders):
        if is_moved:
            orders[place] = replace(order, arguments={**order.arguments, "expect": {}})
        is_moved = is_moved or order.verb == "revert"
    return replace(asked, orders=tuple(orders))
