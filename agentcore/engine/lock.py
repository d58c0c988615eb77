"""How is there one engine for a lab, however many are started? By a lock that the kernel lets go of."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class EngineRunning(Exception):
    """Another engine holds this lab."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lab's lock. The kernel lets go of it however the process dies. Raises EngineRunning."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineRunning(
                f"another engine (process {_holder(path)}) runs this lab; stop it: nightlab stop"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def _holder(path: Path) -> str:
    return path.read_text(encoding="utf-8") or "unknown"
