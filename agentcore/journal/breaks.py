"""Where does a chain of rows break, and what was done there?

Without the key nobody can write a row that fits, so the first row that does not continue the chain is where somebody
was. What he did is told from where its row, and the one that was written in its place, fit: an edit fits nowhere, a
row that was moved fits at its old number, before a gap or a forgery the old row is missing or stands further on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from agentcore.journal import chain
from agentcore.journal.chain import Head
from worktrees.text import printable

Kind = Literal["edited", "missing", "moved", "forged", "foreign", "truncated", "contradicted", "changed", "alarm"]
"""edited: the row is not as it was written. missing: rows were deleted, or a transcript. moved: it stands elsewhere
than it was written (a swap). forged: the engine never wrote it. foreign: genuine, but of another history (an old copy).
truncated: the end is missing. contradicted: a trunk commit or audit.head knows another row. changed: a transcript.
alarm: an engine found one of these when it started."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was written. `row` is where in the journal that shows, if it does."""

    kind: Kind
    text: str
    row: int | None = None


@dataclass(frozen=True)
class Row:
    """One row as it lies in the table; whoever edits it may put any kind of value into any column."""

    seq: int
    at: object
    name: object
    body: object
    previous: object
    hash: object


def first_break(rows: Sequence[Row], key: bytes, head: Head | None = None) -> Finding | None:
    """Return the first row that is not as it was written, or None. `head` helps to tell an edit from a forgery."""
    last = Head(0, start_of(rows, key))
    for index, row in enumerate(rows):
        if row.seq != last.seq + 1 or row.previous != last.hash or not _fits(key, row, row.seq):
            return _diagnosis(rows, index, last, key, head)
        last = Head(row.seq, _bytes(row.hash) or b"")
    return None


def start_of(rows: Sequence[Row], key: bytes) -> bytes:
    """Return what the row that was written as the first has for a previous hash, wherever it stands now."""
    first = next((row for row in rows if _fits(key, row, 1)), None)
    return (_bytes(first.previous) if first else None) or chain.genesis(0)


def _fits(key: bytes, row: Row, seq: int) -> bool:
    """True where the row was written, exactly so, with number `seq`."""
    match row:
        case Row(at=float(at), name=str(name), body=bytes(body), previous=bytes(previous)):
            return row.hash == chain.seal(key, seq, at, name, body, previous)
    return False


def _diagnosis(rows: Sequence[Row], index: int, last: Head, key: bytes, head: Head | None) -> Finding:
    """Say what happened at the first row that does not continue the chain after `last`."""
    row, expected = rows[index], last.seq + 1
    what = f"row {row.seq}, which claims to be {claim(row)},"
    elsewhere = next((each.seq for each in rows if each.previous == last.hash and _fits(key, each, expected)), None)
    if row.seq < 1:
        return Finding("forged", f"{what} was never written: numbers begin with 1", row.seq)
    if row.seq > expected:
        gap = f"row {expected} is" if row.seq == expected + 1 else f"rows {expected}-{row.seq - 1} are"
        if elsewhere is not None:
            return Finding("moved", f"{gap} missing: row {expected} stands as row {elsewhere}", expected)
        return Finding("missing", f"{gap} missing; the next is {what.rstrip(',')}", expected)
    written = next((seq for seq in range(1, 2 * rows[-1].seq + 1000) if _fits(key, row, seq)), None)
    if written == expected:
        return Finding("foreign", f"{what} is genuine but followed another row {last.seq}: an older copy", expected)
    if written is not None and elsewhere is None:
        return Finding("missing", f"row {expected} is missing: {what} was written as row {written}", expected)
    if written is None:
        written = _place_of(row, rows, key)
    if written is not None:
        return Finding("moved", f"{what} holds what was written as row {written}", expected)
    if elsewhere is not None:
        return Finding("forged", f"{what} was inserted: what was written there stands as row {elsewhere}", expected)
    if index + 1 < len(rows) or head == Head(row.seq, _bytes(row.hash) or b""):
        return Finding("edited", f"{what} is not what was written there", expected)
    return Finding("forged", f"{what} was not written so: forged, or edited since", expected)


def _place_of(row: Row, rows: Sequence[Row], key: bytes) -> int | None:
    """Return the row whose hash is that of this row's time, type and body: they were swapped without their hashes."""
    places = (replace(each, at=row.at, name=row.name, body=row.body) for each in rows if each is not row)
    return next((each.seq for each in places if _fits(key, each, each.seq)), None)


def claim(row: Row) -> str:
    """Return what a row says that it is: its type and its time, whatever stands there."""
    name = printable(str(row.name))[:40]
    if isinstance(row.at, float) and 0 <= row.at < 2e11:
        return f"{name} of {datetime.fromtimestamp(row.at, UTC).isoformat(sep=' ', timespec='seconds')}"
    return f"{name} of no time ({printable(repr(row.at))[:40]})"


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None
