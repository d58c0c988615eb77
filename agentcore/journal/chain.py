"""How does the journal show that nobody has changed it since it was written?

Each row carries the hash of the row before it and its own: HMAC-SHA-256 over its number, time, type, body and that
previous hash. Whoever edits, deletes, swaps or inserts rows without the key breaks the chain there. A chain whose end
is cut off is still whole, so the newest row (the head) is named elsewhere too: in `audit.head` beside the journal, and
in a trailer of every trunk commit.

The key is 32 random bytes in `audit.key` beside the journal, not with the researcher's settings: lab and key move and
go together, nothing is written outside of the lab, and two labs never share one. What keeps it from agents is the
sandbox, in which neither place is visible; with backend ``none`` an agent can read both. Evident is what agents and
later hands change without the key, never what its owner does with it.
"""

from __future__ import annotations

import hmac
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KEY_BYTES = HASH_BYTES = 32

_PLACE = struct.Struct(">qdII")
"""Number, time, and the lengths of type and body: no two rows have the same message."""


class ChainError(Exception):
    """The key or the head cannot be read. The message says which file it is and what that means."""


@dataclass(frozen=True)
class Head:
    """A row by number and hash; as text it is what trailers and `audit.head` hold."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq} {self.hash.hex()}"


def read_head(text: str) -> Head | None:
    """Return the head that `text` names, or None where it names none."""
    match = re.fullmatch(r"(\d{1,18}) ([0-9a-f]{64})", text.strip(), re.ASCII)
    return Head(int(match[1]), bytes.fromhex(match[2])) if match else None


def genesis(chained_later: int) -> bytes:
    """Return what row 1 has for a previous hash: how many rows were there before there was a chain, normally 0."""
    return chained_later.to_bytes(HASH_BYTES, "big")


def seal(key: bytes, seq: int, at: float, name: str, body: bytes, previous: bytes) -> bytes:
    """Return the keyed hash of a row. `at` is a double, as SQLite keeps it (which knows no minus zero)."""
    kind = name.encode("utf-8", "surrogateescape")
    message = b"row" + _PLACE.pack(seq, at + 0.0, len(kind), len(body)) + kind + body + previous
    return hmac.digest(key, message, "sha256")


def key_file(journal: Path) -> Path:
    """Return where the key of a journal lies."""
    return journal.with_name("audit.key")


def head_file(journal: Path) -> Path:
    """Return where the engine names the newest row of a journal."""
    return journal.with_name("audit.head")


def key_of(journal: Path) -> bytes:
    """Return a journal's key. Raises ChainError."""
    path = key_file(journal)
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        raise ChainError(f"the key is missing: {path}; put it back from a copy of the lab") from None
    except OSError as error:
        raise ChainError(f"the key cannot be read: {path}: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise ChainError(f"the key is damaged: {path} has {len(key)} bytes, not {KEY_BYTES}; put it back from a copy")
    return key


def create_key(journal: Path) -> bytes:
    """Make the key of a journal that has none; return it. Raises OSError."""
    key = os.urandom(KEY_BYTES)
    _replace(key_file(journal), key)
    return key


def witness(journal: Path, key: bytes, head: Head) -> None:
    """Write `audit.head`: whoever reads it finds the old head or the new one, whole. Raises OSError."""
    _replace(head_file(journal), f"{head} {_signature(key, head).hex()}\n".encode())


def witnessed(journal: Path, key: bytes) -> Head:
    """Return the head that the engine wrote last. Raises ChainError where there is none, or it is not the engine's."""
    path = head_file(journal)
    try:
        text, _, signature = path.read_text(encoding="ascii").strip().rpartition(" ")
    except FileNotFoundError:
        raise ChainError(f"{path.name} is missing: rows at the end may be missing too") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ChainError(f"{path.name} cannot be read: {error}") from error
    head = read_head(text)
    if head is None or signature != _signature(key, head).hex():
        raise ChainError(f"{path.name} is not what the engine wrote: rows at the end may be missing")
    return head


def contradiction(head: Head, newest: int, hash_of: Callable[[int], object]) -> str:
    """Return how a journal that ends at row `newest` cannot be the one with this head, or an empty string."""
    if head.seq > newest:
        return f"the journal ends at row {newest}, but row {head.seq} was written: its end is missing"
    if head.seq and hash_of(head.seq) != head.hash:
        return f"row {head.seq} is not the one that was written"
    return ""


def _signature(key: bytes, head: Head) -> bytes:
    return hmac.digest(key, b"head" + str(head).encode(), "sha256")


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
