"""A disk that is full pauses a lab, and room lets it go on: a small disk that is really full."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentcore import events as ev
from agentcore.agents.roster import Roster
from agentcore.engine import launch
from agentcore.engine.control import Command, ask
from agentcore.engine.lab import Lab
from agentcore.engine.opening import open_lab
from agentcore.engine.reserve import BYTES, Reserve
from agentcore.engine.serving import serve_lab
from agentcore.events import Entry
from agentcore.journal.rows import Unwritable
from agentcore.plan import Limits
from tests import toy
from tests.engines import end_lab, spawn, state_of, wait_for
from tui.cli import main
from worktrees.layout import LabPaths
from worktrees.repository import Repository, RepositoryError

SETTINGS = toy.LAB + "\n[limits]\ndisk_floor_gb = 0\n"


def mount(folder: Path, size: str) -> None:
    """Put a small disk at a folder; skip the test where that is not permitted."""
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a disk that is small enough to fill")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that has room for a lab, its reserve and little more."""
    mount(folder := tmp_path / "disk", "32m")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> None:
    """Take what room there is at this moment, and never what an engine gives back while that goes on."""
    room = shutil.disk_usage(disk).free
    with (disk / "big").open("ab") as file:
        while True:
            try:
                os.posix_fallocate(file.fileno(), 0, room)
                break
            except OSError:  # somebody has written in between
                room -= 1 << 12


def test_a_full_disk_pauses_and_goes_on_by_itself(disk: Path) -> None:
    """It says why, in a row that it had no room for; nothing starts, and with room the same engine goes on."""
    paths = toy.make(disk / "lab", lab=SETTINGS)
    engine = spawn(paths)
    try:
        wait_for(paths, lambda state: bool(state.experiments), "an experiment")
        fill(disk)
        state = wait_for(paths, lambda state: "disk" in state.warnings and not state.active, "it pauses")
        text = f"the disk of .lab is full ({paths.dot}): nothing new starts until there is room"
        assert (text, None) == (state.warnings["disk"], engine.poll())
        (disk / "big").unlink()
        wanted = len(state.experiments) + 2
        state = wait_for(paths, lambda s: len(s.experiments) >= wanted and "disk" not in s.warnings, "it goes on")
        scores = [(run.tree, run.seed) for run in state.runs.values() if run.ending == "ok"]
        assert (None, len(scores), engine.pid) == (engine.poll(), len(set(scores)), state.engine and state.engine.pid)
        fill(disk)
        wait_for(paths, lambda state: "disk" in state.warnings, "it pauses again")
        engine.terminate()
        assert 0 == engine.wait(timeout=20), "who is stopped on a full disk leaves"
    finally:
        (disk / "big").unlink(missing_ok=True)
        end_lab(paths, engine)


def test_a_disk_that_takes_no_row_at_all_is_waited_for(tmp_path: Path) -> None:
    """Not even with the reserve given back: the engine begins again where its journal ends, once there is room."""
    paths, opened = toy.make(tmp_path / "lab", lab=SETTINGS), list[Lab]()

    async def on_a_small_disk(paths: LabPaths, **options: Any) -> tuple[Lab, Roster]:
        """Open the lab; the first time its journal may take only what its last page has room for."""
        lab, roster = await open_lab(paths, **options)
        if not opened:
            pages = lab.journal._db.execute("PRAGMA page_count").fetchone()[0]
            lab.journal._db.execute(f"PRAGMA max_page_count={pages}")
        opened.append(lab)
        return lab, roster

    limits = Limits(experiments=2)
    asyncio.run(serve_lab(paths, limits=limits, until=None, mode=None, clock=time.time, opened=on_a_small_disk))
    state = state_of(paths)
    scores = [(run.tree, run.seed) for run in state.runs.values() if run.ending == "ok"]
    started = [each for each in state.recent if isinstance(each.event, ev.EngineStarted)]
    assert (2, 2, 2, len(scores)) == (len(opened), len(started), len(state.experiments), len(set(scores)))


class NoRoomFor:
    """A journal of a disk that takes no more rows of one kind, once it is full."""

    def __init__(self, lab: Lab, kind: type[ev.Event], *, full: bool) -> None:
        self._lab, self._kind, self.full = lab, kind, full
        self._journal, lab.journal = lab.journal, self

    def append(self, at: float, event: ev.Event, *, durable: bool = False) -> Entry:
        if self.full and isinstance(event, self._kind):
            raise Unwritable("cannot write: disk full")
        return self._journal.append(at, event, durable=durable)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


@pytest.mark.parametrize("work", ["move", "branch", "swap", "add"])
def test_git_that_finds_no_room_says_so_as_all_of_git_does(disk: Path, work: str) -> None:
    """libgit2's error for it is one of the system without a number: it ended engines, and is tried again now."""
    paths = toy.make(disk / "lab")
    repository, folder = Repository(paths.root), paths.worktree("wt0")
    head = repository.head()
    repository.create_trunk(head)
    repository.add_worktree(folder, "wt0", head)
    other = repository.write({"train.py": bytes(1 << 16)}, head, "Another")
    fill(disk)
    works: dict[str, Callable[[], object]] = {
        "move": lambda: repository.move_worktree(folder, "wt0", other),
        "branch": lambda: repository.move_branch(folder, "wt0", other),
        "swap": lambda: repository.swap_trunk(head, other),
        "add": lambda: repository.add_worktree(paths.worktree("wt1"), "wt1", other),
    }
    with pytest.raises(RepositoryError):
        works[work]()


