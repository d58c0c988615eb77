"""What the journal acknowledged is there; what it refused is not, not even half."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.events import Entry, encode
from agentcore.fold import fold
from agentcore.journal import chain
from agentcore.journal.audit import read_rows
from agentcore.journal.breaks import first_break, start_of
from agentcore.journal.chain import Head
from agentcore.journal.rows import HEAD_ROWS, Journal, JournalError, Reader
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
        other.execute("INSERT INTO events VALUES (1, 1.0, 'TrunkSplit', '{}', x'', x'')")
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


# --- The chain ---


def fill_up(path: Path, count: int) -> None:
    """Append rows and leave in order."""
    with Journal(path) as journal:
        for number in range(count):
            journal.append(float(number), ev.WarningCleared(f"topic {number}"))


def is_whole(path: Path) -> bool:
    """True where every row is as it was written."""
    return first_break(read_rows(path), chain.key_of(path)) is None


def named(path: Path) -> int:
    """Return the row that audit.head names."""
    return chain.witnessed(path, chain.key_of(path)).seq


def test_the_key_is_the_owners_alone(journal: Journal, path: Path) -> None:
    """32 bytes that nobody else on the machine can read."""
    key = chain.key_file(path)
    assert (0o600, 32) == (stat.S_IMODE(key.stat().st_mode), len(key.read_bytes()))


def test_each_journal_has_a_key_of_its_own(tmp_path: Path) -> None:
    """A row of one lab is no row of another."""
    paths = [tmp_path / name / "journal.sqlite" for name in ("a", "b")]
    for each in paths:
        each.parent.mkdir()
        fill_up(each, 1)
    assert chain.key_of(paths[0]) != chain.key_of(paths[1])


def test_the_head_is_the_newest_row(journal: Journal, path: Path) -> None:
    """With the hash that lies in the table: this is what trailers of trunk commits name."""
    journal.append(1.0, ev.WarningCleared("a"))
    journal.append(2.0, ev.WarningCleared("b"))
    newest = read_rows(path)[-1]
    assert (2, newest.hash) == (journal.head.seq, journal.head.hash)


def test_a_head_survives_its_text(journal: Journal) -> None:
    """A trailer is read as it was written; anything else names nothing."""
    journal.append(1.0, ev.WarningCleared("a"))
    text = str(journal.head)
    assert (journal.head, None, None, None) == (
        chain.read_head(text), chain.read_head(text[:-1]), chain.read_head("one " + text), chain.read_head(""),
    )  # fmt: skip


def test_a_durable_row_is_named_at_once(journal: Journal, path: Path) -> None:
    """Without it a merge could be cut off."""
    for durable in (False, False, True, False):
        journal.append(1.0, ev.WarningCleared("a"), durable=durable)
    assert 3 == named(path)


def test_a_row_is_named_at_the_latest_after_so_many(journal: Journal, path: Path) -> None:
    """What could be cut off unseen after a kill -9 is bounded."""
    for _ in range(HEAD_ROWS + 5):
        journal.append(1.0, ev.WarningCleared("a"))
    assert HEAD_ROWS == named(path)


def test_an_engine_that_leaves_names_its_last_row(path: Path) -> None:
    """From then on nothing can be cut off."""
    fill_up(path, 3)
    assert 3 == named(path)


def test_closing_twice_is_once(path: Path) -> None:
    """An engine that ends may do it twice."""
    journal = Journal(path)
    journal.append(1.0, ev.WarningCleared("a"))
    journal.close()
    journal.close()
    assert 1 == named(path)


def test_a_head_that_cannot_be_written_costs_no_row(journal: Journal, path: Path) -> None:
    """The row is there; the older head is still true."""
    (path.parent / ".audit.head.new").mkdir()
    assert (1, 0) == (journal.append(1.0, ev.WarningCleared("a"), durable=True).seq, named(path))


def test_a_new_writer_continues_the_chain(path: Path) -> None:
    """Engines come and go."""
    for _ in range(3):
        fill_up(path, 2)
    assert (6, True) == (len(read_rows(path)), is_whole(path))


APPENDING = """
import sys
from pathlib import Path
from agentcore import events as ev
from agentcore.journal.rows import Journal
with Journal(Path(sys.argv[1])) as journal:
    while True:
        print(journal.append(1.0, ev.WarningRaised("topic", "x" * 300)).seq, flush=True)
