"""What may a person choose about the view?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ViewOptions:
    """What the command line, the environment and the user's file say about the view."""

    theme: str = ""
    """One of theme.NAMES; empty: what the terminal can show."""
    ascii: bool = False
    refresh_s: float = 1.0
    """How often changing numbers are painted again."""
    mouse: bool = False
    """Off leaves selecting and copying to the terminal."""
    readonly: bool = False
