"""How does a command print? Data to stdout, as a table for people or as JSON with a schema for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from worktrees.text import printable


def print_json(schema: str, now: float, body: Mapping[str, Any]) -> None:
    """Print one object: schema ``nightlab.NAME/1``, the time of the look, and the body."""
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    print(json.dumps({"schema": f"nightlab.{schema}/1", "at": at, **body}, indent=2, ensure_ascii=False))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> None:
    """Print columns as wide as their widest cell; those whose title is in `right` (words) are aligned right."""
    lines = [list(head), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    to_right = [name in right.split() for name in head]
    for line in lines:
        cells = (
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, to_right, strict=True)
        )
        print("  ".join(cells).rstrip())
