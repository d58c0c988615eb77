"""Which settings hold here, and where does each come from: the environment, a line of a file, or the default?

A flag comes before the environment, that before one's own file (tui/options.py); what a lab is stands in its lab.toml
alone. So no key is in two files, and one name is enough to ask for it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from tui.options import VARIABLES
from tui.settings import Settings
from worktrees.gate import GateSettings
from worktrees.project import Project


@dataclass(frozen=True)
class Setting:
    """One setting, by its dotted name."""

    key: str
    value: object
    kind: str
    """environment, file or default."""
    where: str = ""
    """The variable's name, or the file; empty for a default."""
    line: int | None = None
    """Of the file, from 1."""

    @property
    def origin(self) -> str:
        """Where it comes from, for people."""
        if self.kind == "file":
            return f"{self.where}:{self.line}" if self.line else self.where
        return f"${self.where}" if self.kind == "environment" else "default"


def own(settings: Settings, path: Path, text: str, env: Mapping[str, str]) -> Iterator[Setting]:
    """Yield the settings of the view. `text` is that of the file at `path`; empty where there is none."""
    written = lines(text)
    for key, value in _flat(settings):
        named = VARIABLES.get(key)
        if named and env.get(named, ""):
            yield Setting(key, env[named], "environment", named)
        else:
            yield _setting(key, value, path, written)


def of_lab(project: Project, gate: GateSettings, path: Path, text: str) -> Iterator[Setting]:
    """Yield the settings of a lab. `gate`: as it is for the number of its slots."""
    written = lines(text)
    for key, value in (*_flat(project, leave_out="gate"), *_flat(gate, "gate.")):
        yield _setting(key, value, path, written)


def lines(text: str) -> dict[str, int]:
    """Return {dotted key: its line} of a TOML text that can be read; a table that stands in one line is one key."""
    found: dict[str, int] = {}
    table, closing = "", ""
    for number, line in enumerate(text.split("\n"), 1):
        if closing:  # inside of a text of many lines, which may hold anything
            closing = "" if line.count(closing) % 2 else closing
            continue
        closing = next((quotes for quotes in ('"""', "'''") if line.count(quotes) % 2), "")
        if header := re.match(r"\s*\[\[?([^\[\]]+)\]\]?\s*(#.*)?$", line):
            table = _key(header[1])
        elif name := re.match(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""", line):
            found.setdefault(f"{table}.{_key(name[1])}".lstrip("."), number)
    return found


def _key(text: str) -> str:
    """Return a dotted key as it is asked for: without quotes and blanks."""
    parsed: Any = tomllib.loads(f"{text.strip()} = 0")
    parts = []
    while isinstance(parsed, dict):
        (name, parsed), *_ = parsed.items()
        parts.append(name)
    return ".".join(parts)


def _setting(key: str, value: object, path: Path, written: Mapping[str, int]) -> Setting:
    parts = key.split(".")
    prefixes = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    line = next((written[prefix] for prefix in prefixes if prefix in written), None)
    return Setting(key, value, "default") if line is None else Setting(key, value, "file", str(path), line)


def _flat(nouns: object, prefix: str = "", leave_out: str = "") -> Iterator[tuple[str, object]]:
    """Yield (dotted name, value) of a dataclass, of those in it, and of its tables with names of a person's own."""
    if isinstance(nouns, type) or not is_dataclass(nouns):
        assert isinstance(nouns, Mapping), "settings are dataclasses and tables of them"
        items = list(nouns.items())
    else:
        items = [(each.name, getattr(nouns, each.name)) for each in fields(nouns) if each.name != leave_out]
    for name, value in items:
        if isinstance(value, Mapping) or is_dataclass(value):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
