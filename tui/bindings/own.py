"""Which keys has somebody chosen for themselves? `merge = "M"` in the user's file, by the name of the action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from tui.bindings.binding import Table, shown
from tui.bindings.lookup import on_screen, screens_of
from tui.bindings.table import SCREENS, TABLE

TAKEN = frozenset(f"ctrl+{letter}" for letter in "abszjmih") | {"ctrl+@", "ctrl+space"}
"""Keys that do not arrive as themselves: tmux, screen, flow control or the terminal's own keys take them."""

_NAMED = "escape enter tab shift+tab backspace delete insert home end pageup pagedown up down left right"
LONG = frozenset(
    [*_NAMED.split(), *(f"f{number}" for number in range(1, 13)), *(f"ctrl+{x}" for x in "cdefgklnopqrtuvwxy")]
)
"""Names of keys that print nothing, as Textual calls them."""

ALIASES = {shown(key): key for key in (*LONG, " ")} | {"shift-tab": "shift+tab"}
"""The names that people know, beside Textual's."""


class KeymapError(Exception):
    """A keymap cannot be used. The message names the action or the key, and what to write instead."""


def remap(own: Mapping[str, Sequence[str]], table: Table = TABLE) -> Table:
    """Return `table` with the keys of the actions in `own` replaced. Raises KeymapError."""
    known = {binding.id for binding in table}
    for name in own:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "nightlab keys lists them"
            raise KeymapError(f"there is no action {name!r}; {hint}")
    keys = {name: tuple(_key(name, key) for key in chosen) for name, chosen in own.items()}
    changed = tuple(replace(each, keys=keys[each.id]) if each.id in keys else each for each in table)
    for name, chosen in keys.items():
        _check_free(name, chosen, changed)
    return changed


def _key(name: str, key: str) -> str:
    """Return a key by the name that a key press has."""
    key = ALIASES.get(key, key)
    if key in TAKEN:
        raise KeymapError(f"{name} = {key!r}: tmux, screen or the terminal takes this key, choose another one")
    if (len(key) == 1 and key.isprintable()) or key in LONG:
        return key
    near = get_close_matches(key, LONG, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; write a character, or a name like ctrl+e, f5, pagedown"
    raise KeymapError(f"{name} = {key!r} is no key{hint}")


def _check_free(name: str, keys: tuple[str, ...], table: Table) -> None:
    """Raise KeymapError where a key of `name` has another meaning on one of its screens."""
    binding = next(each for each in table if each.id == name)
    for key in keys:
        for screen in screens_of(binding):
            others = [each.id for each in on_screen(screen, table) if key in each.keys and each.id != name]
            if others:
                where = "every screen" if len(binding.screens) == len(SCREENS) else f"screen {screen}"
                raise KeymapError(
                    f"{name} = {key!r}: on {where} {key!r} is {others[0]!r}; choose another key, "
                    f"or give {others[0]!r} another one"
                )
