"""A recorded journal goes by again: by its own clock, faster than it was, and nothing is written to it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from agentcore.journal.replay import MOST_S, NoRecording, Player, Recording, Score, open_recording, start_of
from agentcore.journal.rows import Journal
from tests.test_past_cli import said
from tests.tui.driving import DARK, Person
from tests.tui.labs import START, LabMaker, small_lab
from tui.cli import main
from tui.options import ViewOptions
from tui.view import View


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with three experiments, an hour of nothing before the last of them."""
    lab = small_lab(tmp_path / "night", alive=False)
    lab.experiment("wt0", "WARMUP 0.05 to 0.02", "drop", 1.7040)
    lab.experiment("wt1", "MATRIX_LR 0.020 to 0.034", "drop", 1.7040)
    lab.now += 3600
    lab.experiment("wt0", "DEPTH 4 to 9", "crash", None, "CUDA out of memory")
    return lab


class Watch:
    """A stopwatch that a test moves."""

    now = 5.0

    def __call__(self) -> float:
        """Return its time."""
        return self.now


def recorded(lab: LabMaker, folder: Path) -> Recording:
    """Return the recording of a lab's folder."""
    return open_recording(lab.paths.root, folder)


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of each file below a folder."""
    files = (each for each in folder.rglob("*") if each.is_file())
    return {str(each.relative_to(folder)): sha256(each.read_bytes()).hexdigest() for each in files}


def test_time_goes_by_faster_and_pauses_are_skipped() -> None:
    """Ten seconds at tenfold speed are one; an hour of nothing is two. Both ways the same."""
    score = Recording("night", None, (100.0, 110.0, 3710.0)).score(10.0)  # type: ignore[arg-type]
    assert Score((100.0, 110.0, 3710.0), (0.0, 1.0, 1.0 + MOST_S)) == score
    assert [100.0, 105.0, 110.0, 1910.0, 3710.0, 3710.0] == [score.moment(s) for s in (0.0, 0.5, 1.0, 2.0, 3.0, 99.0)]
    assert [0.0, 0.5, 2.0, 3.0] == [score.seconds_to(at) for at in (99.0, 105.0, 1910.0, 9999.0)]


def test_a_recording_is_read_and_nothing_is_written_where_it_came_from(lab: LabMaker, tmp_path: Path) -> None:
    """Also what still stands in SQLite's log beside the file, while an engine has it open."""
    before = contents(lab.paths.root)
    assert "journal.sqlite-wal" in {Path(name).name for name in before}
    recording = recorded(lab, tmp_path / "copy")
    player = Player(recording, 60.0, recording.score(60.0).played[-1], Watch())
    player.clock()
    player.refresh()
    assert (lab.state.seq, lab.state.experiments) == (player.state.seq, player.state.experiments)
    assert before == contents(lab.paths.root)


def test_a_file_alone_is_enough(lab: LabMaker, tmp_path: Path) -> None:
    """As it comes with a bug report, from a folder that cannot be written to."""
    lab.journal.close()
    sent = tmp_path / "sent"
    sent.mkdir()
    shutil.copy(lab.paths.journal, sent / "night.sqlite")
    sent.chmod(0o555)
    recording = open_recording(sent / "night.sqlite", tmp_path / "copy")
    assert ("night.sqlite", 3) == (recording.name, len(recording.experiments))
    assert ["night.sqlite"] == [each.name for each in sent.iterdir()]


