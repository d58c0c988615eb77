"""What has a run measured and printed so far?

Both files are written by the training, so nothing in them is trusted: they may be missing, torn, endless, full of
terminal escapes, or no plain file at all. Reading never blocks and never takes more than a bounded part.
"""

from __future__ import annotations

import json
import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from worktrees.text import printable

_CHUNK_BYTES = 4 << 20
_LAST_BYTES = 16 << 10
_LOG_BYTES = 256 << 10


@dataclass(frozen=True)
class MetricPoint:
    """One line of metrics.jsonl; None where the line has no finite number."""

    step: int | None = None
    progress: float | None = None
    """Share of the budget, 0 to 1."""
    loss: float | None = None
    tokens: int | None = None
    tokens_per_s: float | None = None
    mfu: float | None = None
    """Model FLOPs utilisation as the training states it."""
    elapsed_s: float | None = None
    peak_mb: float | None = None
    """Largest device memory so far, MiB."""


def open_plain(path: Path) -> BinaryIO | None:
    """Open `path` for reading, or return None where it is missing or anything but a plain file.

    A training could put a named pipe there, which blocks its reader, or a link to somebody else's file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb", buffering=0)


def finite(value: object) -> float | None:
    """Return `value` as a float, or None where it is no finite number (a truth value is none)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON may hold an integer of any length
        return None
    return number if math.isfinite(number) else None


def parse_object(text: bytes) -> dict[str, Any] | None:
    """Return the JSON object in `text`, or None. NaN and Infinity, which Python's json writes, are taken as numbers."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def parse_point(line: bytes) -> MetricPoint | None:
    """Return the point in one line of metrics.jsonl, or None where there is none of its fields."""
    row = parse_object(line) or {}
    step, tokens = finite(row.get("step")), finite(row.get("tokens"))
    point = MetricPoint(
        step=None if step is None else int(step),
        progress=finite(row.get("progress")),
        loss=finite(row.get("loss")),
        tokens=None if tokens is None else int(tokens),
        tokens_per_s=finite(row.get("tokens_per_s")),
        mfu=finite(row.get("mfu")),
        elapsed_s=finite(row.get("elapsed_s")),
        peak_mb=finite(row.get("peak_mb")),
    )
    return None if point == MetricPoint() else point


class Tail:
    """Reads a metrics.jsonl as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0
        """Lines so far that held no point."""
        self._offset = 0
        self._inode = 0

    def read(self) -> tuple[MetricPoint, ...]:
        """Return the points since the last call, from complete lines only, of at most 4 MiB: call again for more.

        A file that became shorter or was replaced is read from its start.
        """
        file = open_plain(self.path)
        if file is None:
            return ()
        with file:
            state = os.fstat(file.fileno())
            if state.st_ino != self._inode or state.st_size < self._offset:
                self._offset, self._inode = 0, state.st_ino
            file.seek(self._offset)
            chunk = file.read(_CHUNK_BYTES)
        end = chunk.rfind(b"\n") + 1
        if end == 0 and len(chunk) == _CHUNK_BYTES:
            end = len(chunk)  # a line without end must not stop the view for ever
        self._offset += end
        return self._parse(chunk[:end])

    def _parse(self, text: bytes) -> tuple[MetricPoint, ...]:
        lines = [line for line in text.split(b"\n") if line.strip()]
        points = tuple(point for line in lines if (point := parse_point(line)) is not None)
        self.skipped += len(lines) - len(points)
        return points


def last_point(path: Path) -> MetricPoint | None:
    """Return the newest point of a metrics.jsonl, or None. Reads the last 16 KiB only."""
    complete = _read_end(path, _LAST_BYTES).rpartition(b"\n")[0]
    for line in reversed(complete.split(b"\n")):
        if (point := parse_point(line)) is not None:
            return point
    return None


def tail_text(path: Path, lines: int, width: int, since: int = 0) -> tuple[str, ...]:
    """Return the last `lines` lines of a log, each at most `width` characters, as a terminal would have left them.

    A carriage return starts the line anew; nothing but printable text remains. Bytes before offset `since` do not
    count, and neither does what lies more than 256 KiB before the end.
    """
    text = _read_end(path, _LOG_BYTES, since).decode("utf-8", errors="replace")
    rows = text.split("\n")
    if rows[-1] == "":
        rows.pop()
    return tuple(_shown(row)[:width] for row in rows[len(rows) - min(lines, len(rows)) :])


def _shown(row: str) -> str:
    segments = [part for part in row.split("\r") if part]
    return printable(segments[-1]).rstrip() if segments else ""


def _read_end(path: Path, limit: int, since: int = 0) -> bytes:
    """Return the last `limit` bytes after offset `since`, without a first line that this cuts in two."""
    file = open_plain(path)
    if file is None:
        return b""
    with file:
        size = os.fstat(file.fileno()).st_size
        start = max(since, size - limit)
        file.seek(start)
        text = file.read(limit)
    if start > since and b"\n" in text:
        return text.partition(b"\n")[2]
    return text
