"""Commands that look after the installation: doctor, version, one frame as text."""

from __future__ import annotations

import asyncio
import os
import time
from argparse import Namespace
from dataclasses import asdict
from importlib.metadata import version as installed
from pathlib import Path

from agentcore.project.checkup import agents_of, examine
from tui.exits import FAILED, OK, PRECONDITION, USAGE, Ending
from tui.output import print_json
from tui.place import find_lab
from worktrees.layout import find


def doctor(arguments: Namespace) -> int:
    """Print what is there and what is missing, with what to do about it."""
    start = Path(arguments.lab or os.environ.get("NIGHTLAB_DIR") or ".")
    paths = find(start)
    checks = examine(paths)
    if arguments.online:
        from agentcore.project import online  # here: asking imports the model's SDK, which takes a second

        checks += asyncio.run(online.ask(agents_of(paths), os.environ, time.monotonic))
    todo = sum(check.level == "todo" for check in checks)
    if arguments.json:
        print_json("doctor", time.time(), {"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            remedy = f"  → {check.remedy}" if check.remedy else ""
            print(f"{check.level:<5} {check.topic:<8} {check.text}{remedy}")
        print(f"{todo} to do" if todo else "ready")
    return PRECONDITION if todo else OK


def snapshot(arguments: Namespace) -> int:
    """Print one frame of a screen as text."""
    from agentcore.synthetic import scenarios
    from tui.commands import play
    from tui.snapshot import render  # here: the toolkit is for the view alone

    width, _, height = arguments.size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise Ending(USAGE, f"{arguments.size!r} is no size: write 80x24")
    picture, size = Path(arguments.svg) if arguments.svg else None, (int(width), int(height))
    try:
        if arguments.scenario:
            with play.still(arguments.scenario, arguments.seed) as paths:
                print(render(paths, arguments.screen, size, clock=lambda: scenarios.STILL, svg=picture), end="")
        else:
            print(render(find_lab(arguments.lab), arguments.screen, size, svg=picture), end="")
    except ValueError as error:
        raise Ending(USAGE, str(error)) from error
    except OSError as error:
        raise Ending(FAILED, f"not written: {error}") from error
    return OK


def version(arguments: Namespace) -> int:
    """Print the version."""
    del arguments
    print(f"nightlab {installed('nightlab')}")
    return OK
