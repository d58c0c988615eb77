"""Which lab is meant?"""

from __future__ import annotations

import os
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
