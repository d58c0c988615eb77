"""How are curves drawn with text? Eight dots to a cell where there is braille, else one `*` or `.`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from agentcore.results.curve import Curve
from tui.lines import Line

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille glyph, by row and column of the dot (Unicode block 2800)."""

FIRST, OTHERS = "*", "."
"""What stands for the curve in front and for those behind it, without braille."""


def draw(
    curves: Sequence[tuple[Curve, str]], width: int, height: int, low: float, high: float, *, plain: bool
) -> list[Line]:
    """Return (curve, role) pairs drawn into `width` by `height` cells, the first one in front.

    Shares 0 to 1 go from left to right, values from `low` at the bottom to `high` at the top; what lies outside is not
    drawn. `plain`: ASCII.
    """
    across, down = (1, 1) if plain else (2, 4)
    cells: dict[tuple[int, int], tuple[int, str]] = {}
    for number, (curve, role) in reversed(list(enumerate(curves))):
        for x, y in _dots(curve, width * across, height * down, low, high):
            place = (x // across, y // down)
            bits = ord(FIRST if number == 0 else OTHERS) if plain else DOTS[y % 4][x % 2]
            old, owner = cells.get(place, (0, role))
            cells[place] = (bits if plain or owner != role else old | bits, role)
    return [_row(cells, y, width, plain) for y in range(height)]


def _dots(curve: Curve, across: int, down: int, low: float, high: float) -> set[tuple[int, int]]:
    """Return the dots of a curve: from each point straight to the next, as far as that is between top and bottom."""
    scaled = [(share * (across - 1), (high - value) / (high - low) * (down - 1)) for share, value in curve]
    dots = {(round(x), round(y)) for x, y in scaled[:1]}
    for (x0, y0), (x1, y1) in pairwise(scaled):
        start, end = _inside(y0, y1, down)
        steps = max(1, round((end - start) * max(abs(x1 - x0), abs(y1 - y0))))
        ways = [start + (end - start) * step / steps for step in range(steps + 1)] if start <= end else []
        dots |= {(round(x0 + (x1 - x0) * way), round(y0 + (y1 - y0) * way)) for way in ways}
    return {(x, y) for x, y in dots if 0 <= x < across and 0 <= y < down}


def _inside(y0: float, y1: float, down: int) -> tuple[float, float]:
    """Return which part of the way from `y0` to `y1` lies between first and last row; (1, 0) where none does."""
    if y0 == y1:
        return (0.0, 1.0) if -0.5 <= y0 <= down - 0.5 else (1.0, 0.0)
    edges = sorted(((-0.5 - y0) / (y1 - y0), (down - 0.5 - y0) / (y1 - y0)))
    return max(0.0, edges[0]), min(1.0, edges[1])


def _row(cells: dict[tuple[int, int], tuple[int, str]], y: int, width: int, plain: bool) -> Line:
    spans: list[tuple[str, str]] = []
    for x in range(width):
        bits, role = cells.get((x, y), (0, "text"))
        glyph = " " if not bits else chr(bits) if plain else chr(0x2800 + bits)
        if spans and spans[-1][1] == role:
            spans[-1] = (spans[-1][0] + glyph, role)
        else:
            spans.append((glyph, role))
    return tuple(spans)
