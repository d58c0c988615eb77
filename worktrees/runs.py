"""What is a run, and which files does it leave?

A run is one training of one commit with one seed, followed by its evaluation. Its folder is the only contact between
the engine, the shim that owns the processes, the training and any view:

    runs/000123/
      spec.json      what to do (written by the engine before anything starts)
      checkout/      a clean export of exactly the commit
      status.json    who runs it now, and at which stage (written by the shim, replaced atomically)
      out/           the only folder the training writes: metrics.jsonl, the checkpoint
      scores/        the only folder the evaluation writes: score.json, and holdout.json on the hidden hold-out
      scratch/       for temporary files while it is scored
      log.txt        everything that was printed (log.1.txt: by the attempt before, when a shim was lost)
      result.json    how it ended (written once, atomically; afterwards the run is history)
      lock, shim.log, .reserve   the shim's own: who may run it, its complaints, disk space kept for the result
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from worktrees.sandbox import FIRST_UID, Backend
from worktrees.slots import Slot

T = TypeVar("T")

Purpose = Literal["baseline", "screen", "confirm", "retest", "speed"]
LARGE: tuple[Purpose, ...] = ("retest", "speed")
"""Purposes whose runs are of the larger size: with the whole budget there, or with a fraction of it."""
Ending = Literal[
    "ok", "crash", "nan", "invalid", "timeout", "cancelled", "no_score", "lost", "breach", "contended", "interrupted"
]
"""ok: there is a score. crash: a stage exited non-zero. nan: the training's loss stopped being finite (the stage
``train`` exits with 3). invalid: an integrity rule was broken (the stage ``evaluate`` exits with 4 and prints a line
that starts with ``invalid:``). timeout: a stage passed its wall limit. no_score: every stage exited zero but the
evaluation wrote no finite score. lost: the shim vanished without a result (reboot, kill -9): the run is started again
and counts once. breach: a wall of its sandbox did not stand when it was tried, so nothing was started. contended: it
had a score, but others used its device meanwhile. interrupted: cancelled with no person asking for this run's end: the
lab was stopped with its runs, or the machine was shut down."""

GIVEN_BACK: tuple[Ending, ...] = ("lost", "breach", "contended", "interrupted")
"""Endings that say nothing of the commit: its work is assigned again under a new number."""

SCORING = ("evaluate", "holdout")
"""Stages that run the project's evaluation, on the validation text and on the hidden hold-out."""
TRAIN_NAN_CODE = 3
EVALUATE_INVALID_CODE = 4


@dataclass(frozen=True)
class Stage:
    """One command of a run."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """The whole environment of the command, but for the tag by which the shim marks its processes."""
    wall_s: float
    reads: tuple[str, ...] = ()
    """Folders beside the checkout that it may read."""
    is_trusted: bool = False
    """True for an evaluation that runs no agents' code in its own process: it stays outside the walls and starts that
    code behind the words that it finds in `ROOM`."""


ROOM = "NIGHTLAB_ROOM"
"""Environment variable of a trusted evaluation: a JSON list, the beginning of a command that runs inside the walls."""


@dataclass(frozen=True)
class Walls:
    """What stands around the agents' code of a run."""

    backend: Backend
    hidden: tuple[str, ...] = ()
    """Paths that no room shows though they lie in what every room reads: installed packages that hold the corpus."""
    shown: tuple[str, ...] = ()
    """What lies outside of the project and every room shows: another interpreter, data, caches."""
    absent: tuple[str, ...] = ()
    """Folders of which a self-test must see nothing: the home folder, the lab."""
    uid: int = FIRST_UID
    """User that its commands become where the lab belongs to root."""
    memory_mb: float = 0.0
    """What all its processes may hold together (MiB); 0 for no limit."""


@dataclass(frozen=True)
class Reading:
    """Where a number of a run stands."""

    pattern: str = ""
    """In what the training printed: the first group of the last line in which it is found."""
    key: str = ""
    """In score.json, where there is no pattern."""


