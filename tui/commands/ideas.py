"""The commands around ideas that wait for an agent."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import asdict

from agentcore import format as fmt
from agentcore.engine.control import Command
from agentcore.worktree.ideas import ideas as rows_of
from tui.commands.decide import send
from tui.commands.look import observe
from tui.exits import OK, USAGE, Ending
from tui.output import print_json, print_table


def ideas(arguments: Namespace) -> int:
    """List the ideas and what became of them; `add TEXT` offers one to the agents, `drop N` takes one away."""
    words = " ".join(arguments.text).strip()
    match arguments.action:
        case "add":
            return send(observe(arguments).paths, Command("idea", arguments={"text": words}), arguments)
        case "drop":
            return send(observe(arguments).paths, Command("drop-idea", arguments={"idea": _number(words)}), arguments)
    rows = rows_of(observe(arguments).state)
    if arguments.json:
        print_json("ideas", time.time(), {"ideas": [asdict(row) for row in rows]})
    elif not rows:
        print('No idea waits for an agent: nightlab ideas add "value embeddings on alternate layers"')
    else:
        cells = [[str(row.number), row.standing, row.by, fmt.clock(row.at), row.text, row.reason] for row in rows]
        print_table(["#", "STATE", "FROM", "AT", "IDEA", "WHAT BECAME OF IT"], cells, right="#")
    return OK


def _number(text: str) -> int:
    try:
        return int(text.removeprefix("#"))
    except ValueError:
        raise Ending(USAGE, f"{text!r} is no idea: nightlab ideas drop 7") from None
