"""Which binding answers a key, and which stand on a screen? Of the table as it is shipped, or as somebody keyed it."""

from __future__ import annotations

from collections.abc import Iterator

from tui.bindings.binding import Binding, Table
from tui.bindings.table import SCREENS, TABLE


def on_screen(screen: str, table: Table = TABLE) -> Iterator[Binding]:
    """Yield the bindings that work on `screen`, in the table's order."""
    return (binding for binding in table if screen in screens_of(binding))


def find(screen: str, key: str, table: Table = TABLE) -> Binding | None:
    """Return the binding of `key` on `screen`."""
    return next((binding for binding in on_screen(screen, table) if key in binding.keys), None)


def key_line(screen: str, table: Table = TABLE) -> list[Binding]:
    """Return the bindings for the key line of `screen`, most used first."""
    ranked = (binding for binding in on_screen(screen, table) if binding.rank and binding.keys)
    return sorted(ranked, key=lambda binding: binding.rank)


def names(table: Table = TABLE) -> dict[str, str]:
    """Return {action: its key as people know it}, or how the palette calls one without a key."""
    return {binding.id: binding.shown or f":{binding.name}" for binding in table}


def conflicts(table: Table = TABLE) -> list[str]:
    """Return one sentence for each key with two meanings on one screen."""
    found = []
    for screen in SCREENS.values():
        owners: dict[str, str] = {}
        for binding in on_screen(screen, table):
            for key in binding.keys:
                if key in owners:
                    found.append(f"{key} on screen {screen}: {owners[key]} and {binding.id}")
                owners[key] = binding.id
    return found


def screens_of(binding: Binding) -> list[str]:
    """Return the names of the screens on which a binding works."""
    return [SCREENS[letter] for letter in binding.screens]
