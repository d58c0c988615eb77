"""How are events kept? SQLite in WAL mode: one writer (the engine), any number of readers in other processes.

Every append is one committed transaction: after a kill -9 of the writer nothing that was acknowledged is gone. A merge
is synced to the disk as well (`durable`), so that a power cut cannot separate trunk from its evidence. One connection
writes, which also keeps clear of the WAL-reset bug of SQLite before 3.51.3.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from agentcore.events import Entry, Event, decode, encode

FORMAT = 1
"""Version of the table, in `PRAGMA user_version`."""

_SCHEMA = "CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, type TEXT NOT NULL, body BLOB NOT NULL)"


class JournalError(Exception):
    """The journal cannot be read or written. The message says what to do."""


class Journal:
    """The writer. Raises JournalError where the file is no journal, or of a newer format."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA}; PRAGMA user_version={FORMAT}; COMMIT;")
            elif version != FORMAT:
                raise JournalError(f"{path} has format {version}, this nightlab writes {FORMAT}: install the newer one")
            self._seq: int = self._db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
        except sqlite3.Error as error:
            raise JournalError(f"cannot open {path}: {error}") from error

    def append(self, at: float, event: Event, *, durable: bool = False) -> Entry:
        """Write one event and return its entry; with `durable` not before it is on the disk.

        Raises JournalError where the disk is full; nothing is half written then.
        """
        name, body = encode(event)
        entry = Entry(self._seq + 1, at, event)
        try:
            # FULL syncs the log with this very commit. (A checkpoint would not: a reader can make it do nothing, and
            # where it fails the entry is there all the same.)
            self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (entry.seq, at, name, body))
        except sqlite3.Error as error:
            raise JournalError(f"cannot write {self._path}: {error}") from error
        self._seq = entry.seq
        return entry

    def close(self) -> None:
        """Release the file."""
        self._db.close()

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
        if not self._path.exists():
            return
        try:
            if self._db is None:
                self._db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, isolation_level=None)
            rows = self._db.execute("SELECT seq, at, type, body FROM events WHERE seq > ? ORDER BY seq", (seq,))
            for number, at, name, body in rows:
                yield Entry(number, at, decode(name, body))
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):  # the writer has made the file but not yet the table
                raise JournalError(f"cannot read {self._path}: {error}") from error
        except (sqlite3.Error, ValueError) as error:
            raise JournalError(f"cannot read {self._path}: {error}") from error

    def close(self) -> None:
        """Release the file."""
        if self._db is not None:
            self._db.close()
            self._db = None
