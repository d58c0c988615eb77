"""How does a worktree leave the lab, and how does it come back?

Its agent is ended first, then what lies in it and in no commit is committed and kept, then its folder goes to the
trash. Nothing is deleted: the branch stays, and so does every file for two weeks (housekeeping).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from agentcore import events as ev
from agentcore.engine.lab import Lab
from agentcore.queue import promoter
from agentcore.worktree import proposing
from worktrees import confined
from worktrees.repository import ForeignChange, RepositoryError

EndAgent = Callable[[str], Awaitable[None]]
"""Ends the open turn of a worktree's agent."""


async def nobody_thinks(name: str) -> None:
    """End no turn: where no engine is, no agent thinks."""


async def loose(lab: Lab, name: str) -> tuple[str, ...]:
    """Return what lies in a worktree and in no commit."""
    worktree = lab.state.worktrees[name]
    return await lab.git(lab.repository.loose, lab.paths.worktree(name), worktree.at or worktree.base)


async def retire(lab: Lab, name: str, by: str, end_agent: EndAgent) -> ev.WorktreeRetired:
    """Retire a worktree. Raises Refused, and it is there as before, where something in it cannot be committed."""
    when = time.strftime("%Y%m%d-%H%M%S", time.gmtime(lab.clock()))
    trash = f"{name}-{when}"
    lab.record(ev.WorktreeRetiring(name, trash, by))
    try:
        await end_agent(name)
        await confined.end_all(lab.paths.worktree(name))
        kept = await proposing.keep(lab, name)
        await lab.git(lab.repository.forget_worktree, lab.paths.worktree(name), lab.paths.trash / trash)
    except (ForeignChange, RepositoryError, OSError) as error:
        lab.record(ev.WorktreeRestored(name, "engine"))
        raise promoter.Refused(f"{name} stays: what lies in it cannot be kept: {error}") from error
    retired = ev.WorktreeRetired(name, trash, kept, by)
    lab.record(retired, durable=True)
    return retired


async def restore(lab: Lab, name: str, by: str) -> None:
    """Bring a retired worktree back, paused, with its files as they were. Raises Refused."""
    trash = lab.paths.trash / lab.state.worktrees[name].retiring
    try:
        await lab.git(lab.repository.recall_worktree, lab.paths.worktree(name), trash, name)
    except (RepositoryError, OSError) as error:
        raise promoter.Refused(str(error)) from error
    lab.record(ev.WorktreeRestored(name, by), durable=True)


def recover(lab: Lab) -> None:
    """Bring what a kill has cut in two to its end: a folder that is in the trash is retired, one that is not stays."""
    for name, worktree in sorted(lab.state.worktrees.items()):
        if not worktree.retiring:
            continue
        is_there = lab.paths.worktree(name).is_dir()
        if worktree.retired is None and not is_there and (lab.paths.trash / worktree.retiring).is_dir():
            lab.record(ev.WorktreeRetired(name, worktree.retiring, "", "engine"))
        elif worktree.retired is None or is_there:
            lab.record(ev.WorktreeRestored(name, "engine"))
