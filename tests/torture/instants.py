"""When exactly does a process write? The kernel says so at once (inotify), so a kill can fall into the middle of it."""

from __future__ import annotations

import ctypes
import os
import select
import time
from collections.abc import Iterable
from pathlib import Path

_MODIFY, _MOVED_TO, _CREATE = 0x2, 0x80, 0x100
_HEADER = 16


def await_write(folders: Iterable[Path], beginning: str, patience_s: float) -> bool:
    """Wait until a file whose name begins so is made, changed or renamed in one of the folders; False if none is."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1 failed")
    try:
        for folder in folders:
            libc.inotify_add_watch(descriptor, os.fsencode(folder), _MODIFY | _MOVED_TO | _CREATE)
        end = time.monotonic() + patience_s
        while (left := end - time.monotonic()) > 0:
            if not select.select([descriptor], [], [], left)[0]:
                return False
            if any(name.startswith(beginning) for name in _names(os.read(descriptor, 1 << 16))):
                return True
        return False
    finally:
        os.close(descriptor)


def _names(data: bytes) -> Iterable[str]:
    """Yield the file names of a piece of inotify's stream, see inotify(7)."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at + 12 : at + _HEADER], "little")
        yield data[at + _HEADER : at + _HEADER + length].rstrip(b"\0").decode()
        at += _HEADER + length
