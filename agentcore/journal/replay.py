"""How does a recorded journal go by again?

A recording is a copy: of a journal.sqlite that somebody sent, or of a lab's. Its state is that of a moment, and the
moment moves: as fast as is asked for, and through times in which nothing happened faster still. Nothing is written to
where it came from. The journal is read and folded once beforehand, so that whatever is wrong with it is said at once.

What is no event is not in it: a run's progress is the share of its time that has gone by. Of a lab's own folder also
logs, curves, transcripts and commits can be read, as they are today.
"""

from __future__ import annotations

import shutil
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from agentcore.events import Entry, ExperimentProposed, RunEnded
from agentcore.fold import fold
from agentcore.journal.rows import FORMAT, JournalError, Reader
from agentcore.overview import Live
from agentcore.overview.observer import Observer
from agentcore.state import LabState
from worktrees.layout import LabPaths
from worktrees.metrics import MetricPoint

MOST_S = 2.0
"""So long one waits at most for the next event, whatever the speed."""

COPIES = 5
"""How often a journal is copied that is written at the same time, before it is given up."""

_MAGIC = b"SQLite format 3\x00"


class NoRecording(Exception):
    """It cannot be played. The message says why."""


@dataclass(frozen=True)
class Score:
    """When each event comes, by the recording's clock and in seconds from its beginning as it is played."""

    ats: tuple[float, ...]
    """Unix times; they never go back, whatever the machine's clock did."""
    played: tuple[float, ...]

    def moment(self, played_s: float) -> float:
        """Return the time on the recording's clock after so many seconds of playing."""
        index = bisect_right(self.played, played_s) - 1
        if index + 1 >= len(self.ats):
            return self.ats[-1]
        began, at = self.played[index], self.ats[index]
        share = (played_s - began) / (self.played[index + 1] - began)
        return at + share * (self.ats[index + 1] - at)

    def seconds_to(self, at: float) -> float:
        """Return after how many seconds of playing the recording's clock shows `at`."""
        index = bisect_right(self.ats, at) - 1
        if index < 0 or index + 1 >= len(self.ats):
            return self.played[max(0, index)]
        share = (at - self.ats[index]) / (self.ats[index + 1] - self.ats[index])
        return self.played[index] + share * (self.played[index + 1] - self.played[index])


@dataclass(frozen=True)
class Recording:
    """A journal that can be played."""

    name: str
    """What it was called where it came from."""
    paths: LabPaths
    """A folder with the copy, which the player may throw away."""
    ats: tuple[float, ...]
    experiments: dict[int, float] = field(default_factory=dict)
    """{experiment: when it was proposed}."""
    ended: dict[int, float] = field(default_factory=dict)
    """{run: when it ended}."""

    def score(self, speed: float) -> Score:
        """Return when each event comes at so many times the speed."""
        played, total = [0.0], 0.0
        for before, at in zip(self.ats, self.ats[1:], strict=False):
            total += min((at - before) / speed, MOST_S)
            played.append(total)
        return Score(self.ats, tuple(played))


def open_recording(path: Path, folder: Path) -> Recording:
    """Copy the journal at `path` (a file, or a lab) into the empty `folder`, and read it. Raises NoRecording."""
    journal = _journal(path)
    paths = LabPaths(folder)
    paths.dot.mkdir(parents=True)
    try:
        _copy(journal, paths.journal)
        if path.is_dir():
            _link(journal.parent, paths)
        return _read(journal, paths)
    except OSError as error:
        raise NoRecording(f"{journal} cannot be read: {error.strerror}") from error


