"""How does text become cells?

A line is a tuple of (text, role) pairs. Everything that reaches the terminal passes `strip`, so this is also where
text from outside is made harmless: no control characters, no escape sequences, no markup, exactly as wide as asked.
"""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

from tui.theme import Theme, to_ascii
from worktrees.text import printable

Span = tuple[str, str]
Line = tuple[Span, ...]

BLANK: Line = ()

_JOINERS = dict.fromkeys([0x200C, 0x200D, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])
"""Joiners and variation selectors: terminals disagree on the width of what they make, which breaks every border."""


def tame(text: str) -> str:
    """Return `text` on one line, without anything that a terminal could obey or measure differently than we do."""
    if text.isascii() and text.isprintable():
        return text
    text = printable(text).replace("\n", " ").translate(_JOINERS)
    return text.encode("utf-8", "replace").decode()


def clip(text: str, width: int) -> str:
    """Return `text` in at most `width` cells, cut with an ellipsis."""
    text = tame(text)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else "…"[:width]


def fit(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells, flush left."""
    text = clip(text, width)
    return text + " " * (width - cell_len(text))


def flush(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells, flush right."""
    text = clip(text, width)
    return " " * (width - cell_len(text)) + text


def centre(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells, centred, rather to the right."""
    text = clip(text, width)
    left = (width - cell_len(text) + 1) // 2
    return fit(" " * left + text, width)


def cells(line: Line) -> int:
    """Return how many cells `line` takes."""
    return sum(cell_len(text) for text, _ in line)


def overlay(line: Line, role: str) -> Line:
    """Return `line` with `role` laid over every span."""
    return tuple((text, f"{own} {role}") for text, own in line)


def window(line: Line, start: int, width: int) -> Line:
    """Return at most `width` cells of `line` from cell `start` on; of a wide glyph that is cut a blank remains."""
    result: list[Span] = []
    for text, role in line:
        text = tame(text)
        if text.isascii():
            size, part = len(text), text[max(0, start) : max(0, start + width)]
        else:
            size, part = cell_len(text), _between(text, start, start + width)
        if part:
            result.append((part, role))
        start -= size
    return tuple(result)


def fill(line: Line, width: int, role: str) -> Line:
    """Return `line` in exactly `width` cells, padded in `role`."""
    line = window(line, 0, width)
    return (*line, (" " * (width - cells(line)), role))


def spread(left: Line, right: Line, width: int, fill: Span = (" ", "text")) -> Line:
    """Return `left` and `right` at the two ends of `width` cells; `right` is left out where they would touch."""
    gap = width - cells(left) - cells(right)
    if gap < 1:
        return left
    return (*left, (fill[0] * gap, fill[1]), *right)


def wrap(text: str, width: int) -> list[str]:
    """Break `text` into lines of at most `width` cells, at blanks where there are any.

    A line has room for one wide glyph at least: a terminal of one column would be waited for forever.
    """
    width = max(2, width)
    lines, line = [], ""
    for word in tame(text).split():
        while cell_len(word) > width:
            head = set_cell_size(word, width - cell_len(line) - 1 if line else width).rstrip()
            lines.append(f"{line} {head}".strip())
            word, line = word[len(head) :], ""
        if line and cell_len(line) + 1 + cell_len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line or not lines else lines


@lru_cache(maxsize=2048)  # a dozen screens of lines; a strip takes some kilobytes
def strip(line: Line, width: int, theme: Theme, over: str = "") -> Strip:
    """Return `line` as exactly `width` painted cells; `over` is laid over all of it, the padding included."""
    segments = []
    for text, role in line:
        text = tame(text)
        style = theme.style(f"{role} {over}" if over else role)
        segments.append(Segment(to_ascii(text) if theme.ascii else text, style))
    ground = theme.style(f"text {over}")
    painted = Strip(segments)
    if painted.cell_length > width and width and painted.crop(width).text.strip():
        more = Segment("~" if theme.ascii else "…", ground)
        return Strip([*painted.crop(0, width - 1), more], width)
    return painted.adjust_cell_length(width, ground)


def difference(old: Strip, new: Strip) -> tuple[int, int] | None:
    """Return the half-open range of cells in which two strips of the same width differ, or None."""
    if old is new or old == new:  # mostly the same object, out of the cache of `strip`
        return None
    left = _common(list(old), list(new), 1)
    right = new.cell_length - _common(list(reversed(list(old))), list(reversed(list(new))), -1)
    return (left, right) if left < right else (0, new.cell_length)


def _between(text: str, start: int, end: int) -> str:
    """Return the cells of `text` from `start` to before `end`."""
    result, at = [], 0
    for character in text:
        size = cell_len(character)
        if start <= at and at + size <= end:
            result.append(character)
        else:
            result.append(" " * (min(at + size, end) - max(at, start)))
        at += size
    return "".join(result)


def _common(old: list[Segment], new: list[Segment], step: int) -> int:
    """Return how many cells at the beginning (step 1) or end (step -1) are alike."""
    same = 0
    for one, other in zip(old, new, strict=False):
        if one == other:
            same += one.cell_length
            continue
        if one.style == other.style:
            for a, b in zip(one.text[::step], other.text[::step], strict=False):
                if a != b:
                    break
                same += cell_len(a)
        break
    return same
