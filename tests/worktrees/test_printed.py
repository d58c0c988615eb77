"""What a run has printed: as a terminal would have left it, however it comes, however long it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from worktrees.printed import Printed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log will be."""
    return tmp_path / "log.txt"


def add(path: Path, text: str) -> None:
    """Print more."""
    with path.open("a", newline="") as file:
        file.write(text)


def test_a_line_that_redraws_itself_is_one_line_that_changes(path: Path) -> None:
    """However the parts are cut, what was printed before it stays, and the newest state takes the place of the last."""
    log, seen = Printed(path, 10, 80), []
    for part in ("start\n\rst", "ep 1\r", "step 2", "\rstep 3\r", "\nend\n"):
        add(path, part)
        assert log.read()
        seen.append(log.lines)
    last = [("start", "step 1"), ("start", "step 2"), ("start", "step 3"), ("start", "step 3", "end")]
    assert [("start", "st"), *last] == seen
    assert not log.read()


def test_hours_of_steps_do_not_push_out_what_came_first(path: Path) -> None:
    """A step line of megabytes is one line; the lines above it are still there."""
    add(path, "compiled\n" + "".join(f"\rstep {number}" for number in range(200_000)))
    log = Printed(path, 10, 80)
    log.read()
    assert ("compiled", "step 199999") == log.lines


def test_the_last_lines_are_kept_and_the_others_counted(path: Path) -> None:
    """Of a long log the newest lines remain, and how many came before them is known."""
    log = Printed(path, 3, 80)
    for start in (0, 2, 4):
        add(path, f"{start}\n{start + 1}\n")
        log.read()
    assert (("3", "4", "5"), 3) == (log.lines, log.dropped)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        ("\x1b[38;5;208mred", "\x1b]0;PWN\x07\x1b[2J\x1b[38;5;208mred\x07\x00"),
        ("red", "\x1b[Hred\x1b[6n\u202e"),
        ("", "\x1b]8;;http://x\x1b\\\x1b[?1049h"),
    ],
)
def test_of_escape_sequences_only_colours_remain(path: Path, shown: str, printed: str) -> None:
    """Titles, erases, cursor moves, links and questions to the terminal are removed."""
    add(path, printed + "\n")
    log = Printed(path, 3, 80)
    log.read()
    assert (shown,) == log.lines


def test_another_log_in_its_place_is_read_from_its_start(path: Path) -> None:
    """A run that was started again begins a new log; nothing of the old one stays."""
    log = Printed(path, 10, 80)
    add(path, "old\nhalf a li")
    log.read()
    path.rename(path.with_name("log.1.txt"))
    add(path, "new, and longer than the old one was\n")
    log.read()
    assert ("new, and longer than the old one was",) == log.lines


def test_no_plain_file_is_no_log(path: Path) -> None:
    """A missing file and a named pipe hold nothing, and neither blocks its reader."""
    assert not Printed(path, 10, 80).read()
    os.mkfifo(path)
    assert not Printed(path, 10, 80).read()
