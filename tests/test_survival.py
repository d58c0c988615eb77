"""What a night brings, fault by fault, to a lab that has worked: see docs/reliability.md."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agentcore import events as ev
from agentcore.engine import launch
from agentcore.journal.rows import Journal
from agentcore.plan import Limits
from agentcore.queue import promoter
from agentcore.state import LabState
from tests import toy
from tests.agentcore import labs
from tests.engines import end_lab, nightlab, spawn, state_of, wait_for
from worktrees import processes
from worktrees.layout import LabPaths
from worktrees.runs import RunStatus, write_json

EXPERIMENTS = 2


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """A toy lab after two experiments."""
    paths = toy.make(tmp_path_factory.mktemp("worked") / "lab")
    assert 0 == launch.run_engine(paths, Limits(experiments=EXPERIMENTS))
    with Journal(paths.journal):  # closed by the last one to have it: all rows are in the one file
        pass
    shutil.copytree(paths.root, paths.root.with_name("kept"), symlinks=True)
    return paths


@pytest.fixture
def lab(worked: LabPaths) -> LabPaths:
    """The same lab, at the same place, as it was then."""
    shutil.rmtree(worked.root)
    shutil.copytree(worked.root.with_name("kept"), worked.root, symlinks=True)
    return worked


def go_on(paths: LabPaths, more: int = 1) -> LabState:
    """Let an engine do so many experiments more, and whatever is open; return the state."""
    assert 0 == launch.run_engine(paths, Limits(experiments=EXPERIMENTS + more))
    return state_of(paths)


def refused(paths: LabPaths, capsys: pytest.CaptureFixture[str]) -> str:
    """Return why an engine does not start."""
    assert 4 == launch.run_engine(paths, Limits(experiments=EXPERIMENTS + 1))
    return capsys.readouterr().err


# The journal


def _garbage(paths: LabPaths) -> None:
    paths.journal.write_bytes(b"this is no database " * 1000)


def _half(paths: LabPaths) -> None:
    data = paths.journal.read_bytes()
    paths.journal.write_bytes(data[: len(data) // 2])


def _empty(paths: LabPaths) -> None:
    paths.journal.write_bytes(b"")


def _gone(paths: LabPaths) -> None:
    paths.journal.unlink()


@pytest.mark.parametrize(
    ("hurt", "why"),
    [
        (_garbage, "file is not a database"),
        (_half, "malformed"),
        (_empty, "is empty or gone, and this lab has run: put journal.sqlite, audit.key and audit.head back from a"),
        (_gone, "is empty or gone, and this lab has run: put journal.sqlite, audit.key and audit.head back from a"),
    ],
)
def test_a_broken_journal_is_refused_and_not_written_over(
    lab: LabPaths, capsys: pytest.CaptureFixture[str], hurt: Callable[[LabPaths], None], why: str
) -> None:
    """The engine says which file it is and what to do, with exit code 4; what is left of the file stays as it is."""
    hurt(lab)
    left = lab.journal.read_bytes() if lab.journal.exists() else None
    assert why in refused(lab, capsys)
    assert left == (lab.journal.read_bytes() if lab.journal.exists() else None)
    assert lab.run(1).result.exists(), "run 1 was begun anew over the old one"


def test_a_journal_that_is_put_back_goes_on(lab: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal left nothing behind that the copy could be mixed up with."""
    copy = lab.journal.read_bytes()
    _gone(lab)
    refused(lab, capsys)
    lab.journal.write_bytes(copy)
    state = go_on(lab)
    assert (EXPERIMENTS + 1, {}) == (len(state.experiments), dict(state.warnings))


def test_a_broken_journal_is_no_traceback(lab: LabPaths) -> None:
    """`nightlab run` and `nightlab status` say it in one line each."""
    _garbage(lab)
    done = [nightlab("run", "--experiments", "1", lab=lab.root), nightlab("status", lab=lab.root)]
    lines = [each.stderr.strip().splitlines() for each in done]
    assert [(1, True), (1, True)] == [(len(each), "is not a database" in each[0]) for each in lines], lines


