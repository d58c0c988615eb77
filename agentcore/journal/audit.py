"""Is the journal still what the engine wrote, and are the transcripts what the agents' turns left?

The chain of the journal's rows is walked with its key; its end is compared with `audit.head` and with the rows that
trunk's commits name; each transcript is compared with the hash in the journal. Nothing is folded or decoded before it
is known to be genuine, nothing is written, and no engine is asked: what it appends meanwhile is simply not seen.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from agentcore.engine.lab import AUDIT
from agentcore.journal import chain
from agentcore.journal.breaks import Finding, Row, claim, first_break, start_of
from agentcore.journal.chain import Head
from agentcore.journal.rows import FORMAT
from worktrees.layout import LabPaths
from worktrees.repository import TRUNK, Repository, RepositoryError
from worktrees.text import printable

TRAILER = "Journal"
"""What a trunk commit's message calls the row that was the newest when it was made."""


class Unverifiable(Exception):
    """Nothing can be said: there is no journal, no chain or no key. The message says what to do."""


@dataclass(frozen=True)
class Report:
    """What was compared, and what was found."""

    findings: tuple[Finding, ...]
    rows: int
    chained_later: int
    """Rows 1 to this one were written before there was a chain."""
    head: Head | None
    """The row that audit.head names."""
    commits: int
    """Trunk commits that name a row."""
    commits_without: int
    """Trunk commits that name none: by hand, or from before there was a chain."""
    transcripts: int
    """Transcripts with a hash in the journal."""
    transcripts_without: int
    """Finished turns from before transcripts were hashed."""
    transcripts_pruned: int = 0
    """Transcripts that are gone because the lab removed them; their hash is still in the journal."""


def verify(paths: LabPaths) -> Report:
    """Check a lab's journal and transcripts. Raises Unverifiable."""
    try:
        key = chain.key_of(paths.journal)
    except chain.ChainError as error:
        raise Unverifiable(_keyless(paths.journal, str(error))) from error
    # The witnesses are read before the rows: an engine at work may append in between, and never takes away.
    head, doubt = _witnessed(paths.journal, key)
    repository, trunk = _trunk(paths.root)
    rows = read_rows(paths.journal)
    broken = first_break(rows, key, head)
    genuine = rows if broken is None or broken.row is None else [row for row in rows if row.seq < broken.row]
    hashes = {row.seq: row.hash for row in rows}
    findings = [broken] if broken else []
    newest = max(hashes, default=0)
    if head:
        doubt = chain.contradiction(head, newest, hashes.get)
    if doubt and head and head.seq > newest:
        findings.append(Finding("truncated", f"by audit.head {doubt}", newest + 1))
    elif doubt:
        findings.append(
            Finding("contradicted", f"by audit.head {doubt}" if head else doubt, head.seq if head else None)
        )
    named, without = _named(_messages(repository, trunk, _start(genuine)))
    findings += _contradictions(named, hashes)
    findings += _alarms(genuine)
    digests = list(_digests(genuine))
    pruned = {(worktree, number) for _, worktree, number, _ in digests} & set(_pruned(genuine))
    gone = {each for each in pruned if not os.path.lexists(paths.transcript(*each))}
    findings += _transcripts(paths, [each for each in digests if each[1:3] not in gone])
    return Report(
        findings=tuple(findings),
        rows=len(rows),
        chained_later=int.from_bytes(start_of(rows, key), "big"),
        head=head,
        commits=len(named),
        commits_without=without,
        transcripts=sum(bool(digest) for _, _, _, digest in digests),
        transcripts_without=sum(not digest for _, _, _, digest in digests),
        transcripts_pruned=len(gone),
    )


def read_rows(journal: Path) -> list[Row]:
    """Read every row as it lies there. Raises Unverifiable where there is no chained journal."""
    if not journal.exists():
        raise Unverifiable(f"there is no journal yet: {journal}")
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, isolation_level=None)) as db:
            db.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version < FORMAT:
                raise Unverifiable("the journal is not chained yet: the next engine does it (nightlab start)")
            if version > FORMAT:
                raise Unverifiable(f"the journal has format {version}: install the newer nightlab")
            query = "SELECT seq, at, type, body, previous, hash FROM events ORDER BY seq"
            return [Row(*values) for values in db.execute(query)]
    except sqlite3.Error as error:
        raise Unverifiable(f"cannot read {journal}: {error}") from error


def _keyless(journal: Path, error: str) -> str:
    """Say what cannot be said without the key; raises Unverifiable where there is nothing to be said of."""
    rows = read_rows(journal)
    return f"{error}. Without it no hash of the {len(rows)} rows can be computed: whether they are genuine is unknown"


