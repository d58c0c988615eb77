"""What is known of one key: how it is pressed and called, where it works, and what its permission depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agentcore.overview import Overview, WorktreeRow
from agentcore.state import LabState

SHOWN = {" ": "space", "escape": "esc", "pagedown": "pgdn", "pageup": "pgup"}
"""Keys that people know by another name than Textual's."""


@dataclass(frozen=True)
class Target:
    """The candidate that a merge would take."""

    experiment: int
    worktree: str
    state: str
    reason: str = ""
    seeds_done: int = 0
    seeds: int = 0


@dataclass(frozen=True)
class Situation:
    """What a key's permission depends on: what is selected, and what the lab is able to do."""

    state: LabState
    overview: Overview
    row: WorktreeRow | None
    """The selected worktree."""
    target: Target | None
    engine_alive: bool
    readonly: bool
    marked: tuple[Target, ...] = ()
    """The marked candidates: what acts on candidates takes all of them instead of the target."""
    marked_rows: tuple[WorktreeRow, ...] = ()
    """The marked worktrees, or those of the marked candidates: what acts on worktrees takes all of them."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The candidates that an action takes."""
        return self.marked or ((self.target,) if self.target else ())

    @property
    def rows(self) -> tuple[WorktreeRow, ...]:
        """The worktrees that an action takes."""
        return self.marked_rows or ((self.row,) if self.row else ())


Reason = Callable[[Situation], str]


@dataclass(frozen=True)
class Binding:
    """One action: its name, its keys, how it is called, where it works, why it may be refused."""

    id: str
    """Its name in the palette and in a keymap of one's own."""
    keys: tuple[str, ...]
    """The first is shown; printable keys by their character, others by Textual's name. Without one it is an action of
    the palette alone."""
    label: str
    tooltip: str
    screens: str
    """Letters of `SCREENS`."""
    group: str
    disabled: Reason = lambda situation: ""
    rank: int = 0
    """Place in the key line, most used first; 0: not shown there."""
    suspends: bool = False
    """Whether it gives the terminal to another program for a while, which not every terminal allows."""

    @property
    def shown(self) -> str:
        """The key as people know it."""
        return shown(self.keys[0]) if self.keys else ""

    @property
    def name(self) -> str:
        """Its name in words."""
        return self.id.replace("-", " ")


Table = tuple[Binding, ...]


def shown(key: str) -> str:
    """Return a key as people know it."""
    return SHOWN.get(key, key)
