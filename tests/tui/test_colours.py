"""What the themes claim of themselves, measured: contrast, and distance for colour-blind eyes."""

from __future__ import annotations

import pytest

from tests.tui.colours import contrast, distance, ground, ink, nearest
from tui.snapshot import PLAIN
from tui.theme import Theme, choose

FEW = {"TERM": "screen-256color", "LANG": "C.UTF-8"}

READ = ("text", "run", "good", "bad", "you", "grey", "title", "key", "literal", "comment", "hunk")


def theme(name: str, colours: int) -> Theme:
    """Return a theme as it is for a terminal of so many colours."""
    return choose(name, env=FEW if colours == 256 else PLAIN, ascii_only=False)


@pytest.mark.parametrize("colours", [1 << 24, 256])
@pytest.mark.parametrize(("name", "least"), [("cb-dark", 6.0), ("cb-light", 6.0), ("contrast", 10.0)])
def test_what_is_read_stands_out_from_its_ground(name: str, least: float, colours: int) -> None:
    """Every role that is text has a WCAG contrast of 6, in the theme for weak eyes of 10."""
    look = theme(name, colours)
    assert [] == [role for role in READ if contrast(ink(look, role), ground(look)) < least]


@pytest.mark.parametrize("colours", [1 << 24, 256])
@pytest.mark.parametrize("name", ["cb-dark", "cb-light", "contrast"])
def test_changed_lines_can_be_read(name: str, colours: int) -> None:
    """Letters on the grounds of added and removed lines have a contrast of 5.5."""
    look = theme(name, colours)
    assert [] == [role for role in ("add", "remove") if contrast(ink(look, role), ground(look, role)) < 5.5]


@pytest.mark.parametrize("eyes", ["normal", "protanopia", "deuteranopia"])
@pytest.mark.parametrize("colours", [1 << 24, 256])
@pytest.mark.parametrize("name", ["cb-dark", "cb-light", "contrast"])
def test_good_and_bad_are_told_apart_by_all_eyes(name: str, colours: int, eyes: str) -> None:
    """Kept from crashed, and an added line from a removed one, are 25 apart in Lab for colour-blind eyes too."""
    look = theme(name, colours)
    pair = distance(ink(look, "good"), ink(look, "bad"), eyes)
    lines = distance(ground(look, "add"), ground(look, "remove"), eyes)
    assert pair >= 25 and lines >= 25


@pytest.mark.parametrize("eyes", ["normal", "protanopia", "deuteranopia"])
def test_no_two_colours_on_white_are_one_to_any_eyes(eyes: str) -> None:
    """Working, good, bad, needs you and rest are 15 apart, each from each; 256 colours hold no such five."""
    look = theme("cb-light", 1 << 24)
    apart, pair = nearest({role: ink(look, role) for role in ("run", "good", "bad", "you", "grey")}, eyes)
    assert apart >= 15, pair


def test_the_default_theme_is_as_measured() -> None:
    """The figures that theme.py names: 6.7 on the ground; 33 for good and bad, 26 with 256 colours (protanopia)."""
    dark, few = theme("cb-dark", 1 << 24), theme("cb-dark", 256)
    least = min(contrast(ink(dark, role), ground(dark)) for role in ("run", "good", "bad", "you", "grey"))
    apart = [distance(ink(look, "good"), ink(look, "bad"), "protanopia") for look in (dark, few)]
    assert ("6.7", [33, 26]) == (f"{least:.1f}", [round(each) for each in apart])
