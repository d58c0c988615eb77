"""How is the view opened and left? The terminal is looked at first, and put back whatever happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentcore.engine.launch import start
from tui.options import ViewOptions
from tui.place import typed
from tui.theme import DUMB, choose
from tui.view import View
from worktrees.layout import LabPaths

if TYPE_CHECKING:
    from agentcore.journal.replay import Player
    from agentcore.project.checkup import Check

__all__ = ["ViewOptions", "farewell", "open_view"]


def open_view(paths: LabPaths, *, options: ViewOptions, player: Player | None = None) -> int:
    """Show the lab, or what a player plays, until the person leaves; return the exit code.

    0 detached, 1 a fault of ours, 2 no usable terminal, 143 and 129 ended by a signal.
    """
    env = dict(os.environ)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(f"nightlab: {DUMB}", file=sys.stderr)
        return 2
    try:
        look = choose(options.theme, env=env, ascii_only=options.ascii)
    except ValueError as error:
        print(f"nightlab: {error}", file=sys.stderr)
        return 2
    os.environ.pop("NO_COLOR", None)  # Textual would answer it with greys; our mono theme has no colour at all
    if player:
        view = View(paths, options, look, env=env, clock=player.clock, observer=player)
    else:
        view = View(paths, options, look, env=env, examine=lambda: _examined(paths, env), start=lambda: start(paths))
    try:
        view.run(mouse=options.mouse)
    finally:
        os.environ.update({name: env[name] for name in ("NO_COLOR",) if name in env})
    return farewell(view)


def farewell(view: View) -> int:
    """Tell how things go on, and return the exit code."""
    code = view.return_code or 0
    if view.fault:
        print(f"nightlab: the view failed; the lab goes on. The cause is in {_file(view)}", file=sys.stderr)
    elif code == 0 and view.follower.observer.label:
        print("The replay is over; what it was of is as it was.")
    elif code == 0:
        count = len(view.scene.overview.rows)
        alive = view.scene.live.engine_alive
        goes = "worktree goes" if count == 1 else "worktrees go"
        what = f"{count} {goes} on" if alive else "The engine is not running"
        print(f"Detached. {what}.\nReturn: {typed(view.paths)}\nStop:   {typed(view.paths, 'stop')}")
    return code


def _file(view: View) -> str:
    """Put a fault's traceback into the lab and return where; into the words themselves where that cannot be."""
    if view.follower.observer.label:  # the copy's folder goes now
        return f"no file:\n{view.fault}"
    log = view.paths.dot / "view.log"
    try:
        with log.open("a", encoding="utf-8") as file:
            file.write(view.fault)
    except OSError as error:
        return f"no file ({error}):\n{view.fault}"
    return str(log)


def _examined(paths: LabPaths, env: Mapping[str, str]) -> list[Check]:
    from agentcore.project.checkup import examine  # here: it looks for libraries that the first paint need not wait for

    return examine(paths, env)
