"""A lab gets rid of what nobody needs: written down first, off the engine's loop, and nothing else goes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine import housekeeping
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import Command
from agentcore.engine.pruning import DAY_S, Age
from agentcore.journal import snapshot
from agentcore.journal.audit import verify
from agentcore.journal.rows import Reader
from tests.agentcore.labs import Desk, desk
from worktrees.runs import RunFolder

FASTER = ("RATE = 0.1", "RATE = 0.3")
WORSE = ("DEPTH = 4", "DEPTH = 8")


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    """A lab with a candidate, an experiment that was dropped, and what a kill has left of its first run."""
    async with desk(tmp_path / "lab") as at:
        await at.work({"wt0": [FASTER], "wt1": [WORSE]})
        litter(at.lab.paths.run(1))
        yield at


def litter(folder: RunFolder) -> None:
    """Leave what a run leaves whose engine was killed at its end."""
    folder.checkout.mkdir(parents=True, exist_ok=True)
    (folder.checkout / "train.py").write_text("pass\n")
    (folder.out / "shards").mkdir(parents=True, exist_ok=True)
    (folder.out / "shards" / "model.bin").write_bytes(b"x" * 10_000)


def pruned(at: Desk) -> list[tuple[str, dict[str, int]]]:
    """Return (by whom, counts) of all that was pruned."""
    told = at.told(ev.LeftoversPruned)
    return [(each.by, dict(each.counts)) for each in told if isinstance(each, ev.LeftoversPruned)]


async def until(condition: object) -> None:
    """Let the loop go on until a condition holds, 10 s at most."""
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_a_run_that_ended_leaves_no_checkpoint(tmp_path: Path) -> None:
    """Nor its checkout; a folder of shards that is named like a file is no reason to stop."""
    async with desk(tmp_path / "lab") as at:
        submit = at.runs.submit

        def sharded(folder: RunFolder) -> None:
            (folder.out / "model.pt").mkdir()
            (folder.out / "model.pt" / "0").write_bytes(b"x")
            (folder.out / "other.pt").write_bytes(b"x")
            folder.metrics.write_text("{}\n")
            submit(folder)

        at.runs.submit = sharded  # type: ignore[method-assign]
        await at.work({"wt0": [FASTER]})
        left = {path.name for number in at.lab.state.runs for path in at.lab.paths.run(number).out.iterdir()}
        assert {"metrics.jsonl"} == left
        assert not any(at.lab.paths.run(number).checkout.exists() for number in at.lab.state.runs)


async def test_the_engine_prunes_when_the_disk_is_nearly_full(at: Desk) -> None:
    """At once, whatever its age, and says so with count, bytes and why; the next look finds nothing to tell."""
    free_gb = os.statvfs(at.lab.paths.root).f_bavail * os.statvfs(at.lab.paths.root).f_frsize / 1e9
    limits = at.lab.project.limits
    object.__setattr__(limits, "disk_floor_gb", free_gb / 1.2)
    keeping = asyncio.ensure_future(housekeeping.keep(at.lab))
    left = (at.lab.paths.run(1).checkout, at.lab.paths.run(1).out / "shards")
    await until(lambda: not any(path.exists() for path in left))
    keeping.cancel()
    (told,) = at.told(ev.LeftoversPruned)
    assert isinstance(told, ev.LeftoversPruned)
    assert ("engine", {"checkout": 1, "checkpoint": 1}, True, True) == (
        told.by, told.counts, told.bytes >= 14_000, "GB are free, the floor is" in told.why,
    )  # fmt: skip
    assert housekeeping.Pruned() == await housekeeping.prune(at.lab, Age(), "engine", "again")
    assert 1 == len(pruned(at))


async def test_where_there_is_room_it_waits_a_day(at: Desk) -> None:
    """A person may want to look at what a run left; nothing is told where nothing goes."""
    age = Age(run_s=DAY_S)
    await housekeeping.prune(at.lab, age, "engine", "nothing needs them")
    early = pruned(at)
    clock = at.lab.clock
    at.lab.clock = lambda: clock() + DAY_S
    await housekeeping.prune(at.lab, age, "engine", "nothing needs them")
    assert ([], [("engine", {"checkout": 1, "checkpoint": 1})]) == (early, pruned(at))


async def test_the_loop_goes_on_while_hundreds_of_leftovers_go(at: Desk) -> None:
    """Other work has its turn all along."""
    for number in range(len(at.lab.state.runs) + 1, len(at.lab.state.runs) + 201):
        at.lab.record(ev.RunStarted(number, "screen", 1, "c", "t", number, 1, "cpu0"))
        at.lab.record(ev.RunEnded(number, "ok", 1.0, "", 1.0, 1.0, 1.0, 1.0))
        at.lab.paths.run(number).checkout.mkdir(parents=True)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(others())
    gone = await housekeeping.prune(at.lab, Age(), "engine", "test")
    task.cancel()
    assert (202, True) == (len(gone.leftovers), turns > 50)


async def test_what_is_in_use_stays(at: Desk) -> None:
    """A run in progress, data, reports, other worktrees and every transcript."""
    number = len(at.lab.state.runs) + 1
    at.lab.record(ev.RunStarted(number, "screen", 1, "c", "t", number, 1, "cpu0"))
    litter(at.lab.paths.run(number))
    (at.lab.paths.data / "train").mkdir(parents=True)
    at.lab.paths.reports.mkdir()
    paths = [at.lab.paths.data, at.lab.paths.reports, at.lab.paths.run(number).path, at.lab.paths.transcripts]
    paths += [at.lab.paths.worktrees]
    before = [sorted(map(str, path.rglob("*"))) for path in paths]
    await housekeeping.asked(at.lab, None, "ada")
    assert ([("ada", {"checkout": 1, "checkpoint": 1})], before) == (
        pruned(at), [sorted(map(str, path.rglob("*"))) for path in paths],
    )  # fmt: skip


async def test_transcripts_go_by_a_persons_word_and_an_audit_knows(at: Desk) -> None:
    """The candidate's stays; the other's hash stays in the journal, and another one that is missing is still missed."""
    kept, gone = (at.lab.paths.transcript(name, 1) for name in ("wt0", "wt1"))
    for file in (kept, gone):
        os.utime(file, (at.lab.state.at, at.lab.state.at))  # by the lab's clock
    answer = await Counter(at.lab, lambda reason, now: None).handle(Command("gc", "ada", {"transcripts": 0}))
    report = verify(at.lab.paths)
    assert (0, True, False) == (answer.code, kept.exists(), gone.exists())
    assert ((), 2, 1) == (report.findings, report.transcripts, report.transcripts_pruned)
    kept.unlink()
    assert ["missing"] == [finding.kind for finding in verify(at.lab.paths).findings]


async def test_a_worktree_that_was_retired_goes_when_nothing_brings_it_back(at: Desk) -> None:
    """With what it kept in no branch; the experiments' commits stay."""
    (at.lab.paths.worktree("wt1") / "train.py").write_text("mine = 1\n")
    counter = Counter(at.lab, lambda reason, now: None)
    assert (await counter.handle(Command("retire", "ada", {"worktree": "wt1", "named": True}))).done
    (ref,) = at.lab.repository.kept_of("wt1")
    await housekeeping.asked(at.lab, None, "ada")
    (trash,) = at.lab.paths.trash.iterdir()
    clock = at.lab.clock
    at.lab.clock = lambda: clock() + 15 * DAY_S
    await housekeeping.asked(at.lab, None, "ada")
    resolved = [at.lab.repository.resolve(each) for each in (ref, "refs/lab/experiments/000001", "refs/heads/lab/wt1")]
    assert (False, None, True, True) == (trash.exists(), resolved[0], bool(resolved[1]), bool(resolved[2]))
    assert {"worktree": 1, "kept": 1} == {kind: pruned(at)[-1][1].get(kind) for kind in ("worktree", "kept")}


def test_a_long_log_is_moved_aside(tmp_path: Path) -> None:
    """Whoever appends to it goes on; what it said last is in the older file."""
    log = tmp_path / "engine.log"
    with log.open("ab", buffering=0) as file:
        file.write(b"x" * housekeeping.LOG_BYTES + b"last\n")
        housekeeping.bound_log(log)
        file.write(b"first\n")
        housekeeping.bound_log(log)
    assert ("first\n", True) == (log.read_text(), (tmp_path / "engine.log.1").read_text().endswith("last\n"))


async def test_the_state_that_is_left_is_renewed(at: Desk) -> None:
    """From what was left before: only the rows after it are folded."""
    paths = at.lab.paths
    snapshot.renew(paths)
    at.lab.record(ev.IdeaAdded(1, "rope", "ada"))
    snapshot.renew(paths)
    reader = Reader(paths.journal)
    left = snapshot.load(paths.state, reader)
    reader.close()
    assert at.lab.state == left
