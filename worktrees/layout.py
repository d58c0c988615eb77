"""Where does a lab keep its files?

The researcher's repository is the lab; everything that the lab makes lies in `.lab/`, which git ignores.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from worktrees.runs import RunFolder


class LabPaths:
    """The files and folders of the lab at `root`, by name. Nothing is created by asking."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.config = self.root / "lab.toml"
        self.program = self.root / "program.md"
        self.directions = self.root / "directions"
        self.dot = self.root / ".lab"
        self.journal = self.dot / "journal.sqlite"
        self.state = self.dot / "state"
        self.socket = self.dot / "engine.sock"
        self.lock = self.dot / "engine.lock"
        self.log = self.dot / "engine.log"
        self.reserve = self.dot / ".reserve"
        self.watchers = self.dot / "watchers.lock"
        self.devices = self.dot / "devices.json"
        self.scenario = self.dot / "scenario.json"
        self.clipboard = self.dot / "clipboard"
        self.exports = self.dot / "exports"
        self.reports = self.dot / "reports"
        self.hints = self.dot / "hints"
        self.absence = self.dot / "absence"
        self.data = self.dot / "data"
        self.worktrees = self.dot / "worktrees"
        self.trash = self.dot / "trash"
        self.scratch = self.dot / "scratch"
        self.transcripts = self.dot / "transcripts"
        self.prompts = self.root / "prompts"
        self.runs = self.dot / "runs"

    def size_mb(self) -> float:
        """Return what `.lab` holds on the disk, in mebibytes; a file that vanishes meanwhile counts nothing."""
        blocks = 0
        for folder, _, names in os.walk(self.dot):
            for name in names:
                with suppress(FileNotFoundError):
                    blocks += os.lstat(os.path.join(folder, name)).st_blocks
        return blocks * 512 / 2**20

    def worktree(self, name: str) -> Path:
        """Return the checkout that the agent of worktree `name` edits."""
        return self.worktrees / name

    def scratch_of(self, name: str) -> Path:
        """Return the folder for what the agent of worktree `name` prints and tries out: emptied with each proposal."""
        return self.scratch / name

    def transcript(self, name: str, number: int) -> Path:
        """Return the file that tells how the agent of worktree `name` came to its `number`-th answer."""
        return self.transcripts / name / f"{number:06d}.jsonl"

    def run(self, number: int) -> RunFolder:
        """Return the folder of run `number`."""
        return _run(self.runs, number)


@lru_cache(maxsize=1024)
def _run(runs: Path, number: int) -> RunFolder:
    """Every run in progress is looked at several times a second, and joining its paths costs more than the look."""
    return RunFolder(runs / f"{number:06d}")


def find(start: Path) -> LabPaths | None:
    """Return the lab that `start` lies in (the nearest folder upwards that holds a lab.toml), or None."""
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / "lab.toml").is_file():
            return LabPaths(folder)
    return None
