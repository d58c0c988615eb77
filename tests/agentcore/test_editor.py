"""The editor reads the worktree and writes the editable file, byte for byte as it was but for the edit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentcore.agents.editor import VIEW_CHARACTERS, ToolError, edit

EDITABLE = ("train.py", "model/net.py")
SOURCE = "A = 1\nB = 2\nC = 3\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A worktree with one editable file, one that is not, and something outside of it."""
    root = tmp_path / "worktree"
    (root / "model").mkdir(parents=True)
    (root / "train.py").write_text(SOURCE)
    (root / "evaluate.py").write_text("score()\n")
    (root / ".git").write_text("gitdir: elsewhere\n")
    (tmp_path / "outside.py").write_text("secret = 1\n")
    return root


def use(root: Path, command: str, path: str = "train.py", **arguments: Any) -> str:
    """Call the tool."""
    return edit(root, EDITABLE, {"command": command, "path": path, **arguments})


def refused(root: Path, command: str, path: str = "train.py", **arguments: Any) -> str:
    """Return why the tool does not do it; nothing at all has changed then."""
    before = {file: file.read_bytes() for file in root.parent.rglob("*") if file.is_file()}
    with pytest.raises(ToolError) as caught:
        use(root, command, path, **arguments)
    assert before == {file: file.read_bytes() for file in root.parent.rglob("*") if file.is_file()}
    return str(caught.value)


def source(root: Path) -> bytes:
    """Return the editable file."""
    return (root / "train.py").read_bytes()


# --- What may be touched ---


@pytest.mark.parametrize(
    "path",
    [
        "../outside.py",
        "/etc/passwd",
        "model/../../outside.py",
        "..",
        "/",
        ".git",
        ".git/config",
        "model/../.git",
        "~/x/../../..",
    ],
)
@pytest.mark.parametrize("command", ["view", "create"])
def test_what_lies_outside_is_not_touched(root: Path, command: str, path: str) -> None:
    """Nor is git's own; the model is told how paths are written."""
    assert "outside of the worktree" in refused(root, command, path, file_text="x")


@pytest.mark.parametrize("path", ["train.py", "./train.py", "model/../train.py", "model//../train.py"])
def test_a_path_may_be_written_in_many_ways(root: Path, path: str) -> None:
    """What counts is where it leads."""
    use(root, "create", path, file_text="x\n")
    assert b"x\n" == source(root)


def test_an_absolute_path_into_the_worktree_is_one(root: Path) -> None:
    """Models like to write them."""
    use(root, "str_replace", str(root / "train.py"), old_str="B = 2", new_str="B = 5")
    assert b"A = 1\nB = 5\nC = 3\n" == source(root)


@pytest.mark.parametrize("command", ["view", "create", "str_replace", "insert"])
@pytest.mark.parametrize("target", ["../outside.py", "/etc/passwd", "evaluate.py", "train.py", "nowhere"])
def test_a_link_is_not_followed(root: Path, command: str, target: str) -> None:
    """Neither out of the worktree nor inside of it, nor in a circle."""
    (root / "train.py").unlink()
    (root / "train.py").symlink_to(target)
    refused(root, command, file_text="x", old_str="secret", new_str="x", insert_line=0, insert_text="x")
    assert (root / "train.py").is_symlink()


@pytest.mark.parametrize("command", ["view", "create"])
def test_a_folder_that_is_a_link_leads_nowhere(root: Path, command: str) -> None:
    """A file behind it lies outside."""
    (root / "model").rmdir()
    (root / "model").symlink_to(root.parent)
    assert "outside of the worktree" in refused(root, command, "model/outside.py", file_text="x")


@pytest.mark.parametrize("path", ["evaluate.py", "new.py", "model", "train.py/x", "."])
def test_only_the_editable_files_are_written(root: Path, path: str) -> None:
    """They are named."""
    assert "editable: train.py, model/net.py" in refused(root, "create", path, file_text="x")


def test_an_editable_file_that_is_missing_is_made(root: Path) -> None:
    """It was deleted, say."""
    (root / "train.py").unlink()
    use(root, "create", file_text="x\n")
    assert b"x\n" == source(root)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["pipe", "folder"])
