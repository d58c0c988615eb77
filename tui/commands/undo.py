"""The commands `undo` and `redo`: take back what a person did last, or do it again."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import asdict

from agentcore import format as fmt
from agentcore.engine.control import Command
from agentcore.state import LabState
from agentcore.undo import undoing
from tui.commands.decide import confirmed, send, would
from tui.commands.look import observe
from tui.exits import OK, REFUSED, Ending
from tui.output import print_json, print_table


def undo(arguments: Namespace) -> int:
    """Take the last action of a person back, or list the actions."""
    if arguments.list:
        return _list(observe(arguments).state, arguments)
    state = observe(arguments).state
    action = undoing.undoable(state)
    if action is None:
        raise Ending(REFUSED, "there is nothing to undo: see nightlab undo --list")
    what = f"take the {undoing.told(state, action)} back: {undoing.back(state, action)}"
    return _turn("undo", what, action.seq, undoing.asks(action), arguments)


def redo(arguments: Namespace) -> int:
    """Do again what was taken back last."""
    state = observe(arguments).state
    action = undoing.redoable(state)
    if action is None:
        raise Ending(REFUSED, "there is nothing to redo: that is possible only right after an undo")
    if reason := undoing.redo_refusal(state, action):
        raise Ending(REFUSED, reason)
    what = f"do the {undoing.told(state, action)} again: {undoing.again(state, action)}"
    return _turn("redo", what, action.seq, undoing.asks(action), arguments)


def _turn(verb: str, what: str, seq: int, asks: bool, arguments: Namespace) -> int:
    observer = observe(arguments)
    if arguments.dry_run:
        return would(verb, what, {"action": seq}, arguments)
    if asks and not arguments.yes and not confirmed(f"{what[0].upper()}{what[1:]}. Go on?"):
        return OK
    expect: dict[str, object] = {"action": seq}
    if asks and observer.state.trunk:
        expect["trunk"] = observer.state.trunk.commit
    return send(observer.paths, Command(verb, arguments={"expect": expect}), arguments)


def _list(state: LabState, arguments: Namespace) -> int:
    """Print what persons did, newest first, with what taking it back comes to, or why it cannot be."""
    rows = []
    for action in reversed(state.actions):
        refusal = "undone already" if action.undone else undoing.undo_refusal(state, action)
        rows.append((action, refusal, "" if refusal else undoing.back(state, action)))
    if arguments.json:
        actions = [
            {**asdict(action), "told": undoing.told(state, action), "refusal": refusal, "back": back}
            for action, refusal, back in rows
        ]
        print_json("undo-list", time.time(), {"actions": actions})
        return OK
    cells = [
        [fmt.clock(action.at), action.by, undoing.told(state, action), f"no: {refusal}" if refusal else back]
        for action, refusal, back in rows
    ]
    print_table(["TIME", "WHO", "WHAT", "UNDO"], cells)
    return OK
