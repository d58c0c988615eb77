"""The command that opens the view. It imports little: the first paint comes half a second after the enter key."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from importlib import import_module
from threading import Thread

from agentcore.away.presence import watching
from agentcore.engine import launch
from tui.bindings import KeymapError
from tui.exits import OK, USAGE, Ending
from tui.options import ViewOptions, chosen
from tui.place import find_lab
from tui.settings import SettingsError, location
from worktrees.layout import LabPaths


def view(arguments: Namespace) -> int:
    """Open the view on this lab; start its engine where it does not run. Off a terminal print the status."""
    paths = find_lab(arguments.lab)
    if not is_terminal():
        from tui.commands import look  # `nightlab | cat` prints what `nightlab status` does

        return look.status(Namespace(lab=arguments.lab, json=False, needs_you=False))
    return open_lab(paths, arguments)


def open_lab(paths: LabPaths, arguments: Namespace, *, starts: bool = True) -> int:
    """Start the lab's engine, unless it is only looked at, and show the view where there is a terminal.

    `starts`: False for a lab that is shown as it is without an engine.
    """
    if not is_terminal():
        if starts and not arguments.readonly:
            start_engine(paths, bare=arguments.no_sandbox)
        print(f"No terminal here, so no view: the lab at {paths.root} is running.  nightlab status, nightlab stop")
        return OK
    options = view_options(arguments)  # before anything is started: what cannot be shown need not run
    with watching(paths.watchers):
        if starts and not options.readonly:
            toolkit = Thread(target=import_module, args=["tui.app"])  # it is read while the engine wakes
            toolkit.start()
            start_engine(paths, bare=arguments.no_sandbox)
            toolkit.join()
        from tui.app import open_view  # here: the toolkit is for the view alone

        return open_view(paths, options=options)


def view_options(arguments: Namespace) -> ViewOptions:
    """Return what was chosen about the view. Raises Ending where that, or this terminal, cannot be used."""
    from tui.commands.taste import own_settings
    from tui.theme import choose

    try:
        options = chosen(arguments, os.environ, own_settings())
        choose(options.theme, env=os.environ, ascii_only=options.ascii)
    except KeymapError as error:
        raise Ending(USAGE, f"{location(os.environ)} [keys]: {error}") from error
    except (SettingsError, ValueError) as error:
        raise Ending(USAGE, str(error)) from error
    return options


def start_engine(paths: LabPaths, *, bare: bool) -> int:
    """Start the lab's engine in the background and return its pid. Raises Ending with its last words.

    `bare`: without a sandbox.
    """
    try:
        return launch.start(paths, bare=bare)
    except launch.StartError as error:
        raise Ending(error.code, str(error)) from error


def is_terminal() -> bool:
    """Return True where a person looks and types."""
    return sys.stdout.isatty() and sys.stdin.isatty()