@pytest.mark.parametrize("command", ["view", "create", "str_replace", "insert"])
def test_what_is_no_file_is_neither_read_nor_written(root: Path, command: str, make: Callable[[Path], object]) -> None:
    """A pipe would be waited at for ever."""
    (root / "train.py").unlink()
    make(root / "train.py")
    if command == "view" and make is Path.mkdir:
        assert "(empty)" == use(root, "view")
    else:
        refused(root, command, file_text="x", old_str="x", new_str="y", insert_line=0, insert_text="x")


@pytest.mark.parametrize("path", ["x" * 5000, "a/" * 3000, "\0", "\ud800", "train.py\0", "nul/" * 5 + "x", "x" * 300])
@pytest.mark.parametrize("command", ["view", "create", "str_replace"])
def test_a_path_that_is_none_is_said(root: Path, command: str, path: str) -> None:
    """Whatever a model makes up."""
    assert "" != refused(root, command, path, file_text="x", old_str="x")


# --- Arguments ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "command is missing"),
        ({"command": "view"}, "path is missing"),
        ({"command": "view", "path": 7}, "path is missing"),
        ({"command": None, "path": "train.py"}, "command is missing"),
        ({"command": "undo_edit", "path": "train.py"}, "unknown command 'undo_edit'"),
        ({"command": "create", "path": "train.py"}, "file_text is missing"),
        ({"command": "create", "path": "train.py", "file_text": ["x"]}, "file_text is missing"),
        ({"command": "str_replace", "path": "train.py"}, "old_str is missing"),
        ({"command": "str_replace", "path": "train.py", "old_str": "A", "new_str": 5}, "new_str is missing"),
        ({"command": "insert", "path": "train.py", "insert_text": "x"}, "insert needs insert_line"),
        ({"command": "insert", "path": "train.py", "insert_line": "1", "insert_text": "x"}, "insert needs insert_line"),
        ({"command": "insert", "path": "train.py", "insert_line": 1}, "insert needs insert_line"),
        ({"command": "insert", "path": "train.py", "insert_line": 1.0, "insert_text": "x"}, "insert needs insert_line"),
    ],
)
def test_a_missing_argument_is_named(root: Path, arguments: dict[str, Any], message: str) -> None:
    """Or one of another kind: nothing is made up for it."""
    with pytest.raises(ToolError, match=message):
        edit(root, EDITABLE, arguments)
    assert SOURCE.encode() == source(root)


# --- Viewing ---


def test_a_view_numbers_lines(root: Path) -> None:
    """From one on."""
    assert "     1\tA = 1\n     2\tB = 2\n     3\tC = 3" == use(root, "view")


@pytest.mark.parametrize(
    ("view_range", "lines"),
    [
        ([1, 1], [1]),
        ([2, 3], [2, 3]),
        ([2, -1], [2, 3]),
        ([0, 2], [1, 2]),
        ([-5, 1], [1]),
        ([3, 99], [3]),
        (None, [1, 2, 3]),
        ([2], [1, 2, 3]),
        (["2", "3"], [1, 2, 3]),
        ("2-3", [1, 2, 3]),
    ],
)
def test_a_view_shows_its_range(root: Path, view_range: Any, lines: list[int]) -> None:
    """As far as there is a file; what is no range is all of it."""
    shown = use(root, "view", view_range=view_range)
    assert lines == [int(line.split("\t")[0]) for line in shown.splitlines()]


@pytest.mark.parametrize("view_range", [[4, 5], [99, -1], [3, 2], [2, 0], [1, -2], [10**30, 10**30]])
def test_a_range_without_lines_is_said(root: Path, view_range: list[int]) -> None:
    """An empty answer would look like an empty file."""
    assert "the file has 3" in refused(root, "view", view_range=view_range)


def test_an_empty_file_is_said(root: Path) -> None:
    """An answer must not be empty."""
    (root / "train.py").write_text("")
    assert ("(empty)", "(empty)") == (use(root, "view"), use(root, "view", view_range=[1, -1]))


def test_a_folder_is_listed(root: Path) -> None:
    """Without git's own; folders end with a slash."""
    assert ("evaluate.py\nmodel/\ntrain.py", "(empty)") == (use(root, "view", "."), use(root, "view", "model"))


