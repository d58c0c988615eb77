"""How is one run done, whoever watches?

``python -m worktrees.shim RUN_DIR`` owns the processes of one run: it starts each stage, bounds its time and output,
ends every process that a stage leaves behind, and writes result.json exactly once. Agents' code runs in rooms whose
walls were tried a moment before. The shim needs nobody: the engine may die and another may come, they meet only in the
run's folder. SIGTERM cancels the run. A second shim on the same folder, or one on a run that has its result, exits at
once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from worktrees import memory, metrics, processes, rooms, runs, sandbox
from worktrees.endings import Ended, judge, read_guard, read_printed, read_score
from worktrees.runs import RunFolder, RunResult, RunSpec, RunStatus, Stage

TICK_S = 0.2
"""How often the limits are looked at."""
GRACE_S = 2.0
"""Between SIGTERM and SIGKILL when a run is stopped."""
LEFTOVER_GRACE_S = 0.5
"""The same for what a stage leaves running. Not zero: Python's resource tracker frees shared memory only now."""
LOG_LIMIT_BYTES = 64 << 20
"""What one stage may print."""
RESERVE_BYTES = 64 << 10
"""Disk space kept for the result, should the training have filled the disk."""
RETRY_S = 1.0
ENV = "/usr/bin/env"
NICENESS = 10
"""So that the terminal and the agents stay quick while every core trains."""

_LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_CANCEL = frozenset({signal.SIGTERM, signal.SIGINT})
_WATCHED = _CANCEL | {signal.SIGCHLD}