def _witnessed(journal: Path, key: bytes) -> tuple[Head | None, str]:
    try:
        return chain.witnessed(journal, key), ""
    except chain.ChainError as error:
        return None, str(error)


# --- Trunk ---


def _trunk(root: Path) -> tuple[Repository, str | None]:
    """Return trunk's commit, and where to read it. Raises Unverifiable."""
    try:
        repository = Repository(root)
    except RepositoryError as error:
        raise Unverifiable(str(error)) from error
    return repository, repository.resolve(TRUNK)


def _messages(repository: Repository, trunk: str | None, since: str) -> dict[str, str]:
    try:
        return repository.messages(trunk, since) if trunk else {}
    except RepositoryError as error:
        raise Unverifiable(f"trunk cannot be read: {error}") from error


def _start(rows: Sequence[Row]) -> str:
    """Return the commit that trunk began with: the researcher's own history before it names no rows."""
    return next((str(body["new"]) for body in map(_body, rows) if body.get("kind") == "TrunkMoved"), "")


def _named(messages: Mapping[str, str]) -> tuple[dict[str, str], int]:
    """Return {commit: what it names} and how many commits name nothing."""
    named = {}
    for commit, message in messages.items():
        _, _, trailers = message.strip().rpartition("\n\n")  # never the subject, which an agent words
        values = [line.partition(": ")[2] for line in trailers.splitlines() if line.startswith(f"{TRAILER}: ")]
        if values and message.strip() != trailers:
            named[commit] = values[-1]
    return named, len(messages) - len(named)


def _contradictions(named: Mapping[str, str], hashes: Mapping[int, object]) -> Iterator[Finding]:
    newest = max(hashes, default=0)
    for commit, value in named.items():
        head, who = chain.read_head(value), f"trunk commit {commit[:7]}"
        if head is None:
            yield Finding("contradicted", f"{who} names no row: {printable(value)[:80]}")
        elif head.seq > newest:
            text = f"{who} names row {head.seq}, the journal ends at row {newest}: its end is missing"
            yield Finding("truncated", text, newest + 1)
        elif hashes.get(head.seq) != head.hash:
            yield Finding("contradicted", f"{who} names another row {head.seq} than the journal has", head.seq)


# --- What genuine rows tell ---


def _body(row: Row) -> dict[str, Any]:
    """Return a genuine row's fields, with its type as `kind`."""
    assert isinstance(row.body, bytes), "a genuine row's body is"
    return {**msgspec.json.decode(row.body, type=dict[str, Any]), "kind": row.name}


def _alarms(rows: Sequence[Row]) -> Iterator[Finding]:
    for row in rows:
        if row.name == "WarningRaised" and (body := _body(row)).get("topic") == AUDIT:
            message = str(body.get("message")).partition(";")[0]
            yield Finding("alarm", f"an engine that started found ({claim(row)}): {message}", row.seq)


def _digests(rows: Sequence[Row]) -> Iterator[tuple[int, str, int, str]]:
    """Yield (row, worktree, number of the transcript, its hash or nothing) of every turn that came to an end."""
    asked: Counter[str] = Counter()
    for row in rows:
        if row.name not in ("ThinkingStarted", "ExperimentProposed", "AgentFailed", "QuestionAsked"):
            continue
        body = _body(row)
        worktree = str(body["worktree"])
        if row.name == "ThinkingStarted":
            asked[worktree] += 1
        else:
            yield row.seq, worktree, asked[worktree], str(body.get("transcript_sha256") or "")


def _pruned(rows: Sequence[Row]) -> Iterator[tuple[str, int]]:
    """Yield (worktree, number) of every transcript that the lab has said it removes."""
    for row in rows:
        if row.name == "LeftoversPruned":
            for span in _body(row)["transcripts"]:
                yield from ((span["worktree"], number) for number in range(span["first"], span["last"] + 1))


def _transcripts(paths: LabPaths, digests: Sequence[tuple[int, str, int, str]]) -> Iterator[Finding]:
    for row, worktree, number, digest in digests:
        path = paths.transcript(worktree, number)
        name = path.relative_to(paths.dot)
        if not digest:
            continue
        if path.is_symlink() or not path.is_file():
            yield Finding("missing", f"{name} is missing: row {row} knows it", row)
            continue
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            yield Finding("changed", f"{name} cannot be read: {error.strerror}", row)
            continue
        if found != digest:
            yield Finding("changed", f"{name} was changed since its turn ended, by the hash in row {row}", row)
