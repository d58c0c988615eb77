"""What is read for the screens beside the journal? Changes, logs, curves, transcripts, the report.

All of it in threads, and each paints the screen again when it has come.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from agentcore.away.absence import began
from agentcore.queue.effects import ends
from agentcore.results.curve import newest_run, rival
from tui.curves import Curves
from tui.live import AgentSteps, Changes, LiveDiff, RunLog
from tui.screens.change import base_of

if TYPE_CHECKING:
    from agentcore.report import Report
    from tui.view import View
    from worktrees.diff import Diff


class Reading:
    """What has been read for one view."""

    def __init__(self, view: View) -> None:
        self.live = LiveDiff(view.follower.observer, view.paint)
        self.run_log = RunLog(view.paint)
        self.steps = AgentSteps(view.paint)
        self.curves = Curves(view.paint)
        self.report: Report | None = None
        """What happened since somebody was here last; None until it was looked up."""
        self._view = view
        self._changes = Changes(view.paths.root, view.paint, view.run_worker)
        self._runs: tuple[int | None, int | None] = (None, None)
        self._runs_of = (-1, "")
        """The state, by its number, and the worktree that these are of: to look for them goes through all runs."""

    def start(self) -> None:
        """Keep what is followed current from now on."""
        self._view.run_worker(self.live.run(), name="live diff")
        self._view.run_worker(self.run_log.run(), name="run log")
        self._view.run_worker(self.steps.run(), name="agent steps")
        self._view.run_worker(self.curves.run(), name="curves")

    def want_diff(self) -> None:
        """Follow the selected worktree's change against the base that is chosen."""
        state = self._view.scene.state
        worktree = state.worktrees.get(self._view.selected)
        if worktree:
            self.live.want(worktree.name, base_of(state, worktree, self._view.base)[0])

    def follow_files(self) -> None:
        """Keep the log of the selected worktree's current or last run in view, and its agent's newest transcript."""
        paths, selected = self._view.paths, self._view.selected
        worktree = self._view.scene.state.worktrees.get(selected)
        asked = worktree.asked if worktree else 0
        self.steps.follow(paths.transcript(selected, asked) if asked else None, selected)
        number = self.shown_run
        path = paths.run(number).log if number is not None else None
        self.run_log.follow(path, f"of run {number}" if number is not None else "")
        other = self.rival
        self.curves.follow(
            paths.run(number).metrics if number is not None else None,
            paths.run(other).metrics if other is not None else None,
        )

    def log_of(self, worktree: str) -> Path | None:
        """Return the log of a worktree's current or last run."""
        number = newest_run(self._view.scene.state, worktree)
        return self._view.paths.run(number).log if number is not None else None

    @property
    def shown_run(self) -> int | None:
        """The run that is shown of the selected worktree: what its slot does, else its newest."""
        return self._shown_runs()[0]

    @property
    def rival(self) -> int | None:
        """The run of trunk that the shown run is compared with."""
        return self._shown_runs()[1]

    def change_of(self, experiment: int) -> Diff | None:
        """Return a candidate's change; None until a thread has read it, and then the screen is painted again."""
        return self._changes.get(*ends(self._view.scene.state, experiment))

    def change_between(self, old: str, new: str) -> Diff | None:
        """Return the change between two commits or trees; None until a thread has read it."""
        return self._changes.get(old, new)

    def change_of_commit(self, commit: str) -> Diff | None:
        """Return what a commit changed against its parent; None until a thread has read it."""
        return self._changes.get("", commit)

    def look_up_report(self) -> None:
        """Answer the report's questions in a thread, and paint them."""
        self._view.run_worker(self._look_up_report(), exclusive=True, group="report")

    @property
    def is_settled(self) -> bool:
        """True when nothing that the screen shows is still being read."""
        view = self._view
        is_read = not self._changes.loading and self.live.of[0] == (view.selected if view.scene.overview.rows else "")
        is_told = self.report is not None or view.front is None or view.front.NAME != "report"
        return is_read and is_told and all(each.is_current for each in (self.run_log, self.steps, self.curves))

    def _shown_runs(self) -> tuple[int | None, int | None]:
        state, selected = self._view.scene.state, self._view.selected
        if (state.seq, selected) != self._runs_of:
            run = newest_run(state, selected)
            other = rival(state, run) if run is not None else None
            self._runs_of, self._runs = (state.seq, selected), (run, other.number if other else None)
        return self._runs

    async def _look_up_report(self) -> None:
        scene = self._view.scene
        since = began(scene.state, self._view.presence.left_at, scene.now)
        observer = self._view.follower.observer
        self.report = await asyncio.to_thread(observer.report, scene.state, scene.overview, since)
        self._view.paint()
