"""How does a lab get rid of what nobody needs, and of what grows without end?

The engine looks once a day, and every ten minutes while its disk is nearly full; a person with `nightlab gc`. What goes
is written down first, then removed in a thread. Beside that the engine's log is kept short, and the state is left in
`.lab/state` now and then, so that a view of a large lab opens at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.engine import pruning
from agentcore.engine.control import Answer, Command
from agentcore.engine.lab import Lab
from agentcore.engine.pruning import CALM_S, DAY_S, Age
from agentcore.engine.signing import who
from agentcore.journal import snapshot
from agentcore.journal.rows import Reader
from agentcore.queue import promoter
from agentcore.state import LabState
from agentcore.undo.undoing import RESTORABLE_S
from worktrees import leftovers
from worktrees.leftovers import Leftover
from worktrees.repository import Repository, RepositoryError

LOOK_S = 30.0
"""How often the engine looks whether something is due."""
URGENT_S = 600.0
"""How often it looks for leftovers while the disk is nearly full."""
NEARLY_FULL = 1.5
"""Times the floor of lab.toml under which a disk is nearly full."""
LOG_BYTES = 8 << 20
"""How long the engine's log gets; as much of before is kept in `engine.log.1`."""
STATE_ROWS = 5000
"""After so many rows the state is left again: to fold them takes an eighth of a second."""

log = logging.getLogger("nightlab.housekeeping")


@dataclass(frozen=True)
class Pruned:
    """What was removed."""

    leftovers: tuple[Leftover, ...] = ()
    stayed: tuple[Leftover, ...] = ()
    """What could not be removed, all of it or in part."""

    @property
    def bytes(self) -> int:
        """What is free now, as far as it was known."""
        return sum(each.bytes for each in self.leftovers)


@dataclass
class Rounds:
    """When the engine did each of its rounds last, by its own clock; None before the first."""

    calm: float | None = None
    urgent: float | None = None
    state_seq: int = 0
    """Up to which row the state was left."""
    stuck: set[tuple[Path, ...]] = field(default_factory=set)
    """What could not be removed: it is not told every day."""


async def keep(lab: Lab) -> None:
    """Keep house for as long as it is not cancelled."""
    rounds = Rounds()
    while True:
        try:
            await _prune_if_due(lab, rounds)
            await asyncio.to_thread(bound_log, lab.paths.log)
            await _leave_state(lab, rounds)
        except (OSError, RepositoryError):
            log.exception("housekeeping")
        await asyncio.sleep(LOOK_S)


async def prune(lab: Lab, age: Age, by: str, why: str, stuck: set[tuple[Path, ...]] | None = None) -> Pruned:
    """Write down what may go by the lab's state, then remove it; nothing is written where there is nothing.

    `stuck`: what is not tried. Raises JournalError, RepositoryError.
    """
    async with lab.pruning:
        state, now = lab.state, lab.clock()
        refs = await lab.git(lambda: list(kept(lab.repository, state, now)))
        files = await asyncio.to_thread(lambda: list(leftovers.find(lab.paths)))
        judged = await asyncio.to_thread(lambda: list(pruning.items(state, (*files, *refs), age, now)))
        going = [each.leftover for each in judged if not each.needed_by and each.leftover.paths not in (stuck or ())]
        if not going:
            return Pruned()
        size, counts = sum(each.bytes for each in going), pruning.counts(going)
        told = ev.LeftoversPruned(by, why, counts, size, pruning.spans(going))
        lab.record(told, durable=True)  # before: an audit must find the hashes of transcripts excused
        for each in going:
            if each.kind == "kept":
                await lab.git(lab.repository.forget, str(each.paths[0]))
        stayed = await asyncio.to_thread(_remove, lab, [each for each in going if each.kind != "kept"])
        for each in stayed:
            log.warning("cannot remove %s", ", ".join(map(str, each.paths)))
        return Pruned(tuple(each for each in going if each not in stayed), tuple(stayed))


