"""How are events kept? SQLite in WAL mode: one writer (the engine), any number of readers in other processes.

Every append is one committed transaction: after a kill -9 of the writer nothing that was acknowledged is gone. A merge
is synced to the disk as well (`durable`), so that a power cut cannot separate trunk from its evidence. One connection
writes, which also keeps clear of the WAL-reset bug of SQLite before 3.51.3.

Rows are chained (chain.py), and the newest is named in `audit.head`: with every durable append, at the latest after
`HEAD_ROWS` rows, and at the end. Only rows that are on the disk are named, else a power cut would look like a theft.
While an engine lives its memory knows the newest row, so that what nobody would miss is at most the last `HEAD_ROWS`
rows of an engine that was killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from agentcore.events import Entry, Event, decode, encode
from agentcore.journal import chain

FORMAT = 2
"""Version of the table, in `PRAGMA user_version`. 1 had no chain."""

HEAD_ROWS = 256
"""After so many rows one is synced and named in `audit.head`: two syncs, 1 to 15 ms, some tens of times a night."""

_SCHEMA = (
    "CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, type TEXT NOT NULL, body BLOB NOT NULL, "
    "previous BLOB NOT NULL, hash BLOB NOT NULL)"
)
_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"


class JournalError(Exception):
    """The journal cannot be read or written. The message says what to do."""


class Unwritable(JournalError):
    """The disk takes no row just now: it is full, over its quota or read-only. What was written before is whole."""


class Journal:
    """The writer. Raises JournalError where the file is no journal, of a newer format, or has lost its key.

    `doubt` says what the journal lacks by its `audit.head`; whoever opens it appends that first, because the next head
    covers it up.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, 1, FORMAT):
                raise JournalError(f"{path} has format {version}, this nightlab writes {FORMAT}: install the newer one")
            self._key = self._open_key(is_new=version != FORMAT)
            if version == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA}; PRAGMA user_version={FORMAT}; COMMIT;")
            elif version == 1:
                _chain(self._db, self._key)
            self.head = _newest(self._db)
            self._named, self.doubt = self._look_back()
        except (sqlite3.Error, OSError, chain.ChainError) as error:
            raise JournalError(f"cannot open {path}: {error}") from error
        if version == 1 and not self.doubt:
            self._name_head()

    def append(self, at: float, event: Event, *, durable: bool = False) -> Entry:
        """Write one event and return its entry; with `durable` not before it is on the disk.

        Raises Unwritable where the disk is full or read-only; nothing is half written then.
        """
        name, body = encode(event)
        entry, previous = Entry(self.head.seq + 1, at, event), self.head.hash
        seal = chain.seal(self._key, entry.seq, at, name, body, previous)
        synced = durable or entry.seq - self._named >= HEAD_ROWS
        try:
            # FULL syncs the log with this very commit. (A checkpoint would not: a reader can make it do nothing, and
            # where it fails the entry is there all the same.)
            self._db.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
            self._db.execute(_INSERT, (entry.seq, at, name, body, previous, seal))
        except sqlite3.OperationalError as error:
            raise Unwritable(f"cannot write {self._path}: {error}") from error
        except sqlite3.Error as error:
            raise JournalError(f"cannot write {self._path}: {error}") from error
        self.head = chain.Head(entry.seq, seal)
        if synced:
            self._name_head()
        return entry

    def close(self) -> None:
        """Release the file; its newest row is named before."""
        try:
            if self._named != self.head.seq:
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.execute(f"PRAGMA user_version={FORMAT}")  # any commit syncs the log, with all before it
                self._name_head()
        except sqlite3.Error:  # a full disk, or closed already: an older head is still true
            return
        finally:
            self._db.close()

    def _open_key(self, *, is_new: bool) -> bytes:
        """Return the key, made where the chain begins with this opening; then the first head is there before it."""
        if not is_new:
            return chain.key_of(self._path)
        is_there = chain.key_file(self._path).exists()
        key = chain.key_of(self._path) if is_there else chain.create_key(self._path)
        if not chain.head_file(self._path).exists():
            chain.witness(self._path, key, chain.Head(0, chain.genesis(0)))
        return key

    def _look_back(self) -> tuple[int, str]:
        """Return the row that `audit.head` names, and why it cannot be so, or an empty string."""
        try:
            head = chain.witnessed(self._path, self._key)
        except chain.ChainError as error:
            return self.head.seq, str(error)
        found = self._db.execute("SELECT hash FROM events WHERE seq = ?", (head.seq,)).fetchone()
        doubt = chain.contradiction(head, self.head.seq, lambda _: found[0] if found else None)
        return (self.head.seq, doubt) if doubt else (head.seq, "")

    def _name_head(self) -> None:
        """A full disk costs the new head and not the row, which is written: the older head is still true."""
        try:
            chain.witness(self._path, self._key, self.head)
        except OSError:
            return
        self._named = self.head.seq

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Reader:
    """A read-only follower of a journal that somebody else writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._version: int | None = None

    def after(self, seq: int) -> Iterator[Entry]:
        """Yield the entries after `seq` in order; nothing where there is no journal yet.

        Raises JournalError for a damaged file and for an event that this version does not know.
        """
        yield from self._select("seq > ?", [seq])

    def _select(self, condition: str, values: Sequence[object]) -> Iterator[Entry]:
        if not self._path.exists():
            return
        try:
            query = f"SELECT seq, at, type, body FROM events WHERE {condition} ORDER BY seq"  # noqa: S608 (ours)
            rows = self._open().execute(query, values)
            for number, at, name, body in rows:
                yield Entry(number, at, decode(name, body))
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):  # the writer has made the file but not yet the table
                raise JournalError(f"cannot read {self._path}: {error}") from error
        except (sqlite3.Error, ValueError) as error:
            raise JournalError(f"cannot read {self._path}: {error}") from error

    def between(self, seq: int, upto: int) -> Iterator[Entry]:
        """Yield the entries after `seq` up to `upto`, in order. Errors are those of `after`."""
        yield from self._select("seq > ? AND seq <= ?", [seq, upto])

    def version(self) -> int:
        """Return which format the file says that it has. Raises JournalError for a damaged one."""
        try:
            return int(self._open().execute("PRAGMA user_version").fetchone()[0])
        except sqlite3.Error as error:
            raise JournalError(f"cannot read {self._path}: {error}") from error

    def of(self, kinds: Iterable[type[Event]]) -> Iterator[Entry]:
        """Yield the entries of some types of event, in order. Errors are those of `after`."""
        names = [kind.__name__ for kind in kinds]
        marks = ", ".join("?" for _ in names)
        yield from self._select(f"type IN ({marks})", names)

    def since(self, at: float) -> Iterator[Entry]:
        """Yield the entries from a Unix time on, in order. Errors are those of `after`."""
        yield from self._select("at >= ?", [at])

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, isolation_level=None)
        return self._db

    def hash_of(self, seq: int) -> bytes:
        """Return the chain's hash of a row as text; empty where there is none."""
        try:
            found = self._open().execute("SELECT hash FROM events WHERE seq = ?", (seq,)).fetchone()
        except sqlite3.Error:
            return b""
        return bytes(found[0]).hex().encode() if found else b""

    def close(self) -> None:
        """Release the file."""
        if self._db is not None:
            self._db.close()
            self._db = None


def _newest(db: sqlite3.Connection) -> chain.Head:
    row = db.execute("SELECT seq, CAST(hash AS BLOB) FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return chain.Head(*row) if row else chain.Head(0, chain.genesis(0))


def _chain(db: sqlite3.Connection, key: bytes) -> None:
    """Chain the rows of a journal of format 1, in one transaction; row 1 says for ever how many they were."""
    db.execute("PRAGMA synchronous=FULL")
    with db:
        db.execute("BEGIN IMMEDIATE")
        rows = db.execute("SELECT seq, at, CAST(type AS TEXT), CAST(body AS BLOB) FROM events ORDER BY seq").fetchall()
        db.execute("DROP TABLE events")
        db.execute(_SCHEMA)
        previous = chain.genesis(rows[-1][0] if rows else 0)
        for row in rows:
            seq, at, name, body = row
            if not isinstance(at, float):
                raise chain.ChainError(f"row {seq} is damaged: {at!r} is no time")
            seal = chain.seal(key, seq, at, name, body, previous)
            db.execute(_INSERT, (*row, previous, seal))
            previous = seal
        db.execute(f"PRAGMA user_version={FORMAT}")
