"""Whatever a training writes into its metrics and its log, reading them is quick, bounded and safe to show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from worktrees.metrics import MetricPoint, Tail, last_point, tail_text

TWO = b'{"step": 1, "loss": 4.5}\n{"step": 2, "loss": 4.25}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file under test lies; it does not exist yet."""
    return tmp_path / "file"


def test_all_fields_are_read(path: Path) -> None:
    """A line with every field gives a point with every field."""
    path.write_bytes(
        b'{"step": 7, "progress": 0.5, "loss": 3.5, "tokens": 1024, "tokens_per_s": 10.5, "mfu": 39.5,'
        b' "elapsed_s": 2.5, "peak_mb": 100.5, "learning_rate": 0.02}\n'
    )
    assert (MetricPoint(7, 0.5, 3.5, 1024, 10.5, 39.5, 2.5, 100.5),) == Tail(path).read()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "null", '"3"', "true", "1" + "0" * 400])
def test_a_loss_that_is_no_finite_number_is_none(path: Path, value: str) -> None:
    """The point stays, its loss is None."""
    path.write_text(f'{{"step": 1, "loss": {value}}}\n')
    assert (MetricPoint(step=1),) == Tail(path).read()


def test_a_missing_file_has_no_points(path: Path) -> None:
    """Before the training wrote anything there is nothing."""
    assert () == Tail(path).read()


def test_only_new_points_are_returned(path: Path) -> None:
    """The second read returns what came since the first."""
    path.write_bytes(TWO)
    tail = Tail(path)
    tail.read()
    with path.open("ab") as file:
        file.write(b'{"step": 3}\n')
    assert (MetricPoint(step=3),) == tail.read()


def test_a_torn_line_waits_for_its_end(path: Path) -> None:
    """Half a line is no point and no garbage; with its other half it is one point."""
    path.write_bytes(b'{"step": 1}\n{"st')
    tail = Tail(path)
    first = tail.read()
    with path.open("ab") as file:
        file.write(b'ep": 2}\n')
    assert ((MetricPoint(step=1),), (MetricPoint(step=2),), 0) == (first, tail.read(), tail.skipped)


def test_garbage_is_skipped_and_counted(path: Path) -> None:
    """Lines without a point cost nothing but a count."""
    deep = b"[" * 50_000
    path.write_bytes(b'\xff\x00\n{"step": 1}\n[1]\n{"other": 2}\n' + deep + b"\n\n")
    tail = Tail(path)
    assert ((MetricPoint(step=1),), 4) == (tail.read(), tail.skipped)


def test_a_file_that_became_shorter_is_read_anew(path: Path) -> None:
    """A truncated file starts over."""
    path.write_bytes(TWO)
    tail = Tail(path)
    tail.read()
    path.write_bytes(b'{"step": 9}\n')
    assert (MetricPoint(step=9),) == tail.read()


def test_a_file_that_was_replaced_is_read_anew(path: Path) -> None:
    """Another file of the same length and name starts over."""
    path.write_bytes(TWO)
    tail = Tail(path)
    tail.read()
    other = path.with_name("other")
    other.write_bytes(TWO)
    other.replace(path)
    assert 2 == len(tail.read())


def test_a_line_without_end_does_not_stop_the_view(path: Path) -> None:
    """Megabytes without a newline are skipped; what follows is read."""
    path.write_bytes(b"x" * (9 << 20) + b'\n{"step": 1}\n')
    tail = Tail(path)
    assert (MetricPoint(step=1),) == sum((tail.read() for _ in range(3)), ())


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/passwd", path)])
def test_only_a_plain_file_is_read(path: Path, make: object) -> None:
    """A pipe does not block the reader, a link does not lead it elsewhere, a folder is no error."""
    assert callable(make)
    make(path)
    assert ((), None, ()) == (Tail(path).read(), last_point(path), tail_text(path, 10, 80))


def test_the_last_point_is_the_last_complete_one(path: Path) -> None:
    """Torn lines and garbage at the end are passed over."""
    path.write_bytes(TWO + b'garbage\n{"step": 3')
    assert MetricPoint(step=2, loss=4.25) == last_point(path)


def test_the_last_point_of_a_large_file(path: Path) -> None:
    """The end is enough, however much comes before it."""
    path.write_bytes(TWO * 100_000)
    assert MetricPoint(step=2, loss=4.25) == last_point(path)


def test_without_a_point_there_is_no_last_one(path: Path) -> None:
    """An empty file has no last point."""
    path.touch()
    assert None is last_point(path)


def test_the_last_lines_of_a_log(path: Path) -> None:
    """The last lines come in order, also one without its end yet."""
    path.write_text("one\ntwo\nthree\nfo")
    assert ("two", "three", "fo") == tail_text(path, 3, 80)


def test_a_log_shorter_than_asked(path: Path) -> None:
    """A short log is returned whole."""
    path.write_text("one\n")
    assert ("one",) == tail_text(path, 10, 80)


def test_no_lines_of_a_log(path: Path) -> None:
    """Asked for no line there is none."""
    path.write_text("one\ntwo\n")
    assert () == tail_text(path, 0, 80)


@pytest.mark.parametrize("text", ["10%\r50%\r90%", "10%\r90%\r", "\r\r90%\r\n"])
def test_a_carriage_return_starts_the_line_anew(path: Path, text: str) -> None:
    """Of a progress bar the last state is shown."""
    path.write_text(text, newline="")
    assert ("90%",) == tail_text(path, 10, 80)


@pytest.mark.parametrize(
    "text", ["\x1b[1;31mred\x1b[0m", "\x1b]0;title\x07red", "\x1b[2J\x1b[Hred\x07\x08", "\x85red", "\u202ered"]
)
def test_a_log_reaches_the_screen_as_plain_text(path: Path, text: str) -> None:
    """Colours, titles, cursor moves, bells and changes of direction are removed."""
    path.write_text(text)
    assert ("red",) == tail_text(path, 10, 80)


def test_long_lines_are_cut(path: Path) -> None:
    """A line has at most the width that is asked for."""
    path.write_text("x" * 1000)
    assert ("x" * 80,) == tail_text(path, 10, 80)


def test_a_huge_log_is_read_from_its_end(path: Path) -> None:
    """Only whole lines from the end of a large log are shown."""
    path.write_bytes(b"0123456789abcde\n" * (1 << 17))
    assert ("0123456789abcde",) * 2 == tail_text(path, 2, 80)


def test_a_log_can_be_read_from_an_offset(path: Path) -> None:
    """What lies before the offset does not count, even where fewer lines remain than asked for."""
    path.write_text("train\nevaluate\n")
    assert ("evaluate",) == tail_text(path, 10, 80, since=6)
