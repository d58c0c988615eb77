"""The command that tells which settings hold, and where each comes from."""

from __future__ import annotations

import json
import os
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from tui import origins
from tui.commands.taste import own_settings, own_table
from tui.exits import OK, PRECONDITION, USAGE, Ending
from tui.origins import Setting
from tui.output import print_json, print_table
from tui.settings import location
from worktrees import project as project_file
from worktrees.layout import LabPaths, find
from worktrees.slots import discover
from worktrees.text import printable


def config(arguments: Namespace) -> int:
    """Print where settings lie, what one of them is, or all of them; and which file, line or variable each is from."""
    paths = find(Path(arguments.lab or os.environ.get("NIGHTLAB_DIR") or "."))
    if arguments.what == "path":
        return _print_paths(paths)
    known = {each.key: each for each in _settings(paths)}
    if arguments.what == "get":
        known = {arguments.key: _asked(arguments.key, known, paths)}
    elif arguments.key:
        raise Ending(USAGE, f"list takes no key; nightlab config get {arguments.key}")
    if arguments.json:
        print_json("config", time.time(), {"settings": [_told(each) for each in known.values()]})
    elif arguments.what == "list":
        print_table(("KEY", "VALUE", "FROM"), [(each.key, _shown(each.value), each.origin) for each in known.values()])
    else:
        for each in known.values():
            print(printable(_shown(each.value)) + (f"   {printable(each.origin)}" if arguments.where else ""))
    return OK


def _print_paths(paths: LabPaths | None) -> int:
    files = [location(os.environ), *([paths.config] if paths else [])]
    for file in files:
        print(f"{file}{'' if file.exists() else '  (not there: all is as by default)'}")
    own_table(own_settings())
    return OK


def _settings(paths: LabPaths | None) -> Iterator[Setting]:
    """Yield one's own settings, then this lab's. Raises Ending where a file cannot be used."""
    file = location(os.environ)
    yield from origins.own(own_settings(), file, _text(file), os.environ)
    if paths is None:
        return
    try:
        project = project_file.load(paths.config)
        gate = project.gate_for(len(discover(project.slots.count or None)))
    except project_file.ProjectError as error:
        raise Ending(PRECONDITION, str(error)) from error
    yield from origins.of_lab(project, gate, paths.config, _text(paths.config))


def _asked(key: str | None, known: Mapping[str, Setting], paths: LabPaths | None) -> Setting:
    """Return the setting of that name. Raises Ending with the nearest known one."""
    if not key:
        raise Ending(USAGE, "say which one: nightlab config get limits.usd; nightlab config list has all")
    if key in known:
        return known[key]
    if inside := [each for each in known if each.startswith(f"{key}.")]:
        raise Ending(USAGE, f"{key!r} is a table: {', '.join(inside)}")
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "nightlab config list has all"
    here = "" if paths else "; there is no lab here, so only your own settings are known"
    raise Ending(USAGE, f"unknown setting {key!r}; {hint}{here}")


def _shown(value: object) -> str:
    """Write a value: a text as it is, all else as JSON, what is left out as nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _told(setting: Setting) -> dict[str, object]:
    return {name: getattr(setting, name) for name in ("key", "value", "kind", "where", "line")}


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
