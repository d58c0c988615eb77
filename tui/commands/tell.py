"""The command `notify`: by which ways is a person told who does not look, and do they work?"""

from __future__ import annotations

import asyncio
import os
import time
from argparse import Namespace
from pathlib import Path
from urllib.parse import urlsplit

from agentcore.engine import launch
from agentcore.engine.control import Command, EngineUnreachable
from agentcore.notices import NotSent, sending
from tui.commands.taste import own_settings
from tui.exits import FAILED, OK, Ending
from tui.output import print_json
from tui.settings import location
from worktrees.layout import LabPaths, find

PATIENCE_S = 60.0
"""How long a server and a program may take for one notice."""


def notify(arguments: Namespace) -> int:
    """Say by which ways a person is told; with --test send one, by the engine if one runs, and say what came back."""
    paths = find(Path(arguments.lab or os.environ.get("NIGHTLAB_DIR") or "."))
    if arguments.test:
        sender, said = _test(paths)
        if arguments.json:
            print_json("notify", time.time(), {"sender": sender, "said": said})
        else:
            print("\n".join([f"sent by {sender}", *said]))
        return OK
    ways = _ways()
    if arguments.json:
        print_json("notify", time.time(), {"ways": ways})
    else:
        print("\n".join(ways) or f"nobody is told: write command or url under [notify] in {location(os.environ)}")
    return OK


def _test(paths: LabPaths | None) -> tuple[str, list[str]]:
    """Return who sent it and what came back. Raises Ending."""
    if paths is not None:
        try:
            answer = launch.send(paths, Command("notify"), PATIENCE_S)
        except EngineUnreachable:
            pass  # then it is sent from here
        else:
            if not answer.done:
                raise Ending(answer.code, answer.message)
            return "the engine", list(answer.body["said"])
    root = paths.root if paths else Path.cwd()
    try:
        return "this command, no engine runs", asyncio.run(
            sending.test(root.name, root, time.time(), location(os.environ), os.environ)
        )
    except NotSent as error:
        raise Ending(FAILED, str(error)) from error


def _ways() -> list[str]:
    """Return the ways in words, without what is as good as a password: the topic and the token."""
    own = own_settings().notify
    ways = [f"command  {own.argv[0]}"] if own.command else []
    if own.url:
        token = f", with the token in ${own.token_env}" if own.token_env else ""
        ways.append(f"url      {urlsplit(own.url).hostname}{token}")
    return ways
