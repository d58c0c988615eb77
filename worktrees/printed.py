"""What has a run printed so far, line by line, as a terminal would have left it?

A line that redraws itself (a carriage return) is one line that changes, however often: a run of an hour is still what
it said once, and its newest step. The training writes the file, so that nothing in it is trusted.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from worktrees.metrics import open_plain
from worktrees.text import coloured

_CHUNK_BYTES = 4 << 20
_FIRST_BYTES = 8 << 20
"""Of a log that is longer when it is opened, only so much is read."""

_ROW_BYTES = 64 << 10
"""What is kept of a line while it has no end."""


class Printed:
    """The last lines of a log as it grows. Lines keep the escape sequences of their colours, and no others."""

    def __init__(self, path: Path, lines: int, width: int) -> None:
        self.path = path
        self.dropped = 0
        """Lines that came before those that are kept."""
        self._width = width
        self._rows: deque[str] = deque(maxlen=lines)
        self._open = b""
        """The line that has no end yet, from its last carriage return on."""
        self._offset: int | None = None
        self._inode = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines; the last one may still change."""
        return (*self._rows, *([shown] if (shown := self._shown(self._open)) else []))

    def read(self) -> bool:
        """Take in what was printed since the last call, at most 4 MiB; True where there was something.

        A file that became shorter or was replaced is read from its start.
        """
        file = open_plain(self.path)
        if file is None:
            return False
        with file:
            state = os.fstat(file.fileno())
            if self._offset is None or state.st_ino != self._inode or state.st_size < self._offset:
                self._start(state)
            file.seek(self._offset or 0)
            chunk = file.read(_CHUNK_BYTES)
        self._offset = (self._offset or 0) + len(chunk)
        *rows, last = (self._open + chunk).split(b"\n")
        kept = self._rows.maxlen or 0
        self.dropped += max(0, len(self._rows) + len(rows) - kept)
        self._rows.extend(self._shown(row) for row in rows[-kept:])
        self._open = last[_newest(last) :][:_ROW_BYTES]
        return bool(chunk)

    def _start(self, state: os.stat_result) -> None:
        self._offset, self._inode = max(0, state.st_size - _FIRST_BYTES), state.st_ino
        self.dropped, self._open = 0, b""
        self._rows.clear()

    def _shown(self, row: bytes) -> str:
        text = row[_newest(row) :].strip(b"\r").decode("utf-8", errors="replace")
        return coloured(text[: 4 * self._width])[: self._width].rstrip()


def _newest(row: bytes) -> int:
    """Return where the last text after a carriage return begins: one at the very end has replaced nothing yet."""
    return row.rstrip(b"\r").rfind(b"\r") + 1