class Player(Observer):
    """An observer whose lab is the recording as it was at the moment that is played.

    `began_s`: from which second of playing on. `monotonic`: what is played by.
    """

    def __init__(
        self, recording: Recording, speed: float, began_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(recording.paths)
        self.label = "REPLAY"
        self.score = recording.score(speed)
        self._recording = recording
        self._began_s = began_s
        self._monotonic = monotonic
        self._start: float | None = None
        self._now = recording.ats[0]

    def clock(self) -> float:
        """Return what the recording's clock shows now. It begins to run when it is first looked at."""
        now = self._monotonic()
        self._start = now if self._start is None else self._start
        self._now = self.score.moment(self._began_s + now - self._start)
        return self._now

    def refresh(self) -> bool:
        """Fold what has happened by the moment that the clock showed last; True where something was new."""
        due = bisect_right(self.score.ats, self._now)
        if due <= self.state.seq:
            return False
        with closing(Reader(self.paths.journal)) as reader:
            self.state = fold((each for each in reader.between(self.state.seq, due)), self.state)
        return True

    def live(self) -> Live:
        """Return what is known without having been measured: runs go on evenly, the engine lives until it stops."""
        stages, points = {}, {}
        for run in self.state.active.values():
            ended = self._recording.ended.get(run.number)
            if ended is not None and ended > run.started:
                share = min(1.0, max(0.0, (self._now - run.started) / (ended - run.started)))
                stages[run.number] = "train"
                points[run.number] = MetricPoint(progress=share, elapsed_s=self._now - run.started)
        return Live({}, stages, points, self.engine_alive())

    def engine_alive(self) -> bool:
        """True until the engine has said that it stops."""
        return self.state.engine is not None and self.state.engine.stopped is None


def _journal(path: Path) -> Path:
    """Return the journal that a path means: a file itself, a lab's, or that of its .lab."""
    if not path.exists():
        raise NoRecording(f"{path} is not there")
    if not path.is_dir():
        return path
    found = next((each for each in (path / ".lab" / "journal.sqlite", path / "journal.sqlite") if each.exists()), None)
    if found is None:
        raise NoRecording(f"{path} holds no journal: neither .lab/journal.sqlite nor journal.sqlite")
    return found


def _copy(journal: Path, to: Path) -> None:
    """Copy a journal and its log of what is not in it yet; an engine may write at the same time.

    The copies fit each other where the file was the same before and after: SQLite moves the log into it only then.
    """
    with journal.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise NoRecording(f"{journal} is no journal: it is no SQLite file")
    log, log_to = (each.with_name(f"{each.name}-wal") for each in (journal, to))
    for _ in range(COPIES):
        before = journal.stat()
        shutil.copyfile(journal, to)
        log_to.unlink(missing_ok=True)
        if log.exists():
            shutil.copyfile(log, log_to)
        after = journal.stat()
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            return
    raise NoRecording(f"{journal} is written faster than it can be copied: stop its engine first")


def _link(dot: Path, paths: LabPaths) -> None:
    """Make what lies beside a lab's journal readable. Nothing is linked that a key of the view could change."""
    for name in (paths.runs.name, paths.transcripts.name):
        if (dot / name).is_dir():
            (paths.dot / name).symlink_to((dot / name).absolute())
    root = dot.parent
    if (git := root / ".git").is_dir():
        (paths.root / ".git").symlink_to(git.absolute())
    for text in (paths.config, paths.program):  # copies, where an editor could be opened on them
        if (root / text.name).is_file():
            shutil.copyfile(root / text.name, text)
    for words in (paths.directions, paths.prompts):
        if (root / words.name).is_dir():
            shutil.copytree(root / words.name, words)


def _read(journal: Path, paths: LabPaths) -> Recording:
    """Read the whole copy once. Raises NoRecording."""
    ats: list[float] = []
    experiments: dict[int, float] = {}
    ended: dict[int, float] = {}

    def noted(entry: Entry) -> Entry:
        ats.append(max(entry.at, ats[-1] if ats else entry.at))
        if isinstance(entry.event, ExperimentProposed):
            experiments[entry.event.experiment] = ats[-1]
        elif isinstance(entry.event, RunEnded):
            ended[entry.event.run] = ats[-1]
        return entry

    try:
        with closing(Reader(paths.journal)) as reader:
            if (version := reader.version()) > FORMAT:
                raise NoRecording(f"{journal} has format {version}, this nightlab reads {FORMAT}: install a newer one")
            fold((noted(entry) for entry in reader.after(0)), LabState())
    except JournalError as error:
        raise NoRecording(str(error).replace(str(paths.journal), str(journal))) from error
    except (ValueError, LookupError) as error:
        raise NoRecording(f"{journal} makes no sense ({error})") from error
    if not ats:
        raise NoRecording(f"{journal} holds no event")
    return Recording(
        journal.name if journal.parent.name != ".lab" else journal.parent.parent.name,
        paths,
        tuple(ats),
        experiments,
        ended,
    )


def start_of(recording: Recording, score: Score, words: str, moment: Callable[[str, float], float]) -> float:
    """Return from which second of playing on a person wants to look: `#12` or a time, as `moment` reads it.

    Raises NoRecording for an experiment or a time that is not in the recording.
    """
    number = words.removeprefix("#")
    if number.isdecimal():
        at = recording.experiments.get(int(number))
        if at is None:
            last = max(recording.experiments, default=0)
            raise NoRecording(f"the recording has no experiment #{number}; the last is #{last}")
        return score.seconds_to(at)
    at = moment(words, recording.ats[-1])
    if at < recording.ats[0]:
        raise NoRecording(f"{words} lies before the recording begins, {_told(recording.ats)}")
    return score.seconds_to(at)


def _told(ats: Sequence[float]) -> str:
    first, last = (time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) for at in (ats[0], ats[-1]))
    return f"which goes from {first} to {last}"