def test_what_cannot_be_played_says_why(lab: LabMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Garbage, a folder without a journal, a newer format, an event of a newer version, an empty journal."""
    garbage, empty, newer, unknown = (tmp_path / name for name in ("garbage", "empty", "newer", "unknown"))
    garbage.write_text("no journal")
    Journal(empty).close()
    lab.journal.close()
    for path, change in (
        (newer, "PRAGMA user_version=9"),
        (unknown, "UPDATE events SET type='WorktreePaint' WHERE seq=3"),
    ):
        shutil.copy(lab.paths.journal, path)
        with sqlite3.connect(path) as db:
            db.execute(change)
    (tmp_path / "folder").mkdir()
    for path, words in (
        (garbage, "is no SQLite file"),
        (empty, "holds no event"),
        (newer, "has format 9, this nightlab reads 2: install a newer one"),
        (unknown, "unknown event 'WorktreePaint'"),
        (tmp_path / "folder", "holds no journal"),
        (tmp_path / "nowhere", "is not there"),
    ):
        assert 1 == main(["replay", str(path)])
        why = capsys.readouterr().err
        assert words in why and str(path) in why and "nightlab-replay" not in why


def test_where_to_begin_is_an_experiment_or_a_time(lab: LabMaker, tmp_path: Path) -> None:
    """Of the recording's own time, counted back from its end; what is not in it is refused."""
    recording = recorded(lab, tmp_path / "copy")
    score = recording.score(60.0)

    def start(words: str) -> float:
        return score.moment(start_of(recording, score, words, lambda text, now: now - float(text[:-1])))

    assert recording.experiments[2] == pytest.approx(start("#2"))
    assert recording.ats[-1] - 30 == pytest.approx(start("30s"))
    with pytest.raises(NoRecording, match="no experiment #9; the last is #3"):
        start("9")
    with pytest.raises(NoRecording, match="lies before the recording begins"):
        start("999999s")


def test_without_a_terminal_nothing_is_shown(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """And a speed that is none is refused before anything is read."""
    assert 2 == main(["replay", str(lab.paths.root)])
    assert "a replay needs a terminal" in capsys.readouterr().err
    assert 2 == main(["replay", str(lab.paths.root), "--speed", "0"])
    assert 0 == said(lab, capsys, "events")[0]


@asynccontextmanager
async def watching(recording: Recording, watch: Watch, began_s: float = 0.0) -> AsyncIterator[Person]:
    """Sit at the replay of a recording."""
    player = Player(recording, 60.0, began_s, watch)
    person = Person.__new__(Person)
    person.view = View(recording.paths, ViewOptions(readonly=True), DARK, clock=player.clock, observer=player)
    async with person.view.run_test(size=(80, 24)) as pilot:
        person.pilot = pilot
        await pilot.pause()
        yield person


async def test_the_view_shows_the_moment_that_is_played(lab: LabMaker, tmp_path: Path) -> None:
    """It says that it is a replay, shows what had happened by then, and goes on; a run has its share of progress."""
    recording, watch = recorded(lab, tmp_path / "copy"), Watch()
    at = recording.score(60.0).seconds_to(recording.experiments[1] + 1.5)
    async with watching(recording, watch, at) as person:
        assert "REPLAY nanochat" in person.rows[0]
        await person.press("4")
        assert "No experiments yet." in person.text
        watch.now += 30.0
        await person.sees("3 experiments")
        assert lab.now == pytest.approx(person.view.scene.now)
        assert person.view.scene.live.engine_alive


async def test_what_is_taken_along_lies_where_the_person_is(lab: LabMaker, tmp_path: Path) -> None:
    """The copy's own folder is gone afterwards."""
    recording = recorded(lab, tmp_path / "copy")
    recording.paths.exports = tmp_path / "here"
    async with watching(recording, Watch(), 9999.0) as person:
        await person.press("4", "E")
        assert "write to the current folder" in person.text
        await person.press("t")
        await person.sees("written: ")
    assert 1 == len(list((tmp_path / "here").glob("results-*.tsv")))


async def test_help_can_be_read_while_a_recording_plays(lab: LabMaker, tmp_path: Path) -> None:
    """Its list of files ended the view: what is taken along lies outside of the copy."""
    recording = recorded(lab, tmp_path / "copy")
    recording.paths.exports = tmp_path / "here"
    async with watching(recording, Watch(), 9999.0) as person:
        await person.press("?")
        assert "help: lab" in person.rows[0]
        await person.press("escape")
        assert "REPLAY nanochat" in person.rows[0]


async def test_no_key_changes_a_recording(lab: LabMaker, tmp_path: Path) -> None:
    """Each says that this view only looks."""
    recording = recorded(lab, tmp_path / "copy")
    async with watching(recording, Watch(), 9999.0) as person:
        for key in ("p", "m", "A", "Q"):
            await person.press(key)
            assert person.strip.startswith("read-only")


def test_of_a_lab_more_can_be_read_and_nothing_changed(lab: LabMaker, tmp_path: Path) -> None:
    """Logs and commits by links, which no key writes through; texts that an editor could be opened on are copies."""
    lab.paths.program.write_text("be brief")
    paths = recorded(lab, tmp_path / "copy").paths
    assert (True, True, False) == (
        paths.runs.is_symlink(),
        (paths.root / ".git").is_symlink(),
        paths.program.is_symlink(),
    )
    assert "be brief" == paths.program.read_text()


async def test_a_run_is_as_far_as_its_time(lab: LabMaker, tmp_path: Path) -> None:
    """Nothing measured is in a journal: what is known is when it began and when it ended."""
    recording, watch = recorded(lab, tmp_path / "copy"), Watch()
    run = next(run for run in lab.state.runs.values() if run.experiment == 2)
    assert run.ended is not None
    player = Player(recording, 60.0, recording.score(60.0).seconds_to((run.started + run.ended) / 2), watch)
    player.clock()
    player.refresh()
    assert 0.5 == pytest.approx(player.live().points[run.number].progress, abs=0.01)
    assert START < player.clock() < lab.now
