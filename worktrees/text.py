"""How does text from outside become safe to show?

Logs, source files, commit messages and models may hold terminal escapes. Nothing but text ever reaches the screen.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves, erases
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, clipboard, links
    r"|[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|[ -/]*[0-~])"  # everything else of two bytes and more
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def printable(text: str, tab: int = 4) -> str:
    """Return `text` without escape sequences, control or direction-changing characters; tabs become spaces.

    Newlines stay: the caller decides where lines end.
    """
    return _CONTROLS.sub("", _ESCAPES.sub("", text)).replace("\t", " " * tab)
