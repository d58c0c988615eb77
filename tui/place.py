"""Which lab is meant, and how is it called here?"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from tui.exits import NO_LAB, Ending
from worktrees.layout import LabPaths, find


def find_lab(named: str | None) -> LabPaths:
    """Return the lab at `named`, at $NIGHTLAB_DIR, or around the current folder. Raises Ending where there is none."""
    start = Path(named or os.environ.get("NIGHTLAB_DIR") or ".")
    paths = find(start)
    if paths is None:
        raise Ending(NO_LAB, f"no lab at {start.absolute()} or above it: nightlab demo, or nightlab init DIR")
    return paths


def typed(paths: LabPaths, command: str = "") -> str:
    """Return what to type here for a command on this lab: `nightlab stop`, with `--lab` where another folder is meant.

    `make demo` puts no nightlab on the path, and makes a lab that is not around the folder it is typed in.
    """
    here = find(Path(os.environ.get("NIGHTLAB_DIR") or "."))
    other = here is None or here.root.resolve() != paths.root.resolve()
    where = f" --lab {shlex.quote(str(paths.root.absolute()))}" if other else ""
    return f"{_program()} {command}".rstrip() + where


def _program() -> str:
    """Return `nightlab`, or the file that this is where a shell would not find it."""
    own = Path(sys.argv[0])
    return "nightlab" if own.name != "nightlab" or shutil.which("nightlab") else shlex.quote(str(own.absolute()))
