"""Whatever is done to a row behind the engine's back is found, at its row; what was done is told where it can be."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from agentcore import events as ev
from agentcore.journal import chain
from agentcore.journal.audit import read_rows
from agentcore.journal.breaks import Finding, first_break
from agentcore.journal.chain import Head
from agentcore.journal.rows import Journal
from tests.agentcore.test_events import EVENTS

ROWS = 12


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of twelve rows as its engine left it: row N holds warning N, at second N."""
    path = tmp_path_factory.mktemp("written") / "journal.sqlite"
    with Journal(path) as journal:
        for number in range(1, ROWS + 1):
            journal.append(float(number), ev.WarningRaised(f"topic {number}", "as it was"))
    return path


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    """A copy of it, with its key and its head."""
    shutil.copytree(written.parent, tmp_path / "lab")
    return tmp_path / "lab" / written.name


def change(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    """Edit a journal as anybody with sqlite3 can."""
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement, values)
        db.commit()


def found(path: Path) -> Finding | None:
    """Return the first break, with what audit.head knows."""
    key = chain.key_of(path)
    return first_break(read_rows(path), key, chain.witnessed(path, key))


def kind(path: Path) -> tuple[str, int | None] | None:
    """Return what was done, and where."""
    finding = found(path)
    return (finding.kind, finding.row) if finding else None


def shift(after: int, by: int) -> tuple[str, str]:
    """Return the statements that renumber the rows after one; in one step SQLite would see duplicates on the way."""
    return (
        f"UPDATE events SET seq = -seq - {by} WHERE seq > {after}",
        "UPDATE events SET seq = -seq WHERE seq < 0",
    )


def test_an_untouched_journal_is_whole(path: Path) -> None:
    """Nothing is found where nothing was done."""
    assert None is found(path)


def test_every_type_of_event_is_chained(tmp_path: Path) -> None:
    """Also over two engines, and at any time of day."""
    path = tmp_path / "journal.sqlite"
    for times in ((0.0, -0.0, 0.1, 1.8e9, 1e300), (1.0,)):
        with Journal(path) as journal:
            for at in times:
                for event in EVENTS:
                    journal.append(at, event)
    assert (None, 6 * len(EVENTS)) == (found(path), len(read_rows(path)))


@pytest.mark.parametrize(
    "edit",
    [
        "body = replace(body, 'as it was', 'as I like')",
        "body = CAST(body AS TEXT)",
        "type = 'WarningCleared'",
        "type = CAST(type AS BLOB)",
        "at = at + 0.000001",
        "at = 'noon'",
        "previous = randomblob(32)",
        "previous = substr(previous, 1, 31), body = substr(previous, 32) || body",
        "hash = zeroblob(32)",
        "hash = CAST(hash AS TEXT)",
        "body = '{}', hash = randomblob(32)",
    ],
)
@pytest.mark.parametrize("seq", [1, 5, ROWS])
def test_an_edit_is_found_at_its_row(path: Path, edit: str, seq: int) -> None:
    """Whatever column, whatever kind of value, in the first row, in the middle, and at the end."""
    change(path, f"UPDATE events SET {edit} WHERE seq = {seq}")
    finding = found(path)
    assert finding is not None
    assert (True, seq) == (finding.kind in ("edited", "forged"), finding.row)


def test_an_edit_says_what_the_row_claims_to_be(path: Path) -> None:
    """Its type and its time, as they stand there now."""
    change(path, "UPDATE events SET body = '{}' WHERE seq = 5")
    assert (
        Finding(
            "edited",
            "row 5, which claims to be WarningRaised of 1970-01-01 00:00:05+00:00, is not what was written there",
            5,
        )
        == found(path)
    )  # fmt: skip


def test_what_a_row_claims_is_safe_to_print(path: Path) -> None:
    """Whoever edits it may write what a terminal would obey, and times that no calendar has."""
    change(path, "UPDATE events SET type = ?, at = 1e300 WHERE seq = 5", values=("\x1b]0;owned\x07" + "x" * 500,))
    finding = found(path)
    assert finding is not None
    assert (True, True) == (finding.text.isprintable(), len(finding.text) < 200)


@pytest.mark.parametrize(
    ("gone", "row", "words"),
    [
        ("seq = 5", 5, "row 5 is missing; the next is row 6"),
        ("seq = 1", 1, "row 1 is missing; the next is row 2"),
        ("seq BETWEEN 3 AND 7", 3, "rows 3-7 are missing; the next is row 8"),
    ],
)
def test_a_deleted_row_is_missed(path: Path, gone: str, row: int, words: str) -> None:
    """The gap in the numbers is where it was."""
    change(path, f"DELETE FROM events WHERE {gone}")
    finding = found(path)
    assert finding is not None
    assert ("missing", row, True) == (finding.kind, finding.row, finding.text.startswith(words))


def test_a_deleted_row_is_missed_where_the_others_are_renumbered(path: Path) -> None:
    """Without a gap too: numbers are part of what is hashed."""
    change(path, "DELETE FROM events WHERE seq = 5", *shift(5, -1))
    assert ("missing", 5) == kind(path)


