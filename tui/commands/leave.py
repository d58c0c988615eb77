"""The commands `away` and `back`: leave the lab alone within limits, and end that."""

from __future__ import annotations

import time
from argparse import Namespace

from agentcore import format as fmt
from agentcore.away import limits as rules
from agentcore.engine.control import Command
from tui.commands.decide import send, would
from tui.commands.look import observe
from tui.exits import REFUSED, Ending
from tui.moments import moment


def away(arguments: Namespace) -> int:
    """Leave the lab alone: until when, for how much more, and who merges."""
    now, observer = time.time(), observe(arguments)
    until = moment(arguments.until, now) if arguments.until else None
    if reason := rules.refusal(observer.state, now, until, arguments.budget, arguments.merge):
        raise Ending(REFUSED, reason)
    wanted = {
        "until": until,
        "usd": arguments.budget,
        "merge": arguments.merge,
        "questions": arguments.questions,
        "tell": arguments.tell,
    }
    if arguments.dry_run:
        when = f" until {fmt.clock(until)}" if until is not None else ""
        money = f", for {fmt.money(arguments.budget)} more" if arguments.budget is not None else ""
        merges = "by the gate" if arguments.merge == "gate" else "kept for you"
        return would("away", f"let it work alone{when}{money}, merges {merges}", wanted, arguments)
    return send(observer.paths, Command("away", arguments=wanted), arguments)


def back(arguments: Namespace) -> int:
    """End away mode."""
    observer = observe(arguments)
    if observer.state.away is None:
        raise Ending(REFUSED, "nobody is away")
    return send(observer.paths, Command("back"), arguments)