def test_a_lost_key_is_refused(lab: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """Without its key no row can be added that fits: the message names the file."""
    (lab.dot / "audit.key").unlink()
    assert "audit.key; put it back from a copy of the lab" in refused(lab, capsys)


def test_a_journal_of_a_newer_nightlab_is_refused(lab: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """An older program does not write into what it does not understand."""
    with Journal(lab.journal) as journal:
        journal._db.execute("PRAGMA user_version=9")
        journal._named = journal.head.seq
    assert "has format 9, this nightlab writes 2: install the newer one" in refused(lab, capsys)


NEWER = ("walls", "fraction", "token_limit", "transcript_sha256", "broken", "checks", "tokens_per_s", "other_mb")
"""Fields that events of the first format had not."""


def test_a_journal_of_the_first_format_goes_on(lab: LabPaths) -> None:
    """Rows without a chain, events without what came later: it is chained, and the lab does its next experiment."""
    db = sqlite3.connect(lab.journal)
    rows = db.execute("SELECT seq, at, type, body FROM events ORDER BY seq").fetchall()
    db.execute("DROP TABLE events")
    db.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, type TEXT NOT NULL, body BLOB)")
    for seq, at, name, body in rows:
        old = {key: value for key, value in json.loads(body).items() if key not in NEWER}
        db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (seq, at, name, json.dumps(old).encode()))
    db.execute("PRAGMA user_version=1")
    db.commit()
    db.close()
    for name in ("audit.key", "audit.head"):
        (lab.dot / name).unlink()
    state = go_on(lab)
    assert (EXPERIMENTS + 1, {}) == (len(state.experiments), dict(state.warnings))
    assert 0 == nightlab("audit", "verify", lab=lab.root).returncode


def test_a_state_that_is_garbage_is_folded_anew(lab: LabPaths) -> None:
    """`.lab/state` is a shortcut: without it the journal says the same."""
    lab.state.write_bytes(b"\x80\x05garbage")
    done = nightlab("status", lab=lab.root)
    assert (0, True) == (done.returncode, f"{EXPERIMENTS} experiments" in done.stdout), done


# A run's files. What a killed engine left in progress is written as it would have been, then damaged.


def _in_progress(paths: LabPaths) -> int:
    """Announce a run of the newest experiment that nobody has started yet; return its number."""
    state = state_of(paths)
    assert state.trunk is not None
    number, trunk = len(state.runs) + 1, state.trunk
    row = ev.RunStarted(number, "baseline", None, trunk.commit, trunk.tree, 4711, 1, "cpu0")
    with Journal(paths.journal) as journal:
        journal.append(state.at, row)
    paths.run(number).out.mkdir(parents=True)
    return number


@pytest.mark.parametrize("text", ["", '{"ending": "ok", "sco', "\0" * 200, '{"ending": "ok"}'])
def test_a_damaged_result_is_no_result(lab: LabPaths, text: str) -> None:
    """A result.json that no shim wrote so: its run is lost, with the reason, and others go on."""
    number = _in_progress(lab)
    lab.run(number).result.write_text(text)
    run = go_on(lab, 0).runs[number]
    assert ("lost", "its shim is gone without a result", None) == (run.ending, run.reason[:33], run.score)


@pytest.mark.parametrize("text", ["", '{"pid": 1', "\0" * 200])
def test_a_damaged_status_is_a_lost_run(lab: LabPaths, text: str) -> None:
    """A status.json that no shim wrote so, and no shim that lives: what it left is ended, and the run is lost."""
    number = _in_progress(lab)
    lab.run(number).status.write_text(text)
    run = go_on(lab, 0).runs[number]
    assert ("lost", "its shim is gone without a result") == (run.ending, run.reason[:33])


def test_after_a_reboot_a_pid_is_nobody(lab: LabPaths) -> None:
    """A status of another boot names a process that lives now by pid and ticks: it is not taken for the shim."""
    number, me = _in_progress(lab), processes.stat(os.getpid())
    assert me is not None
    write_json(lab.run(number).status, RunStatus(me.pid, me.start_ticks, "of the boot before", "train", 1.0, me.pid))
    assert "lost" == go_on(lab, 0).runs[number].ending


def test_run_folders_that_were_deleted_are_made_again(lab: LabPaths) -> None:
    """A run that was announced starts from its commit; of those that are over the journal has all that counts."""
    number = _in_progress(lab)
    shutil.rmtree(lab.runs)
    lab.runs.mkdir()
    state = go_on(lab)
    assert ("ok", EXPERIMENTS + 1) == (state.runs[number].ending, len(state.experiments))


# Git, touched by hand or by a power cut