class Shim:
    """One run in progress."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.family = processes.Family()
        self.boot_id = processes.boot_id()
        self.log = -1
        """One descriptor for all stages: a stage cannot put another file in its place."""
        self.started = time.time()
        self.stage_s: dict[str, float] = {}
        self.stage_cpu_s: dict[str, float] = {}
        self.score: float | None = None
        self.holdout: float | None = None
        self.self_reported = False
        self.guards: dict[str, float] = {}
        self.extra: dict[str, Any] = {}
        self.walls, self.checks = "", 0

    def run(self) -> RunResult:
        """Do all stages and return how they ended. Nothing of them runs any more."""
        is_cuda = False
        try:
            self._prepare()
            spec = self._read_spec()
            is_cuda, self.walls = spec.slot.kind == "cuda", spec.walls.backend
            _settle(spec, self.folder.checkout)
            for stage in spec.stages:
                self._do(stage, spec)
            end = Ended("ok", exit_code=0)
        except Ended as ended:
            end = ended
            self.score, self.holdout, self.guards = None, None, {}
        finally:
            self.family.end(grace_s=0)
            shutil.rmtree(self.folder.scratch, ignore_errors=True)
        return self._result(end, is_cuda)

    def write(self, result: RunResult) -> None:
        """Write the result, however long the disk stays full."""
        _insist(lambda: runs.write_json(self.folder.result, result), self.folder)
        self.folder.reserve.unlink(missing_ok=True)

    def _prepare(self) -> None:
        """Say on disk who runs this before anything runs, and set aside what the result will need."""

        def prepare() -> None:
            self._say("start")
            for folder in (self.folder.out, self.folder.scores, self.folder.scratch):
                folder.mkdir(exist_ok=True)
            self.log = os.open(self.folder.log, _LOG_FLAGS, 0o644)

        _insist(prepare, self.folder)
        try:
            self.folder.reserve.write_bytes(bytes(RESERVE_BYTES))
        except OSError as error:  # then the result will wait for space, if need be
            _note(f"no disk space set aside: {error}")

    def _read_spec(self) -> RunSpec:
        try:
            spec = self.folder.read_spec()
        except (OSError, msgspec.MsgspecError) as error:
            raise Ended("crash", f"spec.json cannot be read: {error}") from error
        if spec is None or not self.folder.checkout.is_dir():
            raise Ended("crash", "the run's folder holds no spec.json or no checkout")
        return spec

    def _say(self, stage: str, pid: int = 0) -> None:
        mine, its = processes.stat(os.getpid()), processes.stat(pid)
        runs.write_json(
            self.folder.status,
            RunStatus(
                pid=os.getpid(),
                start_ticks=mine.start_ticks if mine else 0,
                boot_id=self.boot_id,
                stage=stage,
                stage_started=time.time(),
                stage_pid=pid,
                stage_ticks=its.start_ticks if its else 0,
            ),
        )

    def _do(self, stage: Stage, spec: RunSpec) -> None:
        """Run one stage to its end; raise Ended unless it went well. Afterwards none of its processes is left."""
        if signal.sigtimedwait(_CANCEL, 0) is not None:
            raise Ended("cancelled", f"cancelled before {stage.name}")
        for score in (self.folder.score, self.folder.holdout):
            _forget(score)  # only what its own stage writes is a score: an earlier one could forge it
        began, cpu_s = time.monotonic(), self.family.cpu_s
        start = self._log_size()
        try:
            code = self._watch(stage, spec, start + LOG_LIMIT_BYTES)
            judge(stage, code, self.folder.log, start)
            if stage.name == "train":
                self._read_printed(spec, start)
            elif stage.name == "evaluate":
                self.score, self.extra = read_score(self.folder.score)
                written = {name: each.key for name, each in spec.guards.items() if not each.pattern}
                self.guards |= {name: read_guard(self.extra, key, name) for name, key in written.items()}
            elif stage.name == "holdout":
                self.holdout = read_score(self.folder.holdout)[0]
        finally:
            self.stage_s[stage.name] = time.monotonic() - began
            self.stage_cpu_s[stage.name] = self.family.cpu_s - cpu_s

    def _read_printed(self, spec: RunSpec, start: int) -> None:
        """Take what the training said of itself; raise Ended where a number is missing."""
        log = self.folder.log
        if spec.printed:
            self.self_reported = True
            self.score = read_printed(log, spec.printed, "score", start)
        said = {name: each.pattern for name, each in spec.guards.items() if each.pattern}
        self.guards |= {name: read_printed(log, pattern, f"guard {name}", start) for name, pattern in said.items()}

    def _watch(self, stage: Stage, spec: RunSpec, log_limit: int) -> int:
        """Start the stage, wait for it within its limits, end its leftovers and return its exit code."""
        grace_s = GRACE_S
        try:
            pid = self._start(stage, spec)
            code = self._wait(stage, pid, log_limit, spec.walls.memory_mb)
            grace_s = LEFTOVER_GRACE_S
        finally:
            is_empty = self.family.end(grace_s)
            if self._log_size() > log_limit:
                os.ftruncate(self.log, log_limit)
        if not is_empty:
            raise Ended("crash", f"{stage.name} left a process that SIGKILL does not end", code)
        return code

    def _start(self, stage: Stage, spec: RunSpec) -> int:
        environment = {**stage.env, processes.TAG: str(self.folder.path)}
        try:
            argv = [sandbox.find(stage.argv[0], environment.get("PATH", os.defpath)), *stage.argv[1:]]
        except OSError as error:
            raise Ended("crash", f"{stage.name} cannot start: {error}") from error
        try:
            policy, using = rooms.of_stage(self.folder, spec, stage), spec.walls.backend
            self.checks += len(rooms.enter(policy, using, spec.walls.absent, str(self.folder.path)))
            if stage.is_trusted:
                private = rooms.private_folder(self.folder, spec)
                own = [f"{name}={private}" for name in ("HOME", "TMPDIR")]
                environment[runs.ROOM] = json.dumps(sandbox.wrap([ENV, *own], policy, using))
            else:
                argv = sandbox.wrap(argv, policy, using)
        except (rooms.Breach, sandbox.Uncontained, OSError, ValueError) as error:
            raise Ended("breach", f"before {stage.name}: {error}") from error
        try:
            pid = _spawn(argv, environment, self.log)
        except OSError as error:
            raise Ended("crash", f"{stage.name} cannot start: {error}") from error
        try:
            self._say(stage.name, pid)
        except OSError as error:  # a full disk: views see the stage before, and the tag still names the processes
            _note(f"status.json not written: {error}")
        return pid

    def _wait(self, stage: Stage, pid: int, log_limit: int, memory_mb: float) -> int:
        deadline = time.monotonic() + stage.wall_s
        is_polite = False
        while True:
            codes = self.family.reap()
            if self._log_size() > log_limit:
                raise Ended("crash", f"{stage.name} printed more than {LOG_LIMIT_BYTES >> 20} MiB")
            if pid in codes:
                return codes[pid]
            held_mb = memory.held_mb(processes.descendants(os.getpid()), memory_mb) if memory_mb else 0.0
            if held_mb > memory_mb:
                raise Ended("crash", f"{stage.name} held {held_mb:.0f} MiB of memory, its limit is {memory_mb:.0f} MiB")
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise Ended("timeout", f"{stage.name} passed its limit of {stage.wall_s:g} s")
            is_polite = is_polite or processes.lower_priority(pid)
            received = signal.sigtimedwait(_WATCHED, min(TICK_S, left_s))
            if received is not None and received.si_signo in _CANCEL:
                raise Ended("cancelled", f"cancelled during {stage.name}")

    def _log_size(self) -> int:
        return os.fstat(self.log).st_size

    def _result(self, end: Ended, is_cuda: bool) -> RunResult:
        point = metrics.last_point(self.folder.metrics) if is_cuda else None
        device_mb = point.peak_mb if point else None
        return RunResult(
            ending=end.ending,
            score=self.score,
            reason=end.reason,
            exit_code=end.exit_code,
            started=self.started,
            ended=time.time(),
            stage_s=self.stage_s,
            stage_cpu_s=self.stage_cpu_s,
            peak_mb=self.family.peak_mb if device_mb is None else device_mb,
            extra=self.extra,
            holdout=self.holdout,
            walls=self.walls,
            checks=self.checks,
            self_reported=self.self_reported,
            guards=self.guards,
        )


def _settle(spec: RunSpec, checkout: Path) -> None:
    """Go to the checkout, to the slot's cores and down in priority; the stages inherit all three."""
    os.chdir(checkout)
    try:
        if spec.slot.cores:
            os.sched_setaffinity(0, spec.slot.cores)
    except OSError as error:
        raise Ended("crash", f"{spec.slot.name}: cores {list(spec.slot.cores)} cannot be used: {error}") from error
    os.nice(NICENESS)


