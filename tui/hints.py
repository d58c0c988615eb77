"""Which two things does nobody guess? Each is told once in a lab, and never where `[ui] hints = false`."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from tui.bindings import Table, names
from tui.follow import Scene

WORDS = {
    "detach": "{key} leaves, all work goes on",
    "merge": "{key} opens a question; nothing merges without y",
}
"""By the action that each is about, in the order of telling."""


def due(scene: Scene, known: Set[str]) -> str:
    """Return the action that a newcomer is to be told about now; empty for none."""
    now = {"detach": bool(scene.overview.rows), "merge": any(row.state == "READY" for row in scene.overview.queue)}
    return next((name for name in WORDS if name not in known and now[name]), "")


def words(name: str, table: Table) -> str:
    """Return the hint, with the key as it is now."""
    return WORDS[name].format(key=names(table).get(name, ""))


def known(file: Path) -> set[str]:
    """Return what was told already; all of it where that cannot be read, so that nobody is told twice."""
    try:
        return set(file.read_text(encoding="utf-8").split())
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError):
        return set(WORDS)


def remember(file: Path, names: Set[str]) -> None:
    """Write down what was told; where that cannot be it is told again another day."""
    try:
        file.write_text(" ".join(sorted(names)) + "\n", encoding="utf-8")
    except OSError:
        return
