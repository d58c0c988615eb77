"""Stories of a line of text: the keys of a shell, and a value that the first letter takes the place of."""

from __future__ import annotations

import pytest

from tui.lines import cells
from tui.sheets.line import TypedLine

LONGEST = 20


def after(line: TypedLine, *keys: str) -> tuple[str, int]:
    """Return the text and the cursor's place after some keys."""
    for key in keys:
        line = line.press(key, LONGEST)
    return line.text, line.at


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("x",), ("one two x", 9)),
        (("backspace",), ("one two", 7)),
        (("left", "left", "backspace"), ("one to ", 5)),
        (("home", "delete", "left", "x"), ("xne two ", 1)),
        (("ctrl+a", "x", "ctrl+e", "y"), ("xone two y", 10)),
        (("ctrl+u",), ("", 0)),
        (("left", "left", "ctrl+u"), ("o ", 0)),
        (("home", "right", "right", "right", "ctrl+k"), ("one", 3)),
        (("ctrl+w",), ("one ", 4)),
        (("ctrl+w", "ctrl+w", "ctrl+w"), ("", 0)),
        (("left", "left", "ctrl+w"), ("one o ", 4)),
        (("up", "down", "ctrl+d", "f5", "tab"), ("one two ", 8)),
        ((*"abcdefghijklmnop",), ("one two abcdefghijkl", 20)),
    ],
)
def test_a_line_takes_the_keys_of_a_shell(keys: tuple[str, ...], expected: tuple[str, int]) -> None:
    """Words and ends are taken away, the cursor moves, and a key that means nothing changes nothing."""
    assert expected == after(TypedLine("one two ", 8), *keys)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("9",), ("9", 1)),
        (("9", "0"), ("90", 2)),
        (("backspace",), ("", 0)),
        (("ctrl+u", "9"), ("9", 1)),
        (("ctrl+w",), ("", 0)),
        (("left", "9"), ("08:090", 5)),
        (("end", "9"), ("08:009", 6)),
        (("home", "delete"), ("8:00", 0)),
    ],
)
def test_what_is_selected_gives_way_to_what_is_typed(keys: tuple[str, ...], expected: tuple[str, int]) -> None:
    """A cursor key keeps it."""
    assert expected == after(TypedLine("08:00").select(), *keys)


def test_a_paste_is_one_line_without_control_characters() -> None:
    """It takes the place of what is selected, and no more than there is room for."""
    assert ("2h now", 6) == after(TypedLine("08:00").select().put("2h\x1b[2J\r\nnow", LONGEST))
    assert "x" * LONGEST == TypedLine("x" * 18, 18).put("xxxx", LONGEST).text


def test_the_cursor_is_always_shown() -> None:
    """However long the line, and however wide its letters."""
    for text in ("w" * 50, "漢" * 50):
        before, cursor, after_it = TypedLine(text, 50).shown(10)
        assert (True, (" ", "blink"), "") == (8 < cells((before,)) <= 10, cursor, after_it[0])
    assert (("ab", "blink"), (" ", "blink"), ("", "text")) == TypedLine("ab").select().shown(10)