def kept(repository: Repository, state: LabState, now: float) -> Iterator[Leftover]:
    """Yield the kept refs of worktrees that were retired long ago; git is not asked for others."""
    for worktree in state.worktrees.values():
        if worktree.retired is not None and now - worktree.retired >= RESTORABLE_S:
            for ref in repository.kept_of(worktree.name):
                yield Leftover("kept", worktree.name, 0, (Path(ref),), 0, worktree.retired)


def _remove(lab: Lab, going: list[Leftover]) -> list[Leftover]:
    return [each for each in going if not leftovers.remove(lab.paths, each)]


async def _prune_if_due(lab: Lab, rounds: Rounds) -> None:
    now, floor_gb = asyncio.get_running_loop().time(), lab.project.limits.disk_floor_gb
    free_gb = shutil.disk_usage(lab.paths.dot).free / 1e9
    if free_gb < NEARLY_FULL * floor_gb:
        if rounds.urgent is None or now - rounds.urgent >= URGENT_S:
            rounds.urgent = now
            why = f"{free_gb:.1f} GB are free, the floor is {floor_gb:g} GB"
            await _prune_alone(lab, Age(), why, rounds)
    elif rounds.calm is None or now - rounds.calm >= DAY_S:
        rounds.calm = now
        await _prune_alone(lab, Age(run_s=CALM_S), "nothing needs them", rounds)


async def _prune_alone(lab: Lab, age: Age, why: str, rounds: Rounds) -> None:
    gone = await prune(lab, age, "engine", why, rounds.stuck)
    rounds.stuck |= {each.paths for each in gone.stayed}


# --- What grows ---


def bound_log(path: Path) -> None:
    """Move the log's lines to `engine.log.1` where it has grown long. Whoever appends to it goes on at its start.

    A line that is printed between the copy and the cut is lost. Raises OSError.
    """
    with suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)


async def _leave_state(lab: Lab, rounds: Rounds) -> None:
    """Leave the state by a process of its own: to write that of 10,000 experiments holds all threads for 0.3 s."""
    seq = lab.state.seq
    if seq - rounds.state_seq < STATE_ROWS:
        return
    rounds.state_seq = seq
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "agentcore.journal.snapshot", str(lab.paths.root),
        stdin=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


def leave_last_state(lab: Lab) -> None:
    """Leave the state of a large lab whose engine is about to end."""
    if lab.state.seq >= STATE_ROWS:
        with closing(Reader(lab.paths.journal)) as reader:
            snapshot.save(lab.paths.state, reader, lab.state)


# --- What a person asks ---


class CareDesk:
    """Answers `gc`."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    @property
    def verbs(self) -> Mapping[str, Callable[[Command], Awaitable[Answer]]]:
        """{verb: what answers it}."""
        return {"gc": self._gc}

    async def _gc(self, command: Command) -> Answer:
        days = command.arguments.get("transcripts")
        return await asked(self._lab, None if days is None else float(days), who(self._lab, command))


async def asked(lab: Lab, transcript_days: float | None, by: str) -> Answer:
    """Remove what a person wants gone. Raises promoter.Refused."""
    if transcript_days is not None and not transcript_days >= 0:
        raise promoter.Refused(f"{transcript_days:g} is no age in days")
    age = Age(transcript_s=None if transcript_days is None else transcript_days * DAY_S)
    gone = await prune(lab, age, by, "asked for")
    counts = pruning.counts(gone.leftovers)
    stuck = [str(path) for each in gone.stayed for path in each.paths]
    facts = {"removed": counts, "bytes": gone.bytes, "stayed": stuck}
    if not gone.leftovers and not gone.stayed:
        return Answer(0, "nothing to remove", facts)
    stayed = f"; {fmt.count(len(gone.stayed), 'thing')} could not be removed, see engine.log" if gone.stayed else ""
    return Answer(0, f"removed {pruning.told(counts) or 'nothing'}, {fmt.size(gone.bytes)}{stayed}", facts)