def test_a_long_file_is_cut(root: Path) -> None:
    """And how to see the rest."""
    (root / "train.py").write_text("x = 1\n" * 100_000)
    shown = use(root, "view")
    assert (True, True) == (len(shown) < VIEW_CHARACTERS + 100, shown.endswith("characters left out: use view_range"))


def test_a_long_folder_is_cut(root: Path) -> None:
    """A command may have made ten thousand files."""
    for index in range(1200):
        (root / "model" / f"{index:05d}{'x' * 100}").touch()
    assert len(use(root, "view", "model")) < VIEW_CHARACTERS + 100


@pytest.mark.parametrize("data", [b"\x00\xff\xfe", b"A = 1\n\xe9\n", b"\x80" * 100])
def test_a_file_that_is_no_text_is_not_read(root: Path, data: bytes) -> None:
    """It is said, and kept as it is."""
    (root / "train.py").write_bytes(data)
    assert "cannot be read as text" in refused(root, "view")
    assert "cannot be read as text" in refused(root, "insert", insert_line=0, insert_text="x")


def test_lines_are_those_that_python_counts(root: Path) -> None:
    """A form feed or a separator of paragraphs ends no line: tracebacks and grep count without them."""
    (root / "train.py").write_bytes("a\x0cb\u2028c\x1cd\x85e\nB\n".encode())
    use(root, "insert", insert_line=1, insert_text="new")
    assert "a\x0cb\u2028c\x1cd\x85e\nnew\nB\n".encode() == source(root)


# --- Replacing ---


def test_a_replacement_shows_what_it_made(root: Path) -> None:
    """With the lines around it, so that no view is needed."""
    shown = use(root, "str_replace", old_str="B = 2", new_str="B = 3\nB = 4")
    assert (b"A = 1\nB = 3\nB = 4\nC = 3\n", True) == (source(root), "     3\tB = 4" in shown)


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ("B = 2\n", "", "A = 1\nC = 3\n"),
        (SOURCE, "", ""),
        ("\nB = 2\nC = 3\n", "", "A = 1"),
        ("C = 3\n", "", "A = 1\nB = 2\n"),
        ("A", "ä\U0001f600", "ä\U0001f600 = 1\nB = 2\nC = 3\n"),
        ("B = 2", "\\1 \\g<0> $1", "A = 1\n\\1 \\g<0> $1\nC = 3\n"),
    ],
)
def test_exactly_the_text_is_replaced(root: Path, old: str, new: str, left: str) -> None:
    """Deleting, emptying and odd characters included."""
    use(root, "str_replace", old_str=old, new_str=new)
    assert left.encode() == source(root)


@pytest.mark.parametrize("new", [{}, {"new_str": None}, {"new_str": ""}])
def test_without_a_new_text_the_old_one_goes(root: Path, new: dict[str, Any]) -> None:
    """Models leave it out."""
    use(root, "str_replace", old_str="B = 2\n", **new)
    assert b"A = 1\nC = 3\n" == source(root)


@pytest.mark.parametrize("old", ["", "D = 4", "B  = 2", "b = 2", "B = 2\n\n", "\r"])
def test_a_text_that_does_not_occur_is_said(root: Path, old: str) -> None:
    """An empty one occurs nowhere."""
    assert "does not occur" in refused(root, "str_replace", old_str=old, new_str="x")


@pytest.mark.parametrize(("text", "old"), [("A\nA\n", "A"), ("aaa", "aa"), ("xabab ab", "ab"), ("\n\n\n", "\n\n")])
def test_a_text_that_occurs_twice_is_said(root: Path, text: str, old: str) -> None:
    """Also where the two overlap: which one was meant?"""
    (root / "train.py").write_text(text)
    assert "times" in refused(root, "str_replace", old_str=old, new_str="x")


def test_half_a_character_is_not_written(root: Path) -> None:
    """And the file is not emptied by the attempt."""
    refused(root, "str_replace", old_str="A", new_str="\ud800")
    refused(root, "create", file_text="\ud800")


# --- Inserting ---


