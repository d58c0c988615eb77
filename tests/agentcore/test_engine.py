"""The engine as a process: it works, it is killed in the worst moments, and nothing is lost or counted twice."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pygit2
import pytest

from agentcore.engine import launch
from agentcore.engine.control import Answer, Command
from agentcore.plan import Limits
from agentcore.state import Candidate, Experiment, LabState
from tests import toy
from tests.engines import end_lab, spawn, state_of, wait_for
from tests.worktrees import running
from worktrees import processes
from worktrees.layout import LabPaths
from worktrees.repository import TRUNK

Spawn = Callable[[LabPaths], subprocess.Popen[bytes]]


@pytest.fixture
def engines() -> Iterator[Spawn]:
    """Start engines that are gone, with their runs, when the test is."""
    started: list[tuple[LabPaths, subprocess.Popen[bytes]]] = []

    def start(paths: LabPaths) -> subprocess.Popen[bytes]:
        started.append((paths, spawn(paths)))
        return started[-1][1]

    yield start
    for paths, engine in started:
        end_lab(paths, engine)


@pytest.fixture
def lab(tmp_path: Path) -> LabPaths:
    """A toy lab whose trainings take a third of a second: long enough to be killed."""
    return toy.make(tmp_path / "lab", train=toy.TRAIN.replace("SECONDS = 0.0", "SECONDS = 0.3"))


@pytest.fixture
def quick(tmp_path: Path) -> LabPaths:
    """A toy lab whose trainings end at once."""
    return toy.make(tmp_path / "lab")


def counted(state: LabState) -> Counter[tuple[str, int]]:
    """How often each (tree, seed) has a score."""
    return Counter((run.tree, run.seed) for run in state.runs.values() if run.ending == "ok")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """A toy lab after a night of twelve experiments under the gate."""
    paths = toy.make(tmp_path_factory.mktemp("night") / "lab")
    assert launch.run_engine(paths, Limits(experiments=12), mode="gate") == 0
    return paths


def trunk_of(paths: LabPaths) -> pygit2.Commit:
    """The commit that trunk points to, by git."""
    return pygit2.Repository(str(paths.root)).references[TRUNK].peel(pygit2.Commit)


def test_a_headless_lab_decides_its_experiments(night: LabPaths) -> None:
    """Each of the twelve has an outcome when the engine leaves."""
    assert 12 == len([each for each in state_of(night).experiments.values() if each.outcome])


def test_trunk_is_a_tree_that_was_run_with_fresh_seeds(night: LabPaths) -> None:
    """The gate merged, and what it merged had been confirmed."""
    state = state_of(night)
    confirmed = {run.tree for run in state.runs.values() if run.ending == "ok" and run.purpose == "confirm"}
    assert state.merges, "no candidate passed in a world where most directions help"
    assert str(trunk_of(night).tree_id) in confirmed


def test_a_merge_carries_its_evidence(night: LabPaths) -> None:
    """The trailers of a trunk commit name the tree it was measured as."""
    assert f"Tree: {trunk_of(night).tree_id}" in trunk_of(night).message


def test_the_researchers_branch_is_never_written(night: LabPaths) -> None:
    """After the night the researcher's branch has its one commit, and the checkout is clean."""
    repo = pygit2.Repository(str(night.root))
    assert repo.head.shorthand == "main"
    assert 1 == len(list(repo.walk(repo.head.target)))
    assert [path for path, flags in repo.status().items() if flags != pygit2.enums.FileStatus.IGNORED] == []


def test_killing_the_engine_loses_and_repeats_nothing(lab: LabPaths, engines: Spawn) -> None:
    """Kill -9 while two runs train: their shims go on, and the next engine counts their results once."""
    first = engines(lab)
    wait_for(lab, lambda state: len(state.active) == 2, "two runs")
    first.kill()
    first.wait()
    going = set(state_of(lab).active)
    engines(lab)
    state = wait_for(
        lab,
        lambda state: len(state.experiments) >= 4 and all(state.runs[number].ending for number in going),
        "experiments after the restart, and the end of the runs before it",
    )
    assert {state.runs[number].ending for number in going} == {"ok"}
    assert max(counted(state).values()) == 1


def test_many_kills_keep_every_experiment_single(lab: LabPaths, engines: Spawn) -> None:
    """Eight kills at whatever point the engine has reached: every (tree, seed) has one score, every number one row."""
    for kills in range(8):
        engine = engines(lab)
        wait_for(lab, lambda state, goal=5 * (kills + 1) + 8: state.seq >= goal, "progress")  # type: ignore[misc]
        engine.kill()
        engine.wait()
    engines(lab)
    wanted = len(state_of(lab).experiments) + 3
    state = wait_for(lab, lambda state: len(state.experiments) >= wanted, "experiments after eight kills")
    assert max(counted(state).values()) == 1
    assert sorted(state.experiments) == list(range(1, len(state.experiments) + 1))