@pytest.mark.parametrize(("first", "second"), [(1, 2), (5, 6), (3, 11)])
def test_rows_that_change_places_are_found(path: Path, first: int, second: int) -> None:
    """Each still says what it said."""
    places = (f"seq = -1 WHERE seq = {first}", f"seq = {first} WHERE seq = {second}", f"seq = {second} WHERE seq = -1")
    change(path, *[f"UPDATE events SET {place}" for place in places])
    assert ("moved", first) == kind(path)


def test_rows_that_change_places_without_their_hashes_are_found(path: Path) -> None:
    """Only time, type and body are exchanged."""
    taken = "(SELECT {0} FROM events AS other WHERE other.seq = {1})"
    body, at = (taken.format(name, 9) for name in ("body", "at"))
    change(path, f"UPDATE events SET body = {body}, at = {at} WHERE seq = 4")
    assert ("moved", 4) == kind(path)


def test_a_row_that_was_moved_to_the_end_is_found(path: Path) -> None:
    """It is missed where it stood."""
    change(path, "UPDATE events SET seq = 40 WHERE seq = 5")
    assert ("moved", 5) == kind(path)


def forge(seq: int, previous: str) -> str:
    """Return the statement that inserts a row as one would who knows the table and lacks the key."""
    return (
        f"INSERT INTO events SELECT {seq}, 5.5, 'WarningRaised', body, {previous}, randomblob(32) "
        "FROM events WHERE seq = 3"
    )


def test_a_forged_row_in_the_middle_is_found(path: Path) -> None:
    """The rows after it are pushed on to make room."""
    change(path, *shift(4, 1), forge(5, "(SELECT hash FROM events WHERE seq = 4)"))
    assert ("forged", 5) == kind(path)


def test_a_forged_row_at_the_end_is_found(path: Path) -> None:
    """It continues the numbers and names the row before it rightly; only its own hash cannot be right."""
    change(path, forge(ROWS + 1, f"(SELECT hash FROM events WHERE seq = {ROWS})"))
    assert ("forged", ROWS + 1) == kind(path)


def test_a_forged_row_before_the_first_is_found(path: Path) -> None:
    """SQLite knows numbers below one."""
    change(path, forge(0, "zeroblob(32)"))
    assert ("forged", 0) == kind(path)


def test_a_row_that_is_there_twice_is_found(path: Path) -> None:
    """A genuine row is genuine at its own number only."""
    copy = "INSERT INTO events SELECT 5, at, type, body, previous, hash FROM events WHERE seq = 3"
    change(path, *shift(4, 1), copy)
    assert ("moved", 5) == kind(path)


def test_rows_of_an_older_copy_are_found(path: Path, tmp_path: Path) -> None:
    """Two histories with one key: each row is genuine, together they are not."""
    change(path, "DELETE FROM events WHERE seq > 6")
    shutil.copytree(path.parent, tmp_path / "other")
    for at, journal in ((70.0, path), (71.0, tmp_path / "other" / path.name)):
        with Journal(journal) as writer:
            writer.append(at, ev.WarningCleared("a"))
            writer.append(at, ev.WarningCleared("b"))
    with closing(sqlite3.connect(path)) as db:
        db.execute("ATTACH ? AS other", (str(tmp_path / "other" / path.name),))
        db.execute("DELETE FROM events WHERE seq = 7")
        db.execute("INSERT INTO events SELECT * FROM other.events WHERE seq = 7")
        db.commit()
    assert ("foreign", 8) == kind(path)


def test_a_row_of_another_lab_is_found(path: Path, tmp_path: Path) -> None:
    """Its key is another one, even where all that it says is the same."""
    other = tmp_path / "other.sqlite"
    with Journal(other) as journal:
        for number in range(1, ROWS + 1):
            journal.append(float(number), ev.WarningRaised(f"topic {number}", "as it was"))
    shutil.copy(other, path)
    assert 1 == first_break(read_rows(path), chain.key_of(path), Head(0, b"")).row  # type: ignore[union-attr]


ANY = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(), st.binary(max_size=40))


@pytest.fixture(scope="module")
def copy_of(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Gives the untouched journal again, at the same place: one folder serves all examples."""
    folder = tmp_path_factory.mktemp("copies") / "lab"

    def fresh() -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(written.parent, folder)
        return folder / written.name

    return fresh


@given(
    seq=st.integers(1, ROWS),
    column=st.sampled_from(["seq", "at", "type", "body", "previous", "hash"]),
    value=ANY,
)
@example(seq=5, column="at", value=5)
@example(seq=5, column="seq", value=-5)
@example(seq=5, column="type", value="WarningRaised\0")
@example(seq=1, column="previous", value=bytes(31) + b"\x01")
def test_any_change_of_one_value_is_found(copy_of: Callable[[], Path], seq: int, column: str, value: object) -> None:
    """Any column of any row, to anything that SQLite takes; not later than at its row."""
    path = copy_of()
    before = read_rows(path)
    try:
        change(path, f"UPDATE events SET {column} = ? WHERE seq = {seq}", values=(value,))
    except (sqlite3.IntegrityError, UnicodeEncodeError):  # a number that is taken or no number; half a character
        assume(False)
    assume(before != read_rows(path))  # 5 and 5.0 are one time
    finding = found(path)
    assert finding is not None and finding.row is not None
    assert finding.row <= seq
