"""What can befall a lab in a night? Every kind of kill and damage, and how often each comes.

A kill is SIGKILL, at whatever instant the process has reached, or at the very instant at which the kernel says that it
writes. Files are damaged as a power cut, a full disk or somebody's hand leaves them. The journal and its witnesses are
only ever read here: to change them is no fault but forgery, which `nightlab audit` is for.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from agentcore.engine import launch
from agentcore.engine.control import Command, EngineUnreachable
from tests.torture import beings
from tests.torture.instants import await_write
from tests.torture.night import Night
from worktrees.runs import RunFolder

PATIENCE_S = 2.0
"""How long a kill waits for its moment, e.g. for an agent to think."""

MERGE_PATIENCE_S = 8.0
"""The same for a merge, which comes once in some experiments."""

Act = Callable[[Night, random.Random], object]


# --- Kills at any instant ---


def _kill(*roles: str) -> Act:
    """End one process of each role at the same time, as soon as all are there."""

    def act(night: Night, chance: random.Random) -> None:
        end = time.monotonic() + PATIENCE_S
        while True:
            found = [beings.of_role(night.root, role) for role in roles]
            if all(found) or time.monotonic() > end:
                break
            time.sleep(0.003)
        beings.kill(chance.choice(pids) for pids in found if pids)

    return act


def _kill_every(*roles: str) -> Act:
    """End all processes of some roles."""
    return lambda night, chance: beings.kill(beings.of_role(night.root, *roles))


def _power_cut(night: Night, chance: random.Random) -> None:
    """Everything ends at once."""
    beings.kill_all(night.root)
    night.reap()


def _start_killed(night: Night, chance: random.Random) -> None:
    """An engine dies while it starts, up to three in a row, each a little later than the one before."""
    beings.kill(beings.of_role(night.root, "engine"))
    for _ in range(chance.randint(1, 3)):
        night.reap()
        argv = [sys.executable, "-P", "-m", "agentcore", str(night.root)]
        with night.paths.log.open("ab") as log:
            engine = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        time.sleep(chance.uniform(0.1, 0.8))
        engine.kill()
        engine.wait()


def _view_killed(night: Night, chance: random.Random) -> None:
    """The view dies; nothing else does."""
    if night.view is None:
        night.look()
        time.sleep(chance.uniform(0.0, 0.5))
    beings.kill(beings.of_role(night.root, "view"))


def _line_drops(night: Night, chance: random.Random) -> None:
    """The terminal goes away under the view, as when SSH breaks."""
    if night.view is None:
        night.look()
    if night.view is not None:
        night.view.signal(signal.SIGHUP)


# --- Kills in the middle of a write ---


def _kill_at(
    place: Callable[[Night], Iterable[Path]], beginning: str, *roles: str, patience_s: float = PATIENCE_S
) -> Act:
    """End the engine, and what else is named, at the instant at which such a file is written, or a moment later."""

    def act(night: Night, chance: random.Random) -> None:
        engine = beings.of_role(night.root, "engine")
        others = beings.of_role(night.root, *roles) if roles else []
        night.caught += await_write([each for each in place(night) if each.is_dir()], beginning, patience_s)
        time.sleep(chance.choice((0.0, 0.0, 0.0005, 0.002, 0.01)))
        beings.kill(engine + others)

    return act


def _git(*parts: str) -> Callable[[Night], Iterable[Path]]:
    return lambda night: [night.root.joinpath(".git", *parts)]


def _journal(night: Night) -> Iterable[Path]:
    return [night.paths.dot]


def _launches(night: Night) -> Iterable[Path]:
    return [night.paths.runs]


def _newest_run(night: Night) -> Iterable[Path]:
    return sorted(night.paths.runs.iterdir())[-2:] if night.paths.runs.is_dir() else []


def _checkouts(night: Night) -> Iterable[Path]:
    return (night.root / ".git" / "worktrees").glob("wt*")


def _transcripts(night: Night) -> Iterable[Path]:
    return night.paths.transcripts.glob("wt*")


def _shim_at_birth(night: Night, chance: random.Random) -> None:
    """A shim dies within the first tenth of a second of its run."""
    await_write([night.paths.runs], "", PATIENCE_S)
    end = time.monotonic() + 0.3
    while not (shims := beings.of_role(night.root, "shim")) and time.monotonic() < end:
        time.sleep(0.001)
    time.sleep(chance.uniform(0.0, 0.1))
    beings.kill(shims[-1:])


def _shim_at_result(night: Night, chance: random.Random) -> None:
    """A shim dies while it writes its result, and the engine with it now and then."""
    night.caught += await_write(_newest_run(night), ".result.json", PATIENCE_S)
    beings.kill(beings.of_role(night.root, "shim", *(["engine"] if chance.random() < 0.3 else [])))


def _taken_back(night: Night, chance: random.Random) -> None:
    """A person takes the last merge back, and the engine dies while it moves trunk."""
    state = night.state()
    if not state.merges or state.trunk is None or state.merges[-1].new != state.trunk.commit:
        beings.kill(beings.of_role(night.root, "engine"))
        return
    argv = [sys.executable, "-P", "-m", "tui.cli", "revert", "--lab", str(night.root), "--yes", "--because", "torture"]
    engine = beings.of_role(night.root, "engine")
    with subprocess.Popen(
        [*argv, str(state.merges[-1].experiment)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ):
        night.caught += await_write([night.root / ".git/refs/heads/lab"], "trunk", MERGE_PATIENCE_S)
        time.sleep(chance.choice((0.0, 0.0, 0.0005, 0.002)))
        beings.kill(engine)


# --- Signals that end nothing, or in order ---


def _freeze(role: str) -> Act:
    """A process stands still for a while: a laptop that sleeps, a debugger, a machine that swaps."""

    def act(night: Night, chance: random.Random) -> None:
        pids = beings.of_role(night.root, role)
        beings.kill(pids, signal.SIGSTOP)
        time.sleep(chance.uniform(0.2, 1.0))
        beings.kill(pids, signal.SIGCONT)

    return act


def _signalled(number: signal.Signals, *, then_killed: bool = False) -> Act:
    """The engine is told to leave, and killed while it does."""

    def act(night: Night, chance: random.Random) -> None:
        engine = beings.of_role(night.root, "engine")
        beings.kill(engine, number)
        if then_killed:
            time.sleep(chance.uniform(0.0, 0.1))
            beings.kill(engine)
        night.wait(lambda: not beings.of_role(night.root, "engine"), 10.0)

    return act


def _stop(**how: bool) -> Act:
    """Somebody stops the lab; runs go on, or are ended."""

    def act(night: Night, chance: random.Random) -> None:
        try:
            launch.send(night.paths, Command("stop", arguments=how))
        except EngineUnreachable:
            return
        night.wait(lambda: not beings.of_role(night.root, "engine"), 10.0)

    return act


def _two_starts(night: Night, chance: random.Random) -> None:
    """Two people start the dead lab in the same instant."""
    beings.kill(beings.of_role(night.root, "engine"))
    night.reap()
    argv = [sys.executable, "-P", "-m", "tui.cli", "start", "--lab", str(night.root)]
    both = [subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    for each in both:
        each.wait()


# --- Files ---


def _socket_gone(night: Night, chance: random.Random) -> None:
    """Something that tidies up removes the socket of an engine that lives."""
    night.paths.socket.unlink(missing_ok=True)


def _locks_left(night: Night, chance: random.Random) -> None:
    """The engine died inside git, and left its locks."""
    beings.kill(beings.of_role(night.root, "engine"))
    git = night.root / ".git"
    places = [git / "refs/heads/lab/trunk", git / "refs/heads/lab/wt0", git / "worktrees/wt1/index"]
    places += sorted((git / "refs/lab/experiments").glob("*"))[-1:]
    for place in chance.sample(places, 2):
        if place.parent.is_dir():
            place.with_name(f"{place.name.removesuffix('.lock')}.lock").touch()


def _torn(name: str, *, kills_engine: bool) -> Act:
    """A disk that failed left half of a run's file; its shim is gone, and the engine too or not."""

    def act(night: Night, chance: random.Random) -> None:
        end = time.monotonic() + PATIENCE_S
        while not (going := _going(night, name)) and time.monotonic() < end:
            time.sleep(0.003)
        beings.kill(beings.of_role(night.root, "shim", *(["engine"] if kills_engine else [])))
        for folder in going[:1]:
            file = folder.path / name
            data = file.read_bytes() if file.exists() else b'{"ending":"ok","score":0.5,"reason":""'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data[: chance.choice((0, len(data) // 2, max(0, len(data) - 1)))])

    return act


def _going(night: Night, name: str) -> list[RunFolder]:
    """Return the folders of runs in progress that have such a file, or may get it."""
    folders = [night.paths.run(number) for number in sorted(night.state().active)]
    return [each for each in folders if (each.path / name).exists() or (name == "result.json" and each.spec.exists())]


def _half_written(night: Night, chance: random.Random) -> None:
    """A shim died while it wrote: the half lies beside, under its temporary name."""
    for folder in _going(night, "status.json")[:1]:
        beings.kill(beings.of_role(night.root, "shim"))
        for name in ("status", "result"):
            (folder.path / f".{name}.json.4242").write_text('{"ending":"ok","sco')


def _worktree_gone(night: Night, chance: random.Random) -> None:
    """Somebody removes a worktree's folder, its engine alive or not."""
    if chance.random() < 0.5:
        beings.kill(beings.of_role(night.root, "engine"))
    shutil.rmtree(night.paths.worktree(chance.choice(("wt0", "wt1"))), ignore_errors=True)


def _spoilt(*names: str) -> Act:
    """Files that the lab can do without hold something else, or half of it."""

    def act(night: Night, chance: random.Random) -> None:
        beings.kill(beings.of_role(night.root, "engine"))
        for name in names:
            file = night.paths.dot / name
            if file.is_file():
                data = file.read_bytes()
                file.write_bytes(chance.choice((b"", data[: len(data) // 2], b"\xff\0{")))

    return act


def _copied(night: Night, chance: random.Random) -> None:
    """A backup reads the journal, which must not hold up the engine that is killed and started meanwhile."""
    copies = "import sqlite3, sys, time; db = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)\n"
    copies += "db.execute('BEGIN'); db.execute('SELECT count(*) FROM events').fetchone(); print(flush=True)\n"
    copies += "time.sleep(float(sys.argv[2])); db.execute('SELECT body FROM events').fetchall()"
    argv = [sys.executable, "-S", "-P", "-c", copies, str(night.paths.journal), str(chance.uniform(0.1, 1.0))]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as backup:
        assert backup.stdout is not None
        backup.stdout.readline()
        beings.kill(beings.of_role(night.root, "engine"))
        night.start("start")
        if backup.wait():
            raise AssertionError("the journal could not be read while it was written")


def _tidied(night: Night, chance: random.Random) -> None:
    """Git tidies the repository, as it does by itself after enough commits, and is killed half way now and then."""
    argv = ["git", "-C", str(night.root), *chance.choice((["gc", "--quiet"], ["pack-refs", "--all"]))]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as git:
        if chance.random() < 0.3:
            time.sleep(chance.uniform(0.0, 0.05))
            beings.kill([git.pid, *beings.of_role(night.root, "engine")])


KINDS: dict[str, tuple[int, Act]] = {
    "engine": (14, _kill("engine")),
    "engine while it starts": (4, _start_killed),
    "engine in a ref": (4, _kill_at(_git("refs", "lab", "experiments"), "")),
    "engine in trunk": (6, _kill_at(_git("refs", "heads", "lab"), "trunk", patience_s=MERGE_PATIENCE_S)),
    "engine in a revert": (3, _taken_back),
    "engine in a branch": (3, _kill_at(_git("refs", "heads", "lab"), "wt")),
    "engine in a checkout": (3, _kill_at(_checkouts, "")),
    "engine in the journal": (6, _kill_at(_journal, "journal.sqlite")),
    "engine in a transcript": (2, _kill_at(_transcripts, "")),
    "engine in a launch": (4, _kill_at(_launches, "")),
    "engine and shims in a launch": (2, _kill_at(_launches, "", "shim")),
    "shim": (6, _kill("shim")),
    "shim at birth": (4, _shim_at_birth),
    "shim in its result": (4, _shim_at_result),
    "training": (4, _kill("training")),
    "evaluation": (3, _kill("evaluation")),
    "sandbox": (3, _kill("sandbox")),
    "agent": (4, _kill("agent")),
    "agent's sandbox": (2, _kill("agent's sandbox")),
    "view": (3, _view_killed),
    "line": (2, _line_drops),
    "engine and shim": (4, _kill("engine", "shim")),
    "engine and training": (3, _kill("engine", "training")),
    "engine and agent": (3, _kill("engine", "agent")),
    "engine, shims, trainings": (4, _kill_every("engine", "shim", "training", "evaluation", "sandbox")),
    "power cut": (6, _power_cut),
    "engine frozen": (3, _freeze("engine")),
    "shim frozen": (2, _freeze("shim")),
    "training frozen": (2, _freeze("training")),
    "SIGTERM": (3, _signalled(signal.SIGTERM)),
    "SIGTERM, then killed": (2, _signalled(signal.SIGTERM, then_killed=True)),
    "SIGHUP": (1, _signalled(signal.SIGHUP)),
    "stop": (2, _stop()),
    "stop now": (2, _stop(now=True)),
    "two starts": (2, _two_starts),
    "socket gone": (2, _socket_gone),
    "locks left": (3, _locks_left),
    "status torn": (2, _torn("status.json", kills_engine=False)),
    "status torn, engine dead": (2, _torn("status.json", kills_engine=True)),
    "result torn": (2, _torn("result.json", kills_engine=False)),
    "result torn, engine dead": (2, _torn("result.json", kills_engine=True)),
    "spec torn": (1, _torn("spec.json", kills_engine=True)),
    "metrics torn": (1, _torn("out/metrics.jsonl", kills_engine=False)),
    "half written": (2, _half_written),
    "worktree gone": (2, _worktree_gone),
    "state and devices spoilt": (2, _spoilt("state", "devices.json", "watchers.lock")),
    "journal copied": (1, _copied),
    "git tidies": (2, _tidied),
}
"""{kind: (how often, what it does)}."""