def _git(paths: LabPaths, *words: str, at: Path | None = None) -> str:
    argv = ["git", "-C", str(at or paths.root), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def _detached(paths: LabPaths) -> None:
    _git(paths, "checkout", "-q", "--detach", at=paths.worktree("wt0"))


def _other_git(paths: LabPaths) -> None:
    (paths.worktree("wt0") / ".git").write_text("gitdir: /nowhere\n")


def _no_branch(paths: LabPaths) -> None:
    _git(paths, "update-ref", "-d", "refs/heads/lab/wt0")


def _no_trunk(paths: LabPaths) -> None:
    _git(paths, "update-ref", "-d", "refs/heads/lab/trunk")


def _no_pins(paths: LabPaths) -> None:
    shutil.rmtree(paths.root / ".git" / "refs" / "lab")


def _no_head(paths: LabPaths) -> None:
    _git(paths, "symbolic-ref", "HEAD", "refs/heads/none")


@pytest.mark.parametrize(
    "hurt",
    [
        lambda paths: shutil.rmtree(paths.worktree("wt0")),
        lambda paths: shutil.rmtree(paths.worktrees),
        lambda paths: shutil.rmtree(paths.root / ".git" / "worktrees"),
        _other_git,
        _detached,
        _no_branch,
        _no_trunk,
        _no_pins,
        _no_head,
        lambda paths: (paths.root / ".git" / "index.lock").touch(),
        lambda paths: (paths.root / ".git" / "HEAD.lock").touch(),
        lambda paths: (paths.root / ".git" / "worktrees" / "wt0" / "index.lock").touch(),
    ],
    ids=[
        "a worktree's folder",
        "all worktrees",
        "git's list of worktrees",
        "a worktree's .git",
        "a detached worktree",
        "a worktree's branch",
        "trunk",
        "refs/lab",
        "the researcher's branch",
        "index.lock",
        "HEAD.lock",
        "a worktree's index.lock",
    ],
)
def test_what_is_missing_or_locked_in_git_is_put_right(lab: LabPaths, hurt: Callable[[LabPaths], object]) -> None:
    """The next engine makes it again from what the journal knows, or needs it not: one experiment more in each case."""
    trunk = _git(lab, "rev-parse", "lab/trunk")
    hurt(lab)
    state = go_on(lab)
    assert (EXPERIMENTS + 1, {}) == (len(state.experiments), dict(state.warnings))
    assert [trunk, "refs/heads/lab/wt0"] == [
        _git(lab, "rev-parse", "lab/trunk"),
        _git(lab, "symbolic-ref", "HEAD", at=lab.worktree("wt0")),
    ]


def test_a_damaged_trunk_is_refused_with_the_way_out(lab: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """A ref that a power cut left empty: the message names the file, and after its removal trunk is back."""
    trunk, file = _git(lab, "rev-parse", "lab/trunk"), lab.root / ".git" / "refs" / "heads" / "lab" / "trunk"
    file.write_text("")
    assert f"{file} cannot be read" in refused(lab, capsys)
    file.unlink()
    go_on(lab)
    assert trunk == _git(lab, "rev-parse", "lab/trunk")


def test_without_its_git_a_lab_is_refused(lab: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """It is never taken for part of a repository that it lies in."""
    shutil.rmtree(lab.root / ".git")
    assert "is no git repository: `nightlab init` makes one" in refused(lab, capsys)


def _collect_garbage(paths: LabPaths, commit: str) -> None:
    """Remove one commit's object, as `git gc` does once nothing points to it."""
    (paths.root / ".git" / "objects" / commit[:2] / commit[2:]).unlink()


def test_a_run_whose_commit_is_gone_fails_with_the_reason(lab: LabPaths) -> None:
    """Its experiment has crashed, and the lab goes on: it is not tried for ever."""
    state = state_of(lab)
    assert state.trunk is not None
    commit = _git(lab, "commit-tree", "-m", "none", f"{state.trunk.commit}^{{tree}}")
    number = len(state.runs) + 1
    with Journal(lab.journal) as journal:
        journal.append(state.at, ev.RunStarted(number, "confirm", 1, commit, "0" * 40, 4711, 1, "cpu0"))
    _collect_garbage(lab, commit)
    state = go_on(lab)
    assert ("crash", "git cannot read a commit") == (state.runs[number].ending, state.runs[number].reason[:24])
    assert EXPERIMENTS + 1 == len(state.experiments)


async def test_a_candidate_whose_commit_is_gone_is_blocked(tmp_path: Path) -> None:
    """It says why, and the queue goes on with the others."""
    async with labs.desk(tmp_path / "lab", "hold") as desk:
        await desk.work({"wt0": [("RATE = 0.1", "RATE = 0.9")]})
        assert {1: "NEW"} == desk.states()
        _collect_garbage(desk.lab.paths, desk.lab.state.experiments[1].commit)
        await promoter.rebase(desk.lab, 1)
        candidate = desk.lab.state.candidates[1]
        assert ("BLOCKED", "the change of #1 cannot be read") == (candidate.state, candidate.reason[:31])


async def test_a_merge_whose_commit_is_gone_is_blocked(tmp_path: Path) -> None:
    """The gate does not try it for ever, before all else that is due."""
    async with labs.desk(tmp_path / "lab") as desk:
        await desk.work({"wt0": [("RATE = 0.1", "RATE = 0.4")]})
        assert {1: "READY"} == desk.states()
        _collect_garbage(desk.lab.paths, desk.lab.state.candidates[1].landing)
        with pytest.raises(promoter.Refused, match="cannot be read"):
            await promoter.promote(desk.lab, 1, "gate")
        assert {1: "BLOCKED"} == desk.states()


# The lab's folder and its settings


def test_a_lab_toml_that_cannot_be_read_is_refused(lab: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the line; what was measured can be looked at all the same."""
    lab.config.write_text("[project\n")
    assert "lab.toml: Expected ']' at the end of a table declaration (at line 1, column 9)" in refused(lab, capsys)
    assert 0 == nightlab("status", lab=lab.root).returncode


def test_another_user_is_refused() -> None:
    """The engine of somebody who may not write here says so; nothing of the lab changes hands."""
    if os.getuid() != 0:
        pytest.skip("only root can be somebody else")
    with TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        paths = toy.make(Path(folder) / "lab")
        paths.dot.mkdir()
        nobody = """
import os, sys
from pathlib import Path
import agentcore.engine.loop, agentcore.engine.opening  # while the interpreter's own files can be read
from agentcore.engine.launch import run_engine
from worktrees.layout import LabPaths
os.setegid(65534)
os.seteuid(65534)
sys.exit(run_engine(LabPaths(Path(sys.argv[1]))))
"""
        argv = [sys.executable, "-c", nobody, str(paths.root)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (4, True) == (done.returncode, "this lab is another user's" in done.stderr), done.stderr


def test_a_lab_that_was_moved_goes_on(lab: LabPaths) -> None:
    """Its worktrees' links name the old place: they follow, with what a person left in a paused one."""
    place = lab.root.with_name("elsewhere")
    with Journal(lab.journal) as journal:
        journal.append(state_of(lab).at, ev.WorktreePaused("wt0", "by you", "you"))
    (lab.worktree("wt0") / "train.py").write_text("# by hand\n")
    lab.root.rename(place)
    try:
        moved = LabPaths(place)
        state = go_on(moved)
        link = (moved.worktree("wt0") / ".git").read_text()
        assert (EXPERIMENTS + 1, True, False) == (len(state.experiments), str(place) in link, lab.root.exists())
        assert "M train.py" == _git(moved, "status", "-s", at=moved.worktree("wt0"))
    finally:
        place.rename(lab.root)


def test_a_copy_of_a_lab_at_work_leaves_its_runs_alone(tmp_path: Path) -> None:
    """The copy's files name the original's shims: they are neither waited for nor ended; its runs are done again."""
    train = toy.TRAIN.replace("SECONDS = 0.0", "SECONDS = 1.5")
    paths, copy = toy.make(tmp_path / "lab", train=train), LabPaths(tmp_path / "copy")
    engine = spawn(paths)
    try:
        wait_for(paths, lambda state: len(state.active) == 2, "two runs")
        running = set(state_of(paths).active)
        while not all((status := paths.run(each).read_status()) and status.stage_pid for each in running):
            pass
        subprocess.run(["cp", "-a", paths.root, copy.root], check=True)
        assert 0 == launch.run_engine(copy, Limits(experiments=0))
        assert {"lost"} == {state_of(copy).runs[each].ending for each in running}
        state = wait_for(paths, lambda state: not running & set(state.active), "the original's runs end")
        assert {"ok"} == {state.runs[each].ending for each in running}
    finally:
        end_lab(paths, engine)
        end_lab(copy)


def test_a_copy_of_a_lab_leaves_the_original_alone(lab: LabPaths) -> None:
    """The copy's worktrees name the original's git: not a ref or a file of it changes while the copy works."""
    place = lab.root.with_name("copy")
    shutil.copytree(lab.root, place, symlinks=True)
    try:
        before = _git(lab, "for-each-ref"), _git(lab, "status", "-s", at=lab.worktree("wt0")), state_of(lab).seq
        go_on(LabPaths(place))
        after = _git(lab, "for-each-ref"), _git(lab, "status", "-s", at=lab.worktree("wt0")), state_of(lab).seq
        assert before == after
    finally:
        shutil.rmtree(place)
