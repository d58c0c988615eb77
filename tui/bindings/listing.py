"""How is the table of keys printed? For a terminal, for programs, and as docs/keys.md."""

from __future__ import annotations

from itertools import groupby

from tui.bindings.binding import Binding, Table, shown
from tui.bindings.lookup import screens_of
from tui.bindings.table import ALL, TABLE

INTRO = """# Keys

Made from the program's own table: `nightlab keys --markdown > docs/keys.md`. `?` shows the keys of the screen that you
are on, `:` every action by name, also those without a key. Keys of your own: `[keys]` in the file that `nightlab config
path` names, by the action's name (`merge = "M"`, or a list); `nightlab keys --check` says whether they can be used.
"""


def rows(table: Table = TABLE) -> list[tuple[str, str, str, str]]:
    """Return (keys, action, screens, what it does) of every binding, in the table's order."""
    return [(keys_of(each), each.id, where(each), each.tooltip) for each in table]


def markdown(table: Table = TABLE) -> str:
    """Return the table as a document."""
    parts = [INTRO]
    for group, members in groupby(table, key=lambda binding: binding.group):
        lines = [f"\n## {group.capitalize()}\n", "| key | action | screens | what it does |", "|---|---|---|---|"]
        for each in members:
            names = " ".join(f"`{_escaped(shown(key))}`" for key in each.keys) or "palette"
            lines.append(f"| {names} | `{each.id}` | {where(each)} | {_escaped(each.tooltip)} |")
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def keys_of(binding: Binding) -> str:
    """Return all keys of a binding."""
    return " ".join(shown(key) for key in binding.keys) or ":"


def where(binding: Binding) -> str:
    """Return the screens of a binding in words."""
    return "all" if binding.screens == ALL else ", ".join(screens_of(binding))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
