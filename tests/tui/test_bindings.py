"""One table of keys: complete, without contradictions, and the same everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.driving import sitting_at
from tests.tui.labs import small_lab
from tui import bindings
from tui.bindings.own import TAKEN
from tui.options import ViewOptions
from tui.screens.base import BaseScreen


def test_no_key_has_two_meanings_on_one_screen() -> None:
    """The dispatch finds one binding for a key."""
    assert [] == bindings.conflicts()


def test_no_key_needs_what_a_multiplexer_takes() -> None:
    """Every action has a key that arrives through tmux and screen."""
    assert [] == [binding.id for binding in bindings.TABLE if TAKEN & set(binding.keys)]


def test_no_sheet_is_confirmed_by_the_key_that_opens_it() -> None:
    """`y` opens no question: only the menu of what can be copied, which changes nothing in the lab."""
    assert ["copy"] == [binding.id for binding in bindings.TABLE if "y" in binding.keys]


@pytest.mark.parametrize("screen", list(bindings.SCREENS.values()))
async def test_every_binding_of_a_screen_does_something(tmp_path: Path, screen: str) -> None:
    """No key of the table is forgotten by its screen, and no screen has keys of its own beside the table."""
    async with sitting_at(small_lab(tmp_path)) as person:
        front = person.view.screen_of(screen)
        assert isinstance(front, BaseScreen)
        listed = {binding.id for binding in bindings.on_screen(screen)}
        assert set() == listed - set(front.actions())


async def test_a_view_that_only_looks_lends_no_editor(tmp_path: Path) -> None:
    """What agents are told is the lab's too: `e` opened the real file in a view with --readonly."""
    async with sitting_at(small_lab(tmp_path), options=ViewOptions(readonly=True)) as person:
        assert person.view.front is not None
        situation = person.view.front.situation()
        editors = [binding for binding in bindings.TABLE if binding.id in ("edit", "edit-words")]
        assert [True, True] == [binding.disabled(situation).startswith("read-only") for binding in editors]


@pytest.mark.parametrize("screen", ["1", "2", "3", "4", "5", "6", "7", "8"])
async def test_help_lists_every_key_of_its_screen(tmp_path: Path, screen: str) -> None:
    """`?` shows the table of the screen it was pressed on: each key, each action by the palette's name."""
    async with sitting_at(small_lab(tmp_path), (250, 90)) as person:
        await person.press(screen)
        name = person.view.front.NAME  # type: ignore[union-attr]
        await person.press("question_mark")
        listed = bindings.on_screen(name, person.view.table)
        rows = [f"{bindings.keys_of(each):<14} {each.name:<18} {each.tooltip}" for each in listed]
        assert [] == [row for row in rows if row not in person.text]


@pytest.mark.parametrize("closing", ["question_mark", "escape", "q"])
async def test_help_is_left_by_three_keys(tmp_path: Path, closing: str) -> None:
    """`?`, `esc` and `q` close the help, and nothing else."""
    async with sitting_at(small_lab(tmp_path)) as person:
        await person.press("question_mark", closing)
        assert person.rows[0].startswith(" 1 LAB")


async def test_help_scrolls_where_it_does_not_fit(tmp_path: Path) -> None:
    """At 80x24 `G` reaches the files at the end."""
    async with sitting_at(small_lab(tmp_path)) as person:
        await person.press("question_mark", "G")
        assert "journal.sqlite" in person.text
