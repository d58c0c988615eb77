"""How much memory do processes hold together, and how much is there to share out?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MIB = 1 << 20
_UNLIMITED = 1 << 60
"""cgroup v1 says a number like this for no limit."""


def held_mb(pids: Iterable[int], limit_mb: float) -> float:
    """Return the memory of processes in MiB: what each holds, a shared page once where that decides.

    First pages are counted once for each process that has them (0.02 ms a process). Only where that passes `limit_mb`
    the kernel is asked for each process's share of them (1 ms per GiB), which it tells of processes that may be looked
    into; data-loader workers share nearly all with their parent.
    """
    pids = list(pids)
    resident = sum(map(_resident_mb, pids))
    return resident if resident <= limit_mb else sum(map(_share_mb, pids))


def total_mb() -> float:
    """Return the memory of this machine, or of the container that we are in, in MiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    found = [int(lines[0].split()[1]) / 1024]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        if text.isdecimal() and int(text) < _UNLIMITED:
            found.append(int(text) / _MIB)
    return min(found)


def _resident_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE_BYTES / _MIB
    except (OSError, IndexError):  # it has ended
        return 0.0


def _share_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # closed to us, or it has ended
        return _resident_mb(pid)
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
