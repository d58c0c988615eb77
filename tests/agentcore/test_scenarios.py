"""Scenarios: labs in the middle of something, the same for the same seed, from which a real engine goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentcore.engine.control import Command, EngineUnreachable
from agentcore.engine.launch import send, wait_until_gone
from agentcore.overview import Overview
from agentcore.overview.observer import Observer
from agentcore.state import LabState
from agentcore.synthetic import player, scenarios
from agentcore.synthetic.scenarios import SCENARIOS, STILL, UnknownScenario
from tests.engines import PATIENCE_S, end_lab, spawn, state_of, wait_for
from worktrees import processes
from worktrees.layout import LabPaths
from worktrees.repository import TRUNK, Repository


def seen(paths: LabPaths) -> Overview:
    """Return the overview of a still."""
    observer = Observer(paths)
    observer.refresh()
    return observer.overview(STILL)


def told(state: LabState) -> list[object]:
    """Return what a journal says last, without the process that wrote it."""
    return [(entry.at, entry.event) for entry in state.recent]


def answers(paths: LabPaths) -> bool:
    """Tell whether an engine listens; the socket of one that was killed is still there."""
    try:
        return send(paths, Command("ping")).done
    except EngineUnreachable:
        return False


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LabPaths]:
    """Make each still once."""
    made: dict[str, LabPaths] = {}

    def still(name: str) -> LabPaths:
        if name not in made:
            made[name] = scenarios.make(name, tmp_path_factory.mktemp(name) / "lab", still=True)
        return made[name]

    return still


def test_busy_shows_every_state(stills: Callable[[str], LabPaths]) -> None:
    """Eight rows: what trains, thinks, is measured, asks, waits, crashed, diverged, and the retest."""
    rows = {row.worktree: row.state for row in seen(stills("busy")).rows}
    expected = ("TRAIN", "THINK", "EVAL", "ASK", "LIMIT", "CRASH", "NAN", "RETEST")
    assert {f"wt{index}": word for index, word in enumerate(expected)} == rows


def test_queue_holds_every_kind_of_candidate(stills: Callable[[str], LabPaths]) -> None:
    """Two that are ready, one that is confirmed now, a stale one, a conflict and a blocked one."""
    states = {row.experiment: row.state for row in seen(stills("queue")).queue}
    assert {
        67: "READY", 68: "READY", 61: "STALE", 64: "CONFLICT", 65: "CONFIRM", 74: "BLOCKED",
    } == states  # fmt: skip


def test_the_same_seed_tells_the_same(tmp_path: Path, stills: Callable[[str], LabPaths]) -> None:
    """Commits, scores and times of a still follow from name and seed alone; another seed tells another night."""
    again = scenarios.make("busy", tmp_path / "again", still=True)
    other = scenarios.make("busy", tmp_path / "other", seed=2, still=True)
    first = told(state_of(stills("busy")))
    assert first == told(state_of(again))
    assert first != told(state_of(other))


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"first"}))
def test_trunk_is_in_git_what_the_journal_says(name: str, stills: Callable[[str], LabPaths]) -> None:
    """Every scenario's trunk, candidates and worktrees are real commits of its repository."""
    paths = stills(name)
    state, repository = state_of(paths), Repository(paths.root)
    assert state.trunk is not None
    assert state.trunk.commit == repository.resolve(TRUNK)
    for candidate in state.candidates.values():
        if candidate.landing:
            assert candidate.tree == repository.tree_of(candidate.landing)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nogpu", "No GPU (no NVIDIA driver): 2 CPU slots, the small corpus and a short budget"),
        ("nokey", "No model key (ANTHROPIC_API_KEY): the built-in search agent proposes"),
        ("diskfull", "are free on the disk of .lab: no new runs until there is room"),
        ("trunkmoved", "trunk moved outside: "),
        ("lostgpu", "GPU 3 is gone (NVML does not answer for it): wt3 stopped at #86"),
        ("nosupervisor", "the engine is not running; start it: nightlab start"),
    ],
)
def test_trouble_has_its_sentence(name: str, sentence: str, stills: Callable[[str], LabPaths]) -> None:
    """What is wrong is said first: among what needs a person, or as a note where nothing does."""
    overview = seen(stills(name))
    first = [need.text for need in overview.needs] or list(overview.notes)
    assert sentence in first[0]


def test_the_row_of_a_lost_gpu_says_so(stills: Callable[[str], LabPaths]) -> None:
    """Only the worktree on that GPU."""
    assert ["wt3"] == [row.worktree for row in seen(stills("lostgpu")).rows if row.state == "LOST"]


def test_an_unknown_scenario_names_the_nearest() -> None:
    """A misspelt name is an error."""
    with pytest.raises(UnknownScenario, match="did you mean busy"):
        scenarios.find("bussy")


def test_a_player_needs_the_standard_library_only() -> None:
    """A busy lab starts several a second."""
    program = "import sys, agentcore.synthetic.player; print([m for m in sys.modules if m in sys.argv[1:]])"
    argv = [sys.executable, "-c", program, "msgspec", "pygit2", "immutables"]
    assert "[]" == subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def test_a_played_log_is_one_changing_line() -> None:
    """Steps return to the line's start, and what was told before is not told again."""
    part = player.part(
        run=1, started=0.0, train_s=300.0, evaluate_s=10.0, score=0.9, loss=3.0, lock=Path("none"), before="begin\n"
    )
    text = player.printed(part, 30.0) + player.printed(part, 60.0, since=30)
    assert ("begin\n", 60) == (text[:6], text.count("\r"))
    assert 1 == text.count("\n")


@pytest.mark.slow
def test_an_engine_goes_on_and_leaves_nothing(tmp_path: Path) -> None:
    """It adopts the lab as it is, a READY candidate merges in git, a killed engine's players live on and are adopted,
    and `stop` with `now` ends every process.
    """
    paths = scenarios.make("queue", tmp_path / "lab", speed=10.0)
    engine = spawn(paths)
    try:
        wait_for(paths, lambda state: state.candidates[61].state in ("READY", "NOISE", "REJECTED"), "61 is confirmed")
        answer = send(paths, Command("merge", arguments={"experiment": 67}))
        assert (0, answer.body["new"]) == (answer.code, Repository(paths.root).resolve(TRUNK))
        before = wait_for(paths, lambda state: any(run.scale > 1 for run in state.active.values()), "a retest")
        large = next(run.number for run in before.active.values() if run.scale > 1)
        end = time.monotonic() + PATIENCE_S
        while (status := paths.run(large).read_status()) is None:
            assert time.monotonic() < end, "its player never spoke"
            time.sleep(0.02)
        engine.kill()
        engine.wait()
        assert processes.is_alive(status.pid, status.start_ticks, status.boot_id)
        engine = spawn(paths)
        state = wait_for(paths, lambda state: state.engine is not None and state.engine.pid == engine.pid, "adopted")
        assert large in state.active
        wait_for(paths, lambda state: answers(paths), "it answers")
        send(paths, Command("stop", arguments={"now": True}))
        assert wait_until_gone(paths)
        assert 0 == engine.wait(PATIENCE_S)
        assert not processes.is_alive(status.pid, status.start_ticks, status.boot_id)
    finally:
        end_lab(paths, engine)
