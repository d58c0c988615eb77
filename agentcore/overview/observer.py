"""How does a view see a lab? By reading: the journal, the runs' files, the worktrees. It needs no engine to look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from agentcore.away import absence
from agentcore.away.presence import last_key
from agentcore.events import Entry
from agentcore.fold import fold
from agentcore.journal import snapshot
from agentcore.journal.rows import Reader
from agentcore.overview import Live, Overview, overview
from agentcore.state import LabState
from worktrees.devices import DeviceSample
from worktrees.layout import LabPaths
from worktrees.metrics import last_point
from worktrees.processes import is_alive

if TYPE_CHECKING:
    from agentcore.report import Report
    from worktrees.diff import Diff
    from worktrees.project import Sources


PORTION = 1000
"""Entries of a long journal that are in memory at the same time."""


class Observer:
    """A follower of one lab. It touches only small files: each method may be called once a second on the view's loop,
    `diff_of` (up to 20 ms) from a thread.
    """

    label = ""
    """What stands before the lab's name where it is no lab of now."""

    def __init__(self, paths: LabPaths) -> None:
        self.paths = paths
        self.state = LabState()
        self._reader = Reader(paths.journal)

    def refresh(self) -> bool:
        """Fold what the journal has gained; True where something was new. Raises JournalError."""
        looked, portion = self.state.seq, list[Entry]()
        if looked == 0:
            self.state = snapshot.load(self.paths.state, self._reader)
        before = self.state.seq
        try:
            for entry in self._reader.after(before):
                portion.append(entry)
                if len(portion) == PORTION:
                    self.state, portion = fold(portion, self.state), []
        finally:  # what comes before a damage is as true as ever
            self.state = fold(portion, self.state)
        if self.state.seq - before >= snapshot.WORTH:
            snapshot.save(self.paths.state, self._reader, self.state)
        return self.state.seq != looked

    def live(self) -> Live:
        """Read the telemetry and each active run's stage and newest metrics."""
        stages, points = {}, {}
        for number in self.state.active:
            folder = self.paths.run(number)
            if status := folder.read_status():
                stages[number] = status.stage
            if point := last_point(folder.metrics):
                points[number] = point
        return Live(self._devices(), stages, points, self.engine_alive())

    def overview(self, now: float) -> Overview:
        """Return the first screen as data."""
        return overview(self.state, self.live(), now)

    def engine_alive(self) -> bool:
        """True while the engine that the journal names is a living process of this boot."""
        engine = self.state.engine
        return engine is not None and is_alive(engine.pid, engine.start_ticks, engine.boot_id)

    def diff_of(self, worktree: str, base: str = "") -> Diff:
        """Return what the agent's checkout changes, live: against `base`, else the commit that it stands on."""
        from worktrees import diff  # here: pygit2 costs 0.1 s, which the first paint need not wait for

        return diff.of_worktree(self.paths.worktree(worktree), base or self.state.worktrees[worktree].base)

    def sources(self) -> Sources | None:
        """Return which files may be changed; None where lab.toml cannot be read. For a thread, as `diff_of`."""
        from worktrees.project import ProjectError, load

        try:
            return load(self.paths.config).project
        except (ProjectError, OSError):
            return None

    def report(self, state: LabState, scene: Overview, since: float) -> Report:
        """Answer the report's questions about the time since `since`. To be called from a thread: up to a second in a
        lab of thousands of experiments. Raises JournalError.
        """
        from agentcore.report import TOLD, report  # here: only a person who asks for it needs it

        reader = Reader(self.paths.journal)
        try:
            happened = (entry for entry in reader.of(TOLD) if entry.seq <= state.seq)
            return report(state, scene, happened, since, disk_mb=self.paths.size_mb())
        finally:
            reader.close()

    def entries(self, since: float) -> Iterator[Entry]:
        """Yield the journal's entries from a Unix time on, as far as the state goes. Raises JournalError."""
        reader = Reader(self.paths.journal)
        try:
            yield from (entry for entry in reader.since(since) if entry.seq <= self.state.seq)
        finally:
            reader.close()

    def absent_since(self, now: float) -> float:
        """Return since when nobody was there, see away/absence.py."""
        key = last_key(self.paths.watchers)
        return absence.began(self.state, key if key is not None and now - key >= absence.ABSENT_S else None, now)

    def _devices(self) -> dict[str, DeviceSample]:
        try:
            samples = msgspec.json.decode(self.paths.devices.read_bytes(), type=list[DeviceSample])
        except (FileNotFoundError, msgspec.DecodeError):  # no engine has sampled yet
            return {}
        return {sample.slot: sample for sample in samples}
