"""How does the engine write down what happened while nobody was there?

Once for each absence: when away mode ends or its hour has come, and when the lab ends by itself. That it is due is in
the state, so an engine that was killed in between leaves it to the next one.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from agentcore import events as ev
from agentcore.away.absence import ABSENT_S
from agentcore.away.presence import last_key
from agentcore.engine.lab import Lab
from agentcore.journal.rows import JournalError
from agentcore.overview.observer import Observer
from agentcore.state import LabState
from worktrees.layout import LabPaths


async def catch_up(lab: Lab) -> None:
    """Write the report that is due, if one is."""
    if lab.state.untold is not None:
        await write(lab, lab.state.untold)


async def conclude(lab: Lab) -> None:
    """Write the last report of an engine that ends by itself: since away began, else since its last key or start."""
    state, now = lab.state, lab.clock()
    begun = state.engine.since if state.engine else now
    key = last_key(lab.paths.watchers)
    seen = key if key is not None and begun < key <= now - ABSENT_S else begun
    await write(lab, state.away.since if state.away else seen)


async def write(lab: Lab, since: float) -> None:
    """Write both files, in a thread, and say where they are; or why they could not be written, and go on."""
    try:
        path = await asyncio.to_thread(_save, lab.paths, lab.state, since, lab.clock())
    except (OSError, JournalError) as error:
        lab.record(ev.ReportWritten(since, "", f"not written: {error}"))
    else:
        lab.record(ev.ReportWritten(since, str(path.relative_to(lab.paths.root))))


def _save(paths: LabPaths, state: LabState, since: float, now: float) -> Path:
    from agentcore.report.file import save  # here: an engine starts without it

    observer = Observer(paths)
    observer.state = state
    return save(paths.reports, observer.report(state, observer.overview(now), since))