"""


def test_a_kill_in_the_middle_of_appends_leaves_the_chain_whole(path: Path) -> None:
    """Kill -9, several times: what was acknowledged is there, each row follows the one before, the next engine goes on.

    No alarm is raised: audit.head never names a row that a kill can take.
    """
    acknowledged = 0
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", APPENDING, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for line in writer.stdout:
            acknowledged = int(line)
            if acknowledged % 400 == 399:
                break
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate(timeout=20)[0].splitlines()
        acknowledged = int(rest[-1]) if rest and rest[-1].isdecimal() else acknowledged
        with Journal(path) as journal:
            assert ("", True, True) == (journal.doubt, journal.head.seq >= acknowledged, is_whole(path))


# --- The end of the chain ---


def edit(path: Path, statement: str) -> None:
    """Change a journal behind its engine's back."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()


def test_an_end_that_was_cut_off_is_noticed_at_the_next_start(path: Path) -> None:
    """The rest is whole, but audit.head knows more."""
    fill_up(path, 5)
    edit(path, "DELETE FROM events WHERE seq > 3")
    with Journal(path) as journal:
        assert "the journal ends at row 3, but row 5 was written: its end is missing" == journal.doubt


def test_a_journal_that_was_exchanged_is_noticed_at_the_next_start(path: Path) -> None:
    """Another row stands where the newest one was."""
    fill_up(path, 5)
    edit(path, "UPDATE events SET hash = zeroblob(32) WHERE seq = 5")
    with Journal(path) as journal:
        assert "row 5 is not the one that was written" == journal.doubt


def test_a_journal_that_was_removed_is_noticed_at_the_next_start(path: Path) -> None:
    """A new one begins, and audit.head tells of the old one."""
    fill_up(path, 5)
    path.unlink()
    with Journal(path) as journal:
        assert "the journal ends at row 0, but row 5 was written: its end is missing" == journal.doubt


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (None, "audit.head is missing: rows at the end may be missing too"),
        ("", "audit.head is not what the engine wrote: rows at the end may be missing"),
        ("2 " + "0" * 64 + " " + "0" * 64 + "\n", "audit.head is not what the engine wrote"),
        ("\xff", "audit.head cannot be read"),
    ],
)
def test_a_head_that_is_not_the_engines_is_noticed_at_the_next_start(path: Path, text: str | None, doubt: str) -> None:
    """Whoever cuts the end off may remove or write the head too, but not sign it."""
    fill_up(path, 5)
    chain.head_file(path).unlink()
    if text is not None:
        chain.head_file(path).write_text(text)
    with Journal(path) as journal:
        assert journal.doubt.startswith(doubt)


def test_a_hash_of_the_table_is_no_signature_of_a_head(path: Path) -> None:
    """What can be read in the journal does not let anybody name an older row."""
    fill_up(path, 5)
    rows = read_rows(path)
    assert isinstance(rows[2].hash, bytes) and isinstance(rows[3].hash, bytes)
    chain.head_file(path).write_text(f"{Head(3, rows[2].hash)} {rows[3].hash.hex()}\n")
    edit(path, "DELETE FROM events WHERE seq > 3")
    with Journal(path) as journal:
        assert journal.doubt.startswith("audit.head is not what the engine wrote")


def test_a_doubt_is_not_covered_up_before_it_is_written_down(path: Path) -> None:
    """A journal that is only opened and closed leaves the head as it is: the next engine sees the same."""
    fill_up(path, 5)
    edit(path, "DELETE FROM events WHERE seq > 3")
    for _ in range(2):
        with Journal(path) as journal:
            assert journal.doubt != ""