def _spawn(argv: list[str], environment: dict[str, str], log: int) -> int:
    """Start a command in its own session with the log as its output; raises OSError where it cannot be started."""
    return os.posix_spawn(
        argv[0],
        argv,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
        ],
        setsid=True,
        setsigmask=(),
        setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores both; its children should not
    )


def _forget(path: Path) -> None:
    """Remove a file that a stage may have put there, whatever it is; raises Ended where that fails."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # a folder of that name
        raise Ended("crash", f"{path.name} is in the way: {error}") from error


def _insist(action: Callable[[], None], folder: RunFolder) -> None:
    """Do it, and again every second while the disk refuses. Gives the reserve away first.

    Raises OSError only where the folder itself was removed: nobody waits for that run.
    """
    while True:
        try:
            return action()
        except OSError as error:
            if not folder.path.is_dir():
                raise
            _note(f"{error}; trying again")
            has_reserve = folder.reserve.exists()
            folder.reserve.unlink(missing_ok=True)
        time.sleep(0 if has_reserve else RETRY_S)


def _note(text: str) -> None:
    """Write a line to shim.log, our standard error."""
    try:
        os.write(2, f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n".encode())
    except OSError:
        return  # the disk that is full holds shim.log too


def main(argv: Sequence[str]) -> int:
    """Do the run in the folder `argv[1]`; 0 unless the shim itself failed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # an ignored one, inherited, would reap before we count
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    folder = RunFolder(Path(argv[1]).resolve())
    if os.getpgrp() != os.getpid():
        os.setsid()
    if processes.try_lock(folder.lock, patience_s=0.2) is None:
        _note("another shim has this run")
        return 0
    if folder.result.exists():
        return 0
    shim = Shim(folder)
    shim.write(shim.run())
    return 0


def _main() -> NoReturn:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m worktrees.shim RUN_DIR")
    sys.exit(main(sys.argv))


if __name__ == "__main__":
    _main()
