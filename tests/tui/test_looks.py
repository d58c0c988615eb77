"""Colour, glyphs and text from outside: what may reach the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from tests.tui.driving import Person, crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui.lines import strip
from tui.snapshot import PLAIN, render
from tui.theme import CANDIDATES, NAMES, OUTCOMES, STATES, Theme, choose

HOSTILE = "[/] [red]x[/red] \x1b]0;PWN\x07\x1b[2J\x1b[31m\x00\x9b31m日本語\u202eevil\u200d️ \r tab\tend " + "w" * 5000
"""Markup, a title change, an erase, colours, NUL, wide letters, direction changes, a line without end."""

SCREENS = ("1", "2", "3", "4", "8")


@pytest.fixture
def hostile(tmp_path: Path) -> LabMaker:
    """A lab in which everything that comes from outside is hostile."""
    lab = small_lab(tmp_path)
    lab.experiment("wt0", HOSTILE, "crash", None, HOSTILE)
    lab.make_ready("wt1", HOSTILE)
    number = lab.propose("wt0", HOSTILE)
    run = lab.screen(number)
    lab.measure(run, 0.5)
    lab.log(run, f"{HOSTILE}\nTraceback {HOSTILE}\n")
    lab.edit("wt0", "DEPTH = 4", f"DEPTH = 5  # {HOSTILE}".replace("\r", "").replace("\x00", ""))
    lab.tell(ev.WarningRaised("disk", HOSTILE))
    return lab


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_hostile_text_is_only_text(hostile: LabMaker, size: tuple[int, int]) -> None:
    """Whatever logs, models and files hold, no control character is painted and every line keeps its width."""
    async with sitting_at(hostile, size) as person:
        await person.until(lambda: person.view.reading.is_settled)
        for keys in (*SCREENS, "d", "question_mark", "m"):
            await person.press(keys)
            _assert_harmless(person, size[0])
        await person.press("escape", "2", "tab")
        await person.sees("[/] [red]x[/red]")
        _assert_harmless(person, size[0])


def _assert_harmless(person: Person, width: int) -> None:
    assert [] == crooked(person.rows, width)
    assert all(row.isprintable() for row in person.rows)
    assert "\u202e" not in person.text and "\u200d" not in person.text


async def test_a_sheet_about_hostile_text_can_still_be_read(hostile: LabMaker) -> None:
    """A hypothesis of 5,000 letters does not push the answer line out of the sheet."""
    async with sitting_at(hostile) as person:
        await person.press("m")
        assert "y  merge" in person.text and "n / esc  no" in person.text
        await person.press("down", "down")
        assert "y  merge" in person.text


async def test_without_colour_words_and_reverse_remain(tmp_path: Path) -> None:
    """With NO_COLOR no cell has a colour; the selected row is reverse, states are words."""
    look = choose("", env={**PLAIN, "NO_COLOR": "1"}, ascii_only=False)
    lab = small_lab(tmp_path)
    lab.experiment("wt1", "idea", "crash", None, "error")
    async with sitting_at(lab, look=look) as person:
        segments = [segment for line in person.view.screen._compositor.render_strips() for segment in line]
        styles = [segment.style for segment in segments if segment.style]
        assert all(style.color is None or style.color.is_default for style in styles)
        assert all(style.bgcolor is None or style.bgcolor.is_default for style in styles)
        selected = next(segment for segment in segments if segment.text.startswith("wt0"))
        assert selected.style and selected.style.reverse
        assert "CRASH" in person.text


async def test_ascii_sends_no_byte_over_127(hostile: LabMaker) -> None:
    """In a locale without UTF-8 every screen, box, plot and glyph is ASCII and keeps its width."""
    look = choose("", env={"TERM": "xterm-256color", "LC_ALL": "C"}, ascii_only=False)
    for size in ((80, 24), (160, 45)):
        async with sitting_at(hostile, size, look=look) as person:
            for key in (*SCREENS, "question_mark", "escape", "m"):
                await person.press(key)
                assert person.text.isascii()
                assert [] == crooked(person.rows, size[0])


def test_no_color_and_terminal_choose_the_theme() -> None:
    """NO_COLOR counts when set and not empty; few colours give the terminal's own 16; a name wins over both."""
    no_color, empty = {**PLAIN, "NO_COLOR": "1"}, {**PLAIN, "NO_COLOR": ""}
    assert "mono" == choose("", env=no_color, ascii_only=False).name
    assert "cb-dark" == choose("", env=empty, ascii_only=False).name
    assert "ansi" == choose("", env={"TERM": "xterm", "LANG": "C.UTF-8"}, ascii_only=False).name
    assert "cb-light" == choose("cb-light", env=no_color, ascii_only=False).name


def test_256_colours_are_the_measured_ones() -> None:
    """Without COLORTERM the indices are sent that were measured, not the nearest to the 24-bit ones."""
    look = choose("", env={"TERM": "screen-256color", "LANG": "C.UTF-8"}, ascii_only=False)
    numbers = {role: look.style(role).color.number for role in ("run", "good", "bad", "you", "grey")}  # type: ignore[union-attr]
    assert {"run": 75, "good": 43, "bad": 209, "you": 227, "grey": 247} == numbers


@pytest.mark.parametrize("name", NAMES)
def test_every_theme_knows_every_role(name: str) -> None:
    """No state, outcome or candidate has a role that a theme does not know; all themes have the same roles."""
    look = choose(name, env=PLAIN, ascii_only=False)
    used = [role for _, role, _ in (*STATES.values(), *OUTCOMES.values())] + [role for role, _ in CANDIDATES.values()]
    assert all(look.style(role) is not None for role in used)
    assert dict(look.roles).keys() == dict(choose("cb-dark", env=PLAIN, ascii_only=False).roles).keys()


def test_an_unknown_theme_is_an_error_that_names_the_known_ones() -> None:
    """A typing error is not answered with another theme."""
    with pytest.raises(ValueError, match="no theme 'dark'; there are: cb-dark"):
        choose("dark", env=PLAIN, ascii_only=False)


@pytest.mark.parametrize("text", ["a\ud800b", "e\u0301́", "\u0000\u001b[2J", "🎉🎉🎉", "日" * 50, "\u2028x\nnew"])
def test_a_line_is_always_as_wide_as_asked(text: str) -> None:
    """Lone surrogates, combining marks and wide glyphs are painted in exactly the cells of the line."""
    look: Theme = choose("", env=PLAIN, ascii_only=False)
    for width in (1, 5, 20, 41):
        painted = strip(((" ", "text"), (text, "bad"), ("|", "frame")), width, look)
        assert width == painted.cell_length
        painted.text.encode()


def test_a_snapshot_is_the_screen_as_text(tmp_path: Path) -> None:
    """`render` gives the frame without a terminal, and refuses a screen that does not exist."""
    lab = small_lab(tmp_path)
    lab.edit("wt0", "DEPTH = 4", "DEPTH = 5")
    text = render(lab.paths, "worktree", (80, 24), clock=lambda: lab.now, svg=tmp_path / "shot.svg")
    assert text.startswith(" 2 WORKTREE  wt0   cpu0")
    assert "DEPTH = 5" in text
    assert "<svg" in (tmp_path / "shot.svg").read_text()
    with pytest.raises(ValueError, match="no screen 'nonsense'"):
        render(lab.paths, "nonsense", (80, 24), clock=lambda: lab.now)
