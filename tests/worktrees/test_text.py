"""Nothing from outside reaches a terminal but text."""

from __future__ import annotations

import pytest

from worktrees.text import printable


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("a\x1b[31mred\x1b[0mb", "aredb", id="colours"),
        pytest.param("a\x1b[2J\x1b[1;1Hb", "ab", id="erase and move"),
        pytest.param("a\x1b]0;title\x07b", "ab", id="window title"),
        pytest.param("a\x1b]52;c;Zm9v\x1b\\b", "ab", id="clipboard"),
        pytest.param("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb", id="link"),
        pytest.param("a\x1bPq#0\x1b\\b", "ab", id="device control"),
        pytest.param("a\x1b_payload\x1b\\b", "ab", id="application command"),
        pytest.param("a\x1bcb", "ab", id="reset"),
        pytest.param("a\x1b(0b", "ab", id="character set"),
        pytest.param("a\x1b", "a", id="escape at the end"),
        pytest.param("a\x1b\x1b[31mb", "ab", id="doubled escape"),
        pytest.param("a\x9b31mb", "a31mb", id="eight-bit introducer"),
        pytest.param("a\x00\x07\x08\x7f\x85b", "ab", id="controls"),
        pytest.param("a\rb\x0bc\x0cd", "abcd", id="carriage return and form feed"),
        pytest.param("a\u202eb\u202c\u2066c\u2069\u200fd\u061c", "abcd", id="direction"),
        pytest.param("a\u2028b\u2029c", "abc", id="other line ends"),
        pytest.param("a\u200bb\ufeffc\u2060d\u206ae", "abcde", id="invisible"),
        pytest.param("a\U000e0041b", "ab", id="tag characters"),
        pytest.param("a\ud800b\udcffc", "abc", id="lone surrogates"),
        pytest.param("\tx", "    x", id="tab"),
        pytest.param("σ ± → 日本 é", "σ ± → 日本 é", id="text stays"),
    ],
)
def test_only_text_is_left(raw: str, shown: str) -> None:
    """Escape sequences, controls and invisible or direction-changing characters go; letters stay."""
    assert shown == printable(raw)


def test_newlines_stay() -> None:
    """Where lines end is the caller's business."""
    assert "a\nb\n" == printable("a\nb\n")


@pytest.mark.parametrize("opening", ["\x1b]0;", "\x1bP", "\x1b^"])
def test_a_sequence_that_never_ends_hides_no_lines(opening: str) -> None:
    """Only its own line goes: else one stray escape would swallow the rest of a log."""
    assert "a\nsecond\n" == printable(f"a{opening}rest\nsecond\n")


def test_a_tab_is_as_wide_as_asked() -> None:
    """The width of a tab is a choice of the view."""
    assert "a  b" == printable("a\tb", tab=2)
