"""Run the engine of a lab as a process of its own: ``python -m agentcore LAB``. `nightlab start` does exactly this."""

from __future__ import annotations

import sys
from pathlib import Path

from agentcore.engine.launch import BARE, run_engine
from worktrees.layout import LabPaths

if __name__ == "__main__":
    sys.exit(run_engine(LabPaths(Path(sys.argv[1])), bare=BARE in sys.argv[2:]))