async def test_git_that_finds_no_room_as_a_lab_is_opened_again_is_waited_for(disk: Path) -> None:
    """The disk was full again: the engine does not leave in the middle of a night for that."""
    paths, opened = toy.make(disk / "lab", lab=SETTINGS), 0

    async def on_a_disk_that_fills_twice(paths: LabPaths, **options: Any) -> tuple[Lab, Roster]:
        nonlocal opened
        opened += 1
        if opened == 2:
            fill(disk)
            asyncio.get_running_loop().call_later(0.1, (disk / "big").unlink)
            raise RepositoryError("git cannot write")
        lab, roster = await open_lab(paths, **options)
        NoRoomFor(lab, ev.RunStarted, full=opened == 1)
        return lab, roster

    limits = Limits(experiments=0)
    await serve_lab(paths, limits=limits, until=None, mode=None, clock=time.time, opened=on_a_disk_that_fills_twice)
    state = state_of(paths)
    assert (3, True) == (opened, state.engine is not None and state.engine.stopped is not None)


def test_who_has_nothing_left_to_do_waits_for_no_room(tmp_path: Path) -> None:
    """An engine whose hour has come, and whose report has no room, leaves; it does not begin again."""
    paths, opened = toy.make(tmp_path / "lab", lab=SETTINGS), list[NoRoomFor]()

    async def on_a_full_disk(paths: LabPaths, **options: Any) -> tuple[Lab, Roster]:
        lab, roster = await open_lab(paths, **options)
        opened.append(NoRoomFor(lab, ev.ReportWritten, full=not opened))
        return lab, roster

    asyncio.run(serve_lab(paths, limits=Limits(), until=1.0, mode=None, clock=time.time, opened=on_a_full_disk))
    assert (1, True) == (len(opened), state_of(paths).engine.stopped is not None)


async def test_who_is_stopped_with_its_runs_waits_for_no_room(tmp_path: Path) -> None:
    """It ends them and leaves, though their ends have no room: they lie in their folders for the next engine."""
    train = toy.TRAIN.replace('BEHAVIOUR = "train"', 'BEHAVIOUR = "hang"')
    paths, opened = toy.make(tmp_path / "lab", lab=SETTINGS, train=train), list[NoRoomFor]()

    async def on_a_disk_that_fills(paths: LabPaths, **options: Any) -> tuple[Lab, Roster]:
        lab, roster = await open_lab(paths, **options)
        opened.append(NoRoomFor(lab, ev.RunEnded, full=False))
        return lab, roster

    engine = asyncio.ensure_future(
        serve_lab(paths, limits=Limits(), until=None, mode=None, clock=time.time, opened=on_a_disk_that_fills)
    )
    try:
        while not (folder := paths.run(2)).metrics.exists():
            await asyncio.sleep(0.05)
        opened[0].full = True
        await ask(paths.socket, Command("stop", arguments={"now": True}))
        async with asyncio.timeout(20):
            assert "stopped by you" == await engine
            while folder.read_result() is None:
                await asyncio.sleep(0.05)
        assert (1, "cancelled") == (len(opened), folder.read_result().ending)
    finally:
        engine.cancel()
        end_lab(paths)


def test_an_engine_that_waits_for_room_can_be_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It holds the lab and listens to nobody: `nightlab stop` ends it, and says that none runs only once that is so."""
    paths = toy.make(tmp_path / "lab")
    waits = "import sys, time; from pathlib import Path; from agentcore.engine.lock import locked\n"
    waits += "with locked(Path(sys.argv[1])): print(flush=True); time.sleep(60)"
    engine = subprocess.Popen([sys.executable, "-c", waits, paths.lock], stdout=subprocess.PIPE)
    assert engine.stdout and engine.stdout.readline()
    codes = [main(["stop", "--lab", str(paths.root)]) for _ in range(2)]
    said = f"the engine did not answer; process {engine.pid} was told to leave\nthe engine is not running\n"
    assert ([0, 0], said, -signal.SIGTERM) == (codes, capsys.readouterr().out, engine.wait(timeout=20))
    engine.stdout.close()


def test_a_full_disk_does_not_let_an_engine_start(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who starts one is told at once, with exit code 8; nothing waits in the background."""
    paths = toy.make(disk / "lab", lab=SETTINGS)
    paths.dot.mkdir()
    fill(disk)
    assert 8 == launch.run_engine(paths, Limits(experiments=1))
    assert "full" in (said := capsys.readouterr().err) or "No space left" in said


def test_room_is_twice_what_was_given_back(disk: Path) -> None:
    """So that a lab does not go on and stop again with every row."""
    reserve = Reserve(disk / "reserve")
    first = reserve.hold()
    fill(disk)
    full = reserve.hold()
    reserve.free()
    given = reserve.hold()
    (disk / "big").unlink()
    assert (True, False, False, True) == (first, full, given, reserve.hold())
    assert BYTES == (disk / "reserve").stat().st_size


def test_a_read_only_disk_does_not_let_an_engine_start(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The system's words, exit code 8, and no traceback."""
    paths = toy.make(disk / "lab", lab=SETTINGS)
    paths.dot.mkdir()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert (8, True) == (launch.run_engine(paths), "Read-only file system" in capsys.readouterr().err)