@dataclass(frozen=True)
class RunSpec:
    """Everything that a shim needs to do a run."""

    run: int
    purpose: Purpose
    commit: str
    tree: str
    seed: int
    scale: int
    budget: str
    slot: Slot
    stages: tuple[Stage, ...]
    walls: Walls
    fraction: float = 1.0
    """Of the size's budget, which `budget` is after it."""
    printed: str = ""
    """Pattern by which the score is read in the training's output; empty where the evaluation says it."""
    guards: Mapping[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True)
class RunStatus:
    """Who runs it now. pid, start ticks and boot id name a process beyond reuse of its pid."""

    pid: int
    start_ticks: int
    boot_id: str
    stage: str
    stage_started: float
    """Unix time at which the current stage began."""
    stage_pid: int
    """The current stage's first process and the leader of its session, 0 between stages."""
    stage_ticks: int = 0
    """Its start ticks, 0 between stages."""


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    ending: Ending
    score: float | None
    """The project's metric, None unless `ending` is ok."""
    reason: str
    """One line for a person: the last line of the traceback, the limit that was passed. Empty when ok."""
    exit_code: int | None
    """Of the last stage: minus the signal where one killed it, None where the shim ended it."""
    started: float
    ended: float
    stage_s: Mapping[str, float]
    """Wall seconds by stage name."""
    stage_cpu_s: Mapping[str, float]
    """CPU seconds by stage name, of all its processes."""
    peak_mb: float
    """Largest resident memory of one process (MiB); on a GPU slot the device memory that metrics.jsonl reports."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else score.json held, e.g. bits, bytes, tokens."""
    holdout: float | None = None
    """The score on the hidden hold-out, where it was asked for."""
    walls: str = ""
    """The sandbox's backend."""
    checks: int = 0
    """How many things the self-tests of its rooms tried, each of which a wall refused (or rightly allowed)."""
    self_reported: bool = False
    """True where the training, agents' code, printed the score itself."""
    guards: Mapping[str, float] = field(default_factory=dict)
    """{name: number} of the guards, where there is a score."""


class RunFolder:
    """The files of one run, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spec = path / "spec.json"
        self.checkout = path / "checkout"
        self.status = path / "status.json"
        self.out = path / "out"
        self.metrics = path / "out" / "metrics.jsonl"
        self.scores = path / "scores"
        self.score = path / "scores" / "score.json"
        self.holdout = path / "scores" / "holdout.json"
        self.scratch = path / "scratch"
        self.log = path / "log.txt"
        self.old_log = path / "log.1.txt"
        self.result = path / "result.json"
        self.lock = path / "lock"
        self.shim_log = path / "shim.log"
        self.reserve = path / ".reserve"

    def read_spec(self) -> RunSpec | None:
        """Return the spec, or None where there is none yet."""
        return read_json(self.spec, RunSpec)

    def read_status(self) -> RunStatus | None:
        """Return the shim's last word, or None before it spoke, and where a failing disk has torn it."""
        return _read_whole(self.status, RunStatus)

    def read_result(self) -> RunResult | None:
        """Return the result, or None while the run goes on. A torn one counts as none: the run is done again."""
        return _read_whole(self.result, RunResult)


def read_json(path: Path, kind: type[T]) -> T | None:
    """Return the `kind` in `path`, or None where the file is missing.

    Raises msgspec.DecodeError for a torn or foreign file: we only ever rename whole ones into place.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None


def _read_whole(path: Path, kind: type[T]) -> T | None:
    try:
        return read_json(path, kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def write_json(path: Path, value: object) -> None:
    """Replace `path` by `value` (a dataclass or JSON) so that a reader sees the old or the new, whole and on disk.

    Raises OSError where that fails (a full disk); then the old one is still there and nothing else.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(value))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    """Make a rename in the folder `path` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
