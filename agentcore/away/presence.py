"""Does somebody watch this lab just now, and when did they last press a key?

A view holds a lock while it is open, and the kernel lets go of it. The lock's file carries the time of the last key, so
that a view which is opened in the morning knows when the one of the evening was left. An absence of which nobody has
read the report yet lies in a file of its own: the line may drop between the first key and that.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worktrees import processes


@contextmanager
def watching(lock: Path) -> Iterator[None]:
    """Be somebody who watches. Several may at a time."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    is_new = not lock.exists()
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if is_new:
            touch(lock, 0.0)
        yield
    finally:
        os.close(descriptor)


def is_watched(lock: Path) -> bool:
    """Tell whether a view is open, from its lock."""
    return processes.is_locked(lock, is_shared=True)


def touch(lock: Path, now: float) -> None:
    """Remember that a key was pressed; where that cannot be written, the view's own memory has to do."""
    try:
        os.utime(lock, (now, now))
    except OSError:
        return


def last_key(lock: Path) -> float | None:
    """Return when a key was last pressed in any view, Unix time; None where none was."""
    try:
        return lock.stat().st_mtime or None
    except FileNotFoundError:
        return None


def remember(file: Path, began: float, ended: float) -> None:
    """Keep an absence until its report was read; where it cannot be written, the view's own memory has to do."""
    try:
        file.write_text(json.dumps([began, ended]), encoding="utf-8")
    except OSError:
        return


def unread(file: Path) -> tuple[float, float] | None:
    """Return when the absence began and ended of which nobody has read the report; None where there is none."""
    try:
        began, ended = json.loads(file.read_text(encoding="utf-8"))
        return float(began), float(ended)
    except (OSError, ValueError, TypeError):
        return None


def forget(file: Path) -> None:
    """Its report was read."""
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return
