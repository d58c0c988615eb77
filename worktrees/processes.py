"""Which process is that, and which ones came from it?

A pid alone names nothing: it is reused. Pid, start ticks and boot id together do. Everything is read from Linux's /proc
by hand, because the shim starts once per run and psutil would cost it another 30 ms.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TAG = "NIGHTLAB_RUN_DIR"
"""Environment variable that every process of a run carries: finds those whose shim was killed."""

KILL_LIMIT_S = 30.0
"""A process that SIGKILL has not ended by then waits inside the kernel (a dead disk, a lost GPU)."""

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(frozen=True)
class ProcessStat:
    """What /proc/PID/stat says about a process that is not a zombie."""

    pid: int
    parent: int
    session: int
    start_ticks: int
    """Clock ticks between boot and the start of the process."""


def stat(pid: int) -> ProcessStat | None:
    """Return the process `pid`, or None where it is gone or dead.

    A zombie is dead: where process 1 does not reap (containers), one stays for ever.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(b")") + 2 :].split()  # the name may hold spaces and parentheses
    if fields[0] in (b"Z", b"X"):
        return None
    return ProcessStat(pid=pid, parent=int(fields[1]), session=int(fields[3]), start_ticks=int(fields[19]))


def boot_id() -> str:
    """Return the kernel's name for the time since the last boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_alive(pid: int, start_ticks: int, boot: str) -> bool:
    """Tell whether exactly that process still runs: not a later one with its pid, not one of before a reboot."""
    found = stat(pid)
    return found is not None and found.start_ticks == start_ticks and boot == boot_id()


def detach(argv: list[str], environment: Mapping[str, str], log: Path, blocked: Iterable[signal.Signals] = ()) -> int:
    """Start a process that outlives this one and its terminal, and return its pid.

    It has a session of its own, reads nothing, and appends what it prints to `log`; `blocked` signals wait until it
    asks for them.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        return os.posix_spawn(
            argv[0],
            argv,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, descriptor, 1),
                (os.POSIX_SPAWN_DUP2, descriptor, 2),
            ],
            setsid=True,
            setsigmask=set(blocked),
        )
    finally:
        os.close(descriptor)


def has_ended(child: int) -> bool:
    """Tell whether a child of this process has ended, and collect it if so."""
    try:
        return os.waitpid(child, os.WNOHANG)[0] != 0
    except ChildProcessError:  # collected by another thread
        return True


def every() -> Iterator[ProcessStat]:
    """Yield every living process that this one can see."""
    for name in os.listdir("/proc"):
        if name.isdecimal() and (found := stat(int(name))) is not None:
            yield found


def descendants(pid: int) -> list[int]:
    """Return the pids of the children of `pid`, of their children and so on; `pid` itself is not among them.

    The kernel may skip one while another exits: to prove that none is left, ask wait() in a subreaper.
    """
    found: list[int] = []
    pending = [pid]
    while pending:
        children = _children(pending.pop())
        found += children
        pending += children
    return found


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return []
    children: list[int] = []
    for thread in threads:
        try:
            children += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split())
        except ProcessLookupError:
            continue
        except FileNotFoundError:
            if Path("/proc/self/task", str(os.getpid()), "children").exists():
                continue  # that thread has ended
            return [process.pid for process in every() if process.parent == pid]  # a kernel without this file
    return children


def tagged(value: str) -> list[int]:
    """Return the living processes whose environment at start had `TAG` set to `value`, except this one.

    Reads /proc/*/environ: about 0.1 ms per process. Those of other users cannot be read and do not count.
    """
    wanted = f"{TAG}={value}".encode()
    found = []
    for process in every():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue
        if process.pid != os.getpid() and wanted in environment.split(b"\0"):
            found.append(process.pid)
    return found


def in_session(leader: int, leader_ticks: int) -> list[int]:
    """Return the living processes of the session that `leader`, started at `leader_ticks`, opened.

    A number that a session still uses is not given to a new process, so the members of a session whose leader has gone
    are its own. Where the number now names another process there are none.
    """
    found = stat(leader)
    if leader <= 0 or (found is not None and found.start_ticks != leader_ticks):
        return []
    return [one.pid for one in every() if one.session == leader and one.start_ticks >= leader_ticks]


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to those of `pids` that still exist."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def lower_priority(session_leader: int) -> bool:
    """Make a session yield to the others, as nice does inside one; True when done, False to try again.

    Kernels with autogroup (most desktops) share the CPU between sessions first, so a nice value alone changes nothing
    for the terminal next door: see sched(7). The kernel takes one such change per 0.1 s from a normal user.
    """
    try:
        Path(f"/proc/{session_leader}/autogroup").write_text("10")
    except BlockingIOError:
        return False
    except OSError:
        return True  # no autogroup here, or the process has gone: there is nothing to change
    return True


def try_lock(path: Path, patience_s: float = 0.0) -> int | None:
    """Take the lock file `path` for this process and return its descriptor, or None when another process holds it.

    The lock lasts until the descriptor is closed or the process ends, however it ends. `patience_s` outlasts a
    `is_locked` that looks at just this moment.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    end = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= end:
                os.close(descriptor)
                return None
        time.sleep(0.01)


def is_locked(path: Path, *, is_shared: bool = False) -> bool:
    """Tell whether a process holds the lock file `path`, or, where it `is_shared`, whether anybody shares it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if is_shared else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class Family:
    """Every descendant of this process, also those that made themselves daemons, and what they have used.

    This process becomes their subreaper: whoever loses its parent becomes our child, so "no child left" proves that
    nothing is left. SIGCHLD must be blocked in this process.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
        self.cpu_s = 0.0
        """CPU seconds of all that were reaped."""
        self.peak_mb = 0.0
        """Largest resident memory (MiB) of one of them."""
        self.is_empty = True

    def reap(self) -> dict[int, int]:
        """Collect those that have ended and return their exit codes by pid; a signal is a negative code."""
        codes: dict[int, int] = {}
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self.is_empty = True
                return codes
            if pid == 0:
                self.is_empty = False
                return codes
            codes[pid] = os.waitstatus_to_exitcode(status)
            self.cpu_s += usage.ru_utime + usage.ru_stime
            self.peak_mb = max(self.peak_mb, usage.ru_maxrss / 1024)

    def end(self, grace_s: float) -> bool:
        """End all: SIGTERM, then SIGKILL after `grace_s`. False when one is left after `KILL_LIMIT_S` more."""
        told: set[int] = set()
        grace_end = time.monotonic() + grace_s
        while True:
            self.reap()
            now = time.monotonic()
            if self.is_empty or now > grace_end + KILL_LIMIT_S:
                return self.is_empty
            pids = set(descendants(os.getpid()))
            if now < grace_end:
                send(pids - told, signal.SIGTERM)
                told = pids
            else:
                send(pids, signal.SIGKILL)
            signal.sigtimedwait({signal.SIGCHLD}, 0.02)
