"""Commands about a person's own taste: which keys there are, what a shell completes."""

from __future__ import annotations

import os
import time
from argparse import Namespace

from tui.bindings import KeymapError, Table, conflicts, listing, remap
from tui.bindings.lookup import screens_of
from tui.exits import FAILED, OK, USAGE, Ending
from tui.output import print_json, print_table
from tui.settings import Settings, SettingsError, load, location


def keys(arguments: Namespace) -> int:
    """Print the table of keys with one's own in it; with --check say whether no key has two meanings."""
    if arguments.markdown:  # the document is of the keys as they are shipped
        print(listing.markdown(), end="")
        return OK
    settings = own_settings()
    table = own_table(settings)
    if arguments.check:
        if found := conflicts(table):
            raise Ending(FAILED, "; ".join(found))
        own = f", {len(settings.keys)} of your own" if settings.keys else ""
        print(f"{len(table)} actions{own}: no key has two meanings on one screen")
    elif arguments.json:
        names = ("keys", "action", "screens", "about")
        print_json("keys", time.time(), {"bindings": [dict(zip(names, row, strict=True)) for row in _facts(table)]})
    else:
        print_table(("KEY", "ACTION", "SCREENS", "WHAT IT DOES"), listing.rows(table))
    return OK


def completion(arguments: Namespace) -> int:
    """Print the script that lets a shell complete nightlab's words."""
    from tui.cli import parser
    from tui.completion import script

    print(script(arguments.shell, parser()), end="")
    return OK


def own_settings() -> Settings:
    """Read the person's own file. Raises Ending where it cannot be used."""
    try:
        return load(location(os.environ))
    except SettingsError as error:
        raise Ending(USAGE, str(error)) from error


def own_table(settings: Settings) -> Table:
    """Return the keys with the person's own in them. Raises Ending where these cannot be used."""
    try:
        return remap(settings.keymap)
    except KeymapError as error:
        raise Ending(USAGE, f"{location(os.environ)} [keys]: {error}") from error


def _facts(table: Table) -> list[tuple[list[str], str, list[str], str]]:
    """Return (keys, action, screens, what it does) as data."""
    return [(list(each.keys), each.id, screens_of(each), each.tooltip) for each in table]