def test_a_killed_training_is_a_crash_and_the_lab_goes_on(lab: LabPaths, engines: Spawn) -> None:
    """Kill -9 of the training process: its experiment is recorded as crashed with the signal, others follow."""
    engines(lab)
    state = wait_for(lab, lambda state: any(run.purpose == "screen" for run in state.active.values()), "a screening")
    number = next(run.number for run in state.active.values() if run.purpose == "screen")
    pid = 0
    while not pid:
        status = lab.run(number).read_status()
        pid = status.stage_pid if status else 0
    os.kill(pid, signal.SIGKILL)
    state = wait_for(lab, lambda state: state.runs[number].ending is not None, "the end of the run")
    assert state.runs[number].ending == "crash"
    assert "SIGKILL" in state.runs[number].reason


def test_a_killed_shim_is_run_again_and_counts_once(lab: LabPaths, engines: Spawn) -> None:
    """Kill -9 of a shim: the run is lost, done again under a new number, and the experiment has one outcome."""
    engines(lab)
    state = wait_for(lab, lambda state: any(run.purpose == "screen" for run in state.active.values()), "a screening")
    run = next(run for run in state.active.values() if run.purpose == "screen")
    pid = 0
    while not pid:
        status = lab.run(run.number).read_status()
        pid = status.pid if status else 0
    os.kill(pid, signal.SIGKILL)
    assert run.experiment is not None
    number = run.experiment
    state = wait_for(lab, lambda state: state.experiments[number].outcome is not None, "the outcome")
    assert state.runs[run.number].ending == "lost"
    assert counted(state)[run.tree, run.seed] == 1


def test_sigterm_leaves_the_runs_to_their_shims(lab: LabPaths, engines: Spawn) -> None:
    """SIGTERM ends the engine with exit code 0 while runs go on; the next engine collects them."""
    first = engines(lab)
    wait_for(lab, lambda state: len(state.active) == 2, "two runs")
    first.terminate()
    assert first.wait(timeout=20) == 0
    left = state_of(lab)
    assert left.engine is not None and left.engine.stopped is not None
    engines(lab)
    wait_for(lab, lambda state: all(state.runs[run].ending == "ok" for run in left.active), "their results")


def test_runs_that_are_ended_with_the_engine_are_done_again(tmp_path: Path, engines: Spawn) -> None:
    """Who stops the lab at once is told so; the experiment in training was CANCELLED instead, and never run."""
    lab = toy.make(tmp_path / "lab", train=toy.TRAIN.replace("SECONDS = 0.0", "SECONDS = 1.0"))
    engine = engines(lab)
    wait_for(lab, lambda state: any(run.purpose == "screen" for run in state.active.values()), "a screening")
    assert 0 == launch.send(lab, Command("stop", arguments={"now": True})).code
    assert 0 == engine.wait(timeout=20)
    left = state_of(lab)
    cut = {run.experiment for run in left.runs.values() if run.purpose == "screen" and run.ending != "ok"} - {None}
    assert (True, 0) == (bool(cut), len(left.active))
    engines(lab)
    state = wait_for(
        lab, lambda state: all(each.outcome for each in state.experiments.values() if each.number in cut), "outcomes"
    )
    assert "cancelled" not in [each.outcome for each in state.experiments.values()]


def test_a_second_engine_is_refused(lab: LabPaths, engines: Spawn) -> None:
    """One engine per lab: the second one ends with exit code 4 and names the first."""
    first = engines(lab)
    wait_for(lab, lambda state: state.engine is not None, "the first engine")
    second = engines(lab)
    assert second.wait(timeout=20) == 4
    assert f"another engine (process {first.pid}) runs this lab" in lab.log.read_text()


def test_a_stale_socket_is_replaced(lab: LabPaths, engines: Spawn) -> None:
    """The socket of an engine that was killed does not keep the next one from answering."""
    first = engines(lab)
    wait_for(lab, lambda state: bool(state.active), "work")
    first.kill()
    first.wait()
    assert lab.socket.exists()
    second = engines(lab)
    wait_for(lab, lambda state: state.engine is not None and state.engine.pid == second.pid, "the second engine")
    assert launch.start(lab) == second.pid


def test_a_project_that_does_not_train_ends_with_its_reason(tmp_path: Path) -> None:
    """A trunk that crashes is told as such after two runs, not tried for ever."""
    lab = toy.make(tmp_path / "lab", train=toy.TRAIN.replace('BEHAVIOUR = "train"', 'BEHAVIOUR = "crash"'))
    launch.run_engine(lab, Limits(experiments=3))
    state = state_of(lab)
    assert state.trunk is not None and state.engine is not None
    assert state.engine.reason == "trunk does not train: RuntimeError: shapes do not fit"


