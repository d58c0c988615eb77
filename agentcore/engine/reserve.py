"""How can a lab write down that its disk is full? By a file that takes room until then.

It is removed when the journal is refused a row: then there is room for what the runs in progress and the engine have
yet to say, some hundred rows. Nothing new starts before it lies there again, so it also tells when there is room.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from agentcore.journal.rows import Unwritable

BYTES = 4 << 20

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What a disk says that takes nothing just now."""


def is_full(error: Unwritable | OSError) -> bool:
    """Tell whether something failed for want of room alone."""
    return isinstance(error, Unwritable) or error.errno in FULL


class Reserve:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def hold(self) -> bool:
        """Set the room aside where it is not so already; False where the disk has no more than what it needs.

        One that was given back needs as much again beside it: else what failed for want of room would fail at once.
        """
        if not os.access(self._path.parent, os.W_OK):  # read-only by now
            return False
        is_held = self._path.is_file() and self._path.stat().st_size == BYTES
        if shutil.disk_usage(self._path.parent).free < (BYTES if is_held else 2 * BYTES):
            return False
        try:
            if not is_held:
                self._path.write_bytes(bytes(BYTES))
        except OSError:  # a quota, or read-only
            self.free()
            return False
        return True

    def free(self) -> bool:
        """Give the room back; True where there was some."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
