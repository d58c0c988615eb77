"""What the journal acknowledged is there; what it refused is not, not even half."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.events import Entry
from agentcore.fold import fold
from agentcore.journal import Journal, JournalError, Reader
from tests.agentcore.test_events import EVENTS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """An open writer."""
    with Journal(path) as journal:
        yield journal


def entries(path: Path, after: int = 0) -> list[Entry]:
    """Read a journal as another process would."""
    with closing(Reader(path)) as reader:
        return list(reader.after(after))


def test_entries_are_numbered_from_one(journal: Journal) -> None:
    """The order of events is their number."""
    assert [1, 2] == [journal.append(5.0, ev.WarningCleared(topic)).seq for topic in ("a", "b")]


def test_what_was_written_is_read(journal: Journal, path: Path) -> None:
    """Every type of event, with its time."""
    written = [journal.append(float(at), event) for at, event in enumerate(EVENTS)]
    assert written == entries(path)


def test_a_reader_sees_what_is_appended_later(journal: Journal, path: Path) -> None:
    """One that is open follows the writer."""
    with closing(Reader(path)) as reader:
        first = journal.append(1.0, ev.WarningCleared("a"))
        seen = list(reader.after(0))
        second = journal.append(2.0, ev.WarningCleared("b"))
        assert [first, second] == [*seen, *reader.after(seen[-1].seq)]


def test_a_writer_is_not_hindered_by_a_reader_half_way(journal: Journal, path: Path) -> None:
    """A view that stands still in the middle of its reading holds nothing up, durable entries included."""
    for topic in "abc":
        journal.append(1.0, ev.WarningCleared(topic))
    with closing(Reader(path)) as reader:
        half_way = reader.after(0)
        next(half_way)
        assert 4 == journal.append(2.0, ev.WarningCleared("d"), durable=True).seq
        half_way.close()


def test_a_new_writer_goes_on_counting(path: Path) -> None:
    """Entries of an earlier engine stay, numbers go on."""
    with Journal(path) as first:
        first.append(1.0, ev.WarningCleared("a"))
    with Journal(path) as second:
        assert 2 == second.append(2.0, ev.WarningCleared("b")).seq


def test_a_reader_needs_no_writer(path: Path) -> None:
    """A lab whose engine has left can be looked at."""
    with Journal(path) as journal:
        entry = journal.append(1.0, ev.WarningCleared("a"))
    assert [entry] == entries(path)


def test_a_journal_that_is_not_there_yet_is_empty(path: Path) -> None:
    """A view may be opened before the first engine."""
    assert [] == entries(path)


def test_a_journal_without_its_table_is_empty(path: Path) -> None:
    """The writer has made the file but not yet the table."""
    path.touch()
    assert [] == entries(path)


def test_an_empty_reader_finds_the_journal_when_it_comes(path: Path) -> None:
    """The same reader sees the entries once there are some."""
    with closing(Reader(path)) as reader:
        assert [] == list(reader.after(0))
        with Journal(path) as journal:
            entry = journal.append(1.0, ev.WarningCleared("a"))
        assert [entry] == list(reader.after(0))


def fill(journal: Journal) -> int:
    """Append to a journal whose disk has room for little more until it refuses; return the last number."""
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count={pages + 2}")
    seq = 0
    try:
        while seq < 1000:
            seq = journal.append(1.0, ev.WarningRaised("disk", "x" * 500)).seq
    except JournalError:
        return seq
    raise AssertionError("a full disk was never noticed")


def test_a_full_disk_leaves_nothing_half_written(journal: Journal, path: Path) -> None:
    """What was acknowledged is there, what was refused is not."""
    assert fill(journal) == len(entries(path))


def test_a_journal_goes_on_when_there_is_room_again(journal: Journal, path: Path) -> None:
    """The number that was refused is given to the next entry."""
    seq = fill(journal)
    journal._db.execute("PRAGMA max_page_count=100000")
    assert seq + 1 == journal.append(1.0, ev.WarningCleared("disk"), durable=True).seq


def test_a_file_that_is_no_journal_is_refused(path: Path) -> None:
    """The message names the file."""
    path.write_text("this is not a database, and long enough to be sure of it" * 20)
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        Journal(path)


def test_a_reader_refuses_a_file_that_is_no_journal(path: Path) -> None:
    """A view says so instead of showing an empty lab."""
    path.write_text("this is not a database, and long enough to be sure of it" * 20)
    with pytest.raises(JournalError, match="cannot read"):
        entries(path)


def test_a_newer_format_is_refused(journal: Journal, path: Path) -> None:
    """It is not written to, and the message says what to install."""
    journal._db.execute("PRAGMA user_version=99")
    with pytest.raises(JournalError, match=r"format 99.*newer"):
        Journal(path)


def test_an_event_of_a_newer_version_is_an_error_for_the_reader(journal: Journal, path: Path) -> None:
    """A fold that left an event out would be wrong from there on."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("INSERT INTO events VALUES (1, 1.0, 'TrunkSplit', '{}')")
        other.commit()
    with pytest.raises(JournalError, match="unknown event 'TrunkSplit'"):
        entries(path)


def test_replaying_a_journal_gives_the_same_state(journal: Journal, path: Path) -> None:
    """What was folded while it happened is what a reader folds later."""
    from tests.agentcore.tales import calibrated

    tale = calibrated()
    tale.merge(tale.ready("wt0", "t1"))
    for entry in tale.entries:
        journal.append(entry.at, entry.event)
    assert tale.state == fold(entries(path))
