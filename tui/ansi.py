"""How do the colours that a program prints look here?

A program's red is this theme's red: readable on its ground, told apart by the colour-blind, and no colour at all where
there is none. Of 256 and of 16 million colours the nearest of the terminal's own eight counts.
"""

from __future__ import annotations

from rich.ansi import AnsiDecoder
from rich.color import ColorSystem
from rich.style import Style

from tui.lines import Line

HUES = ("", "bad", "good", "literal", "run", "literal", "run", "")
"""Role by the number of the terminal's own colour. Yellow is not `you`: nobody is needed because a program warns."""


def spans(row: str) -> Line:
    """Return a row with escape sequences of colour as text with roles."""
    text = AnsiDecoder().decode_line(row)
    styles = [""] * len(text.plain)
    for span in text.spans:
        role = _role(span.style) if isinstance(span.style, Style) else ""
        styles[span.start : span.end] = [role] * (span.end - span.start)
    result: list[tuple[str, str]] = []
    for character, role in zip(text.plain, styles, strict=True):
        if result and result[-1][1] == role:
            result[-1] = (result[-1][0] + character, role)
        else:
            result.append((character, role))
    return tuple((part, role or "text") for part, role in result)


def _role(style: Style) -> str:
    words = [HUES[(style.color.downgrade(ColorSystem.STANDARD).number or 0) % 8]] if style.color else []
    words += ["bold"] if style.bold else []
    return " ".join(word for word in words if word)
