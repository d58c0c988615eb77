"""How does a run start, and what has become of it?

An executor keeps nothing that matters in memory: everything is read from the run's folder and from the processes, so an
engine that has just started knows its runs by looking at them. The local one starts a shim per run on this machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Literal, Protocol

from worktrees import processes
from worktrees.runs import RunFolder

Life = Literal["absent", "running", "ended", "lost"]
"""absent: nobody has started it. running: a shim has it. ended: there is a result. lost: a shim had it and is gone
without a result; `clear` and `submit` start it again."""


class NotReadyError(RuntimeError):
    """The run is not in a state in which that can be done."""


class Executor(Protocol):
    """Starts runs and watches over them, here or elsewhere."""

    def submit(self, folder: RunFolder) -> None:
        """Start the run whose spec and checkout lie in `folder`; nothing happens where it runs or has ended.

        Raises NotReadyError where it is lost: what its shim left must be cleared first.
        """

    def look(self, folder: RunFolder) -> Life:
        """Tell what has become of the run. Cheap enough for every run once a second."""

    def cancel(self, folder: RunFolder) -> None:
        """Ask the run to end; its result follows within seconds. Nothing happens where it does not run.

        Repeat it while `look` says running: a shim that another engine started a moment ago has no name yet.
        """

    def clear(self, folder: RunFolder) -> None:
        """End whatever a lost run left behind and make its folder ready for `submit`. The checkout stays as it is.

        Raises NotReadyError where the run is alive or has ended, or where a process of it cannot be ended.
        """


class LocalExecutor:
    """Runs on this machine, each under its own shim process that outlives this one.

    `shim`: the module that is started for each run, with its folder as the argument.
    """

    def __init__(self, shim: str = "worktrees.shim") -> None:
        self._shim = shim
        self._shims: dict[Path, int] = {}
        """Shims that this process started: their pid until they end, then 0."""

    def submit(self, folder: RunFolder) -> None:
        """Start a shim for the run in `folder`, unless it runs or has ended. Raises NotReadyError where it is lost."""
        life = self.look(folder)
        if life == "lost":
            raise NotReadyError(f"{folder.path} was lost: clear it before it is started again")
        if life == "absent":
            self._shims[folder.path] = _start_shim(folder, self._shim)

    def look(self, folder: RunFolder) -> Life:
        """Tell what has become of the run, from its files and processes; about 0.1 ms."""
        self._reap()
        if folder.read_result() is not None:
            if self._shims.get(folder.path) == 0:
                del self._shims[folder.path]
            return "ended"
        shim = self._shims.get(folder.path)
        # The lock tells, and not the status alone: in a copy of a lab a status names the original's shim, which lives.
        # A shim that another engine started a moment ago holds the lock and has no status yet.
        if shim or processes.is_locked(folder.lock):
            return "running"
        if folder.read_result() is not None:  # written between the first question and the second
            return "ended"
        has_traces = shim is not None or folder.status.exists() or folder.result.exists()  # they may be torn
        return "lost" if has_traces else "absent"

    def cancel(self, folder: RunFolder) -> None:
        """Send SIGTERM to the run's shim, if it is alive."""
        self._reap()
        if shim := self._shims.get(folder.path):
            os.kill(shim, signal.SIGTERM)  # our own child, not reaped: the pid is still its
            return
        if (status := folder.read_status()) is None or not processes.is_locked(folder.lock):
            return
        try:
            descriptor = os.pidfd_open(status.pid)
        except ProcessLookupError:
            return
        try:  # the descriptor holds the process, so it cannot be replaced between the question and the signal
            if processes.is_alive(status.pid, status.start_ticks, status.boot_id):
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        finally:
            os.close(descriptor)

    def clear(self, folder: RunFolder) -> None:
        """Kill what is left of a lost run and remove its files but spec, checkout and the old log (`log.1.txt`)."""
        life = self.look(folder)
        if life in ("running", "ended"):
            raise NotReadyError(f"{folder.path} is {life}: only a lost run can be cleared")
        lock = processes.try_lock(folder.lock)
        if lock is None:
            raise NotReadyError(f"{folder.path} has just been started: only a lost run can be cleared")
        try:
            _kill_orphans(folder)
            _remove_traces(folder)
        finally:
            os.close(lock)
        self._shims.pop(folder.path, None)

    def _reap(self) -> None:
        """Collect our shims that have ended, so that none stays a zombie."""
        for path, pid in list(self._shims.items()):
            if pid and processes.has_ended(pid):
                self._shims[path] = 0


def _start_shim(folder: RunFolder, shim: str) -> int:
    """Start a shim detached and return its pid.

    Signals that cancel are blocked from its birth: one that comes while Python starts waits until the shim listens.
    It gets no environment of ours (keys!), and -P keeps modules of the current folder from hiding ours.
    """
    return processes.detach(
        [sys.executable, "-P", "-m", shim, str(folder.path)],
        {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(Path(__file__).parents[1])},
        folder.shim_log,
        blocked=(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD),
    )


def _orphans(folder: RunFolder) -> list[int]:
    """Find the processes of a run whose shim is gone: by their environment, else by the session of the last stage.

    Not found: a process that made itself a daemon and also overwrote its environment.
    """
    pids = processes.tagged(str(folder.path.resolve()))
    status = folder.read_status()
    is_of_a_copy = status and processes.is_alive(status.pid, status.start_ticks, status.boot_id)
    if status and status.boot_id == processes.boot_id() and not is_of_a_copy:
        pids += processes.in_session(status.stage_pid, status.stage_ticks)
    return pids


def _kill_orphans(folder: RunFolder) -> None:
    end = time.monotonic() + processes.KILL_LIMIT_S
    while pids := _orphans(folder):
        if time.monotonic() > end:
            raise NotReadyError(f"processes {sorted(set(pids))} of {folder.path} could not be ended")
        processes.send(pids, signal.SIGKILL)
        time.sleep(0.01)


def _remove_traces(folder: RunFolder) -> None:
    if folder.log.exists():
        folder.log.replace(folder.old_log)
    for path in (folder.out, folder.scores, folder.scratch):
        shutil.rmtree(path, ignore_errors=True)
    for path in (folder.reserve, *folder.path.glob(".*.json.*")):
        path.unlink(missing_ok=True)
    folder.result.unlink(missing_ok=True)  # a torn one: with another there would be nothing to clear
    folder.status.unlink(missing_ok=True)  # last: while it is there the run counts as lost, and this is done again