def test_uncommitted_changes_keep_trunk_from_starting(quick: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    """Trunk starts from HEAD, so a dirty file is an error that names it, before anything is written."""
    (quick.root / "train.py").write_text("# changed\n")
    assert launch.run_engine(quick, Limits(experiments=1)) == 4
    assert "uncommitted changes in train.py" in capsys.readouterr().err


def test_a_nearly_full_disk_starts_nothing_and_says_so(tmp_path: Path) -> None:
    """Below the disk floor the engine starts no run; the reason is its last word."""
    lab = toy.make(tmp_path / "lab", lab=toy.LAB + "\n[limits]\ndisk_floor_gb = 1e9\n")
    launch.run_engine(lab, Limits(experiments=1))
    state = state_of(lab)
    assert (len(state.runs), "no new runs until there is room" in state.warnings["disk"]) == (0, True)


OUTCOMES = {1: "crash", 2: "nan", 3: "crash", 5: "crash", 6: "timeout"}
"""How an experiment ends by its DEPTH, see `bad_edits`."""


@pytest.fixture(scope="module")
def bad_edits(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Experiment]:
    """Experiments by their DEPTH, which is all that an edit can change, in a lab where most values are bad ideas."""
    ways = {1: "crash", 2: "nan", 3: "garbage", 4: "train", 5: "nothing", 6: "hang"}
    train = toy.TRAIN.replace('BEHAVIOUR = "train"', f"BEHAVIOUR = {ways}[DEPTH]").replace("(1 to 8)", "(1 to 6)")
    train = train.replace("# Peak learning rate (0.01 to 1.0).\nRATE = 0.1", "RATE, _ = 0.1, 0")
    settings = toy.LAB.replace("train_wall_s = 20", "train_wall_s = 4").replace("count = 2", "count = 1")
    settings += "\n[limits]\ncrashes_in_a_row = 100\nfailures = 0\n"
    paths = toy.make(tmp_path_factory.mktemp("bad") / "lab", lab=settings, train=train)
    launch.run_engine(paths, Limits(experiments=len(OUTCOMES)))
    return {each.detail["constants"]["DEPTH"]: each for each in state_of(paths).experiments.values()}


@pytest.mark.parametrize("depth", OUTCOMES)
def test_a_bad_edit_has_an_outcome(bad_edits: dict[int, Experiment], depth: int) -> None:
    """Whatever an edited train.py does, its experiment is decided with a reason and the lab goes on."""
    assert (OUTCOMES[depth], True) == (bad_edits[depth].outcome, bool(bad_edits[depth].reason))


@dataclass(frozen=True)
class Asked:
    """What the engine of a lab answered to two merges of one READY candidate."""

    lab: LabPaths
    ready: Candidate
    stale: Answer
    right: Answer


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """A person asks for a merge onto a trunk that is not today's, then for the one that was shown."""
    paths = toy.make(tmp_path_factory.mktemp("asked") / "lab")
    engine = spawn(paths)
    try:
        state = wait_for(paths, lambda s: any(c.state == "READY" for c in s.candidates.values()), "a READY candidate")
        ready = next(each for each in state.candidates.values() if each.state == "READY")
        stale, right = (
            launch.send(
                paths,
                Command(
                    "merge",
                    arguments={"experiment": ready.experiment, "expect": {"trunk": trunk, "landing": ready.landing}},
                ),
            )
            for trunk in ("0" * 40, ready.trunk)
        )
    finally:
        end_lab(paths, engine)
    return Asked(paths, ready, stale, right)


def test_a_person_merges_a_ready_candidate(asked: Asked) -> None:
    """With the gate left to the person, `merge` moves trunk to exactly the landing commit that was shown."""
    assert (0, asked.ready.landing) == (asked.right.code, asked.right.body["new"])
    trunk = trunk_of(asked.lab)
    assert (asked.ready.landing, asked.ready.tree) == (str(trunk.id), str(trunk.tree_id))


def test_a_merge_is_refused_when_the_facts_have_changed(asked: Asked) -> None:
    """A merge that names another trunk than today's is refused with code 5, and trunk stays: it can be asked again."""
    assert (5, "changed while you read:", 0) == (asked.stale.code, asked.stale.message[:23], asked.right.code)


def test_an_engine_that_came_second_does_not_wait_for_its_turn(lab: LabPaths, engines: Spawn) -> None:
    """Two starts at a time: the one that lost is gone before its caller goes on, and takes no lab later."""
    first = engines(lab)  # it does not answer yet, so the start below begins an engine of its own
    pid = launch.start(lab)
    os.kill(pid, signal.SIGTERM)
    first.wait()
    running.wait_for(lambda: not [each for each in processes.every() if _is_engine(each.pid, lab)])


def _is_engine(pid: int, lab: LabPaths) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"agentcore" in words and os.fsencode(lab.root) in words