@pytest.mark.parametrize(
    ("damage", "words"),
    [(None, "the key is missing"), (b"short", "the key is damaged: .* has 5 bytes, not 32")],
)
def test_without_its_key_a_journal_is_not_written(path: Path, damage: bytes | None, words: str) -> None:
    """Rows under a new key would be worth nothing to who verifies; the message names the file."""
    fill_up(path, 2)
    chain.key_file(path).unlink()
    if damage is not None:
        chain.key_file(path).write_bytes(damage)
    with pytest.raises(JournalError, match=rf"{words}.*"):
        Journal(path)


# --- A journal from before there was a chain ---

FORMAT_1 = "CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, type TEXT NOT NULL, body BLOB NOT NULL)"


def write_format_1(path: Path) -> list[Entry]:
    """Make a journal as the first nightlab did; return what is in it."""
    written = [Entry(number, float(number), event) for number, event in enumerate(EVENTS, 1)]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(f"BEGIN; {FORMAT_1}; PRAGMA user_version=1; COMMIT;")
        for entry in written:
            db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (entry.seq, entry.at, *encode(entry.event)))
    return written


def test_a_view_reads_a_journal_that_is_not_chained_yet(path: Path) -> None:
    """A lab can be looked at before an engine of this version has opened it."""
    assert write_format_1(path) == entries(path)


def test_a_journal_of_format_1_is_chained_when_it_is_opened(path: Path) -> None:
    """It says the same, goes on counting, and every row is sealed."""
    written = write_format_1(path)
    with Journal(path) as journal:
        added = journal.append(99.0, ev.WarningCleared("a"))
    assert ([*written, added], True) == (entries(path), is_whole(path))


def test_a_chain_says_how_many_rows_it_did_not_see_written(path: Path) -> None:
    """For ever, in row 1; a new journal says none."""
    write_format_1(path)
    with Journal(path) as journal:
        journal.append(99.0, ev.WarningCleared("a"))
    assert len(EVENTS) == int.from_bytes(start_of(read_rows(path), chain.key_of(path)), "big")


def test_an_edit_after_the_chaining_is_found(path: Path) -> None:
    """Old rows are then as safe as new ones; how many they were cannot be denied either."""
    write_format_1(path)
    Journal(path).close()
    edit(path, "UPDATE events SET previous = zeroblob(32) WHERE seq = 1")
    assert not is_whole(path)


def test_an_empty_journal_of_format_1_is_like_a_new_one(path: Path) -> None:
    """There is nothing to chain."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"BEGIN; {FORMAT_1}; PRAGMA user_version=1; COMMIT;")
    fill_up(path, 2)
    assert ([1, 2], True) == ([entry.seq for entry in entries(path)], is_whole(path))


def test_a_chaining_that_fails_leaves_the_journal_as_it_was(path: Path) -> None:
    """All rows or none: a row that cannot be sealed stops it; without that row it is chained."""
    written = write_format_1(path)
    edit(path, f"INSERT INTO events VALUES ({len(written) + 1}, 'noon', 'WarningCleared', '{{}}')")
    with pytest.raises(JournalError, match=f"row {len(written) + 1} is damaged: 'noon' is no time"):
        Journal(path)
    edit(path, "DELETE FROM events WHERE at = 'noon'")
    with Journal(path) as journal:
        assert (written, "", True) == (entries(path), journal.doubt, is_whole(path))


def test_a_chain_that_is_denied_is_noticed(path: Path) -> None:
    """Who edits rows and then says that the journal is of format 1 has them sealed; audit.head knows better."""
    fill_up(path, 5)
    edit(path, "UPDATE events SET body = replace(body, '3', '4')")
    edit(path, "PRAGMA user_version=1")
    with Journal(path) as journal:
        assert "row 5 is not the one that was written" == journal.doubt
