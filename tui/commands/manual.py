"""The command that explains the others."""

from __future__ import annotations

import pydoc
import shutil
from argparse import Namespace

from tui import cli
from tui.commands.view import is_terminal
from tui.exits import OK


def explain(arguments: Namespace) -> int:
    """Print the commands by their groups, or all of one; what is longer than the terminal goes through $PAGER."""
    text = cli.help_of(arguments.command)
    if is_terminal() and text.count("\n") >= shutil.get_terminal_size().lines:
        pydoc.pager(text)
    else:
        print(text, end="")
    return OK
