"""How does text from outside become safe to show?

Logs, source files, commit messages and models may hold terminal escapes. Nothing but text ever reaches the screen.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves, erases
    r"|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC: titles, clipboard, links; one without an end takes its line only
    r"|[PX^_][^\x1b\n]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|[ -/]*[0-~])"  # everything else of two bytes and more
)
_STYLE = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"
    r"\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # invisible ones
    r"\ud800-\udfff]"  # halves of a pair (bytes that were no UTF-8): no terminal and no JSON can take them
)


def printable(text: str, tab: int = 4) -> str:
    """Return `text` without escape sequences, control or direction-changing characters; tabs become spaces.

    Newlines stay: the caller decides where lines end.
    """
    return _CONTROLS.sub("", _ESCAPES.sub("", text)).replace("\t", " " * tab)


def coloured(text: str) -> str:
    """Return `text` as `printable` does, but with the escape sequences that choose a colour or a weight."""
    styles = ["", *_STYLE.findall(text)]
    return "".join(style + printable(part) for style, part in zip(styles, _STYLE.split(text), strict=True))
