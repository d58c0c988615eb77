"""Which key does what, where, and why not just now?

One table of records. The key lines, the help screen, the palette, `nightlab keys`, docs/keys.md and the dispatch of key
presses all read it, so that none of them can tell another story. A key that cannot act says why: `disabled` returns
that sentence.
"""

from tui.bindings.binding import Binding, Situation, Table, Target, shown
from tui.bindings.listing import keys_of, where
from tui.bindings.lookup import conflicts, find, key_line, names, on_screen
from tui.bindings.own import KeymapError, remap
from tui.bindings.table import ALL, SCREENS, TABLE, blocked

__all__ = [
    "ALL",
    "SCREENS",
    "TABLE",
    "Binding",
    "KeymapError",
    "Situation",
    "Table",
    "Target",
    "blocked",
    "conflicts",
    "find",
    "key_line",
    "keys_of",
    "names",
    "on_screen",
    "remap",
    "shown",
    "where",
]