@pytest.mark.parametrize(
    ("before", "line", "added", "after"),
    [
        (SOURCE, 0, "X", "X\nA = 1\nB = 2\nC = 3\n"),
        (SOURCE, 1, "X\n", "A = 1\nX\nB = 2\nC = 3\n"),
        (SOURCE, 3, "X\nY", "A = 1\nB = 2\nC = 3\nX\nY\n"),
        ("", 0, "X", "X\n"),
        ("A", 1, "X", "A\nX\n"),
        ("A", 0, "X", "X\nA"),
        ("A\nB", 1, "X", "A\nX\nB"),
        ("A\n", 1, "", "A\n\n"),
    ],
)
def test_lines_are_inserted_after_a_line(root: Path, before: str, line: int, added: str, after: str) -> None:
    """At the top for zero; a line that had no end gets one only where something follows it."""
    (root / "train.py").write_text(before)
    use(root, "insert", insert_line=line, insert_text=added)
    assert after.encode() == source(root)


@pytest.mark.parametrize("line", [-1, 4, 10**30])
def test_a_line_that_is_not_there_is_said(root: Path, line: int) -> None:
    """With how many there are."""
    assert "the file has 3 lines" in refused(root, "insert", insert_line=line, insert_text="x")


# --- Ends of lines ---

DOS = b"A = 1\r\nB = 2\r\nC = 3\r\n"


@pytest.mark.parametrize(
    ("command", "arguments", "after"),
    [
        (
            "str_replace",
            {"old_str": "A = 1\nB = 2", "new_str": "A = 5\nX = 1\nB = 6"},
            b"A = 5\r\nX = 1\r\nB = 6\r\nC = 3\r\n",
        ),
        ("str_replace", {"old_str": "A = 1\r\nB", "new_str": "A = 5\r\nB"}, b"A = 5\r\nB = 2\r\nC = 3\r\n"),
        ("insert", {"insert_line": 1, "insert_text": "X\nY"}, b"A = 1\r\nX\r\nY\r\nB = 2\r\nC = 3\r\n"),
        ("insert", {"insert_line": 3, "insert_text": "X\r\n"}, DOS + b"X\r\n"),
        ("create", {"file_text": "X\nY\n"}, b"X\r\nY\r\n"),
    ],
)
def test_a_file_with_dos_lines_keeps_them(root: Path, command: str, arguments: dict[str, Any], after: bytes) -> None:
    """The view does not show them, so the model writes others; the diff must be its edit and no more."""
    (root / "train.py").write_bytes(DOS)
    use(root, command, **arguments)
    assert after == source(root)


def test_a_file_with_plain_lines_keeps_them(root: Path) -> None:
    """Whatever the model ends its own with."""
    use(root, "str_replace", old_str="A = 1\r\nB", new_str="A = 5\r\nB")
    use(root, "insert", insert_line=3, insert_text="X\r\n")
    assert b"A = 5\nB = 2\nC = 3\nX\n" == source(root)


def test_a_file_with_both_sorts_of_lines_is_left_as_it_is(root: Path) -> None:
    """But for the edit."""
    (root / "train.py").write_bytes(b"A\r\nB\nC\r\n")
    use(root, "str_replace", old_str="B", new_str="X")
    assert b"A\r\nX\nC\r\n" == source(root)


def test_a_file_without_a_last_newline_keeps_none(root: Path) -> None:
    """It is no part of the edit."""
    (root / "train.py").write_bytes(b"A\r\nB")
    use(root, "str_replace", old_str="B", new_str="X")
    assert b"A\r\nX" == source(root)


TEXTS = st.text(alphabet="ab\n\r\x0c\u2028ä", max_size=20)


@given(before=TEXTS, old=TEXTS, new=TEXTS, line=st.integers(-1, 9))
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_no_text_breaks_it(
    tmp_path_factory: pytest.TempPathFactory, before: str, old: str, new: str, line: int
) -> None:
    """Whatever file and arguments: it is done or refused, and what is around an insertion stays."""
    root = tmp_path_factory.mktemp("any")
    (root / "train.py").write_bytes(before.encode())
    for command, arguments in (
        ("str_replace", {"old_str": old, "new_str": new}),
        ("view", {"view_range": [line, 3]}),
        ("insert", {"insert_line": line, "insert_text": new}),
    ):
        kept = source(root).decode()
        try:
            use(root, command, **arguments)
        except ToolError:
            assert kept == source(root).decode()
        else:
            assert command != "insert" or len(source(root).decode()) >= len(kept) + len(new.replace("\r\n", "\n"))
