"""Which room does a command get: what does it see of this machine, and what may it change?

    think     an agent's commands: its worktree, the training text, a scratch folder
    train     a run's training: a clean checkout, the training text; leaves its results in out/
    predict   the model while it is scored: the checkout and out/, no text at all
    score     an evaluation that runs agents' code in its own process: also the text that it scores

A trusted evaluation has no room: it stays outside and opens `predict` itself. Nothing else of the lab is in any room:
no git, no journal, no other worktree, no home folder, no network (but for agents that bring their own model).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from worktrees import sandbox
from worktrees.runs import SCORING, RunFolder, RunSpec, Stage
from worktrees.sandbox import FIRST_UID, Backend, Finding, Limits, Policy

TRIES, PAUSE_S = 3, 1.0
"""A sandbox that does not start at all is tried again: the machine may lack processes or memory just now."""


@dataclass(frozen=True)
class Desk:
    """Where an agent works, and what it is given there."""

    worktree: Path
    scratch: Path
    edit: Sequence[str]
    """What it may change, relative to the worktree."""
    data: Path
    """The training text; left out where there is none."""
    shown: tuple[Path, ...] = ()
    """What lies outside of the project and is readable all the same."""
    hidden: tuple[Path, ...] = ()
    uid: int = FIRST_UID


def think(desk: Desk, using: Backend, *, network: bool = False, limits: Limits | None = None) -> Policy:
    """Return the room of an agent's commands.

    With backend ``full`` the worktree's folder is writable, so that programs that save by renaming work, but everything
    in it that is not to be edited is read-only. Landlock cannot take away what it has given: with ``reduced`` only the
    files to be edited are writable, and nothing can be made beside them.
    """
    edit = [path for each in desk.edit if (path := desk.worktree / each).exists() and not path.is_symlink()]
    readable = [*desk.shown, *([desk.data] if desk.data.is_dir() else [])]
    if using == "full":
        writable = [desk.worktree]
        readable += _around(desk.worktree, edit)
    else:
        writable = edit
        readable += [desk.worktree]
    return Policy(
        readable=tuple(readable),
        writable=(*writable, desk.scratch),
        hidden=desk.hidden,
        network=network,
        folder=desk.worktree,
        uid=desk.uid,
        limits=limits or Limits(),
    )


def of_stage(folder: RunFolder, spec: RunSpec, stage: Stage) -> Policy:
    """Return the room of a run's stage; for a trusted evaluation the one that it opens."""
    reads, shown = (tuple(map(Path, paths)) for paths in (stage.reads, spec.walls.shown))
    policy = Policy(
        readable=(folder.checkout, *shown, *reads),
        writable=(folder.out,),
        hidden=tuple(map(Path, spec.walls.hidden)),
        gpu=spec.slot.uuid,
        device_nodes=tuple(path for path in map(Path, spec.slot.nodes) if path.exists()),
        folder=folder.checkout,
        uid=spec.walls.uid,
    )
    if stage.name not in SCORING:
        return policy
    if stage.is_trusted:
        return replace(policy, readable=(folder.checkout, folder.out, *shown), writable=_private(folder, spec))
    readable = (folder.checkout, folder.out, *shown, *reads)
    return replace(policy, readable=readable, writable=(folder.scores, folder.scratch))


def private_folder(folder: RunFolder, spec: RunSpec) -> Path:
    """Return where a model that is scored may keep temporary files: each room's own, where that can be.

    With ``reduced`` the rooms of an evaluation share one: a model that was probed could tell the one that is scored
    what it was asked.
    """
    return next(iter(_private(folder, spec)), Path("/tmp"))  # noqa: S108  # of the room, gone with it


def _private(folder: RunFolder, spec: RunSpec) -> tuple[Path, ...]:
    return () if spec.walls.backend == "full" else (folder.scratch,)


def enter(policy: Policy, using: Backend, absent: Iterable[str | Path] = (), tag: str = "") -> list[Finding]:
    """Make a room ready for its first command and try its walls; raise Breach where one does not stand.

    Returns what was tried; nothing with backend ``none``. About 40 ms. `tag` marks the processes, see `processes.TAG`.
    """
    if using == "none":
        return []
    sandbox.prepare(policy)
    for _ in range(TRIES):
        findings = sandbox.self_test(policy, using, [Path(each) for each in absent], tag)
        if [finding.name for finding in findings if not finding.ok] != ["start"]:
            break
        time.sleep(PAUSE_S)
    if fallen := [finding for finding in findings if not finding.ok]:
        what = "; ".join(f"{finding.name}: {finding.text}" for finding in fallen[:3])
        raise Breach(f"a wall of the sandbox ({using}) does not stand: {what}")
    return findings


class Breach(Exception):
    """A self-test got through a wall, or could not be made. Nothing may start there."""


def _around(folder: Path, edit: Sequence[Path]) -> list[Path]:
    """Return what lies in a folder beside the paths to be edited, as few paths as say it."""
    found: list[Path] = []
    for entry in os.scandir(folder):
        path = Path(entry.path)
        if path in edit or entry.is_symlink() or entry.name == ".git":
            continue
        if any(path in each.parents for each in edit):
            found += _around(path, edit)
        else:
            found.append(path)
    return found
