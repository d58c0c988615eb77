"""Does somebody watch this lab just now? A view holds a lock while it is open, and the kernel lets go of it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worktrees import processes


@contextmanager
def watching(lock: Path) -> Iterator[None]:
    """Be somebody who watches. Several may at a time."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def is_watched(lock: Path) -> bool:
    """Tell whether a view is open, from its lock."""
    return processes.is_locked(lock, is_shared=True)
