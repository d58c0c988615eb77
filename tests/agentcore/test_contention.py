"""A run that had to share its GPU is not counted and done again, a bounded number of times."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine import running
from agentcore.engine.contention import Sharing, applies, contention, speed_of
from agentcore.plan import StartRun
from tests.agentcore.labs import Desk, desk
from tests.agentcore.tales import CONFIG, Tale, ended
from worktrees.runs import RunFolder, RunResult
from worktrees.slots import Slot

GPU = Slot("gpu0", "cuda", "test", (), "GPU-1")
TIMED = replace(CONFIG, budget="300 s")
RESULT = RunResult("ok", 1.0, "", 0, 1.0, 2.0, {}, {}, 0.0)


def at_work(speeds: list[float], tree: str = "t1", config: ev.LabConfigured = TIMED) -> Tale:
    """Return a lab whose one GPU has run trunk at these speeds, and now runs `tree`."""
    tale = Tale().tell(ev.EngineStarted(1, 1, "boot", "0.1.0", (GPU,)), config)
    tale.tell(ev.TrunkMoved("", "c0", "t0", None, "init"))
    for seed, speed in enumerate(speeds, 1):
        went(tale, "t0", seed, speed)
    begin(tale, tree, 1)
    return tale


def begin(tale: Tale, tree: str, seed: int) -> int:
    """Tell the start of a run."""
    number = len(tale.state.runs) + 1
    tale.tell(ev.RunStarted(number, "baseline", None, tree.replace("t", "c"), tree, seed, 1, "gpu0"))
    return number


def went(tale: Tale, tree: str, seed: int, speed: float, *, counts: bool = True) -> None:
    """Tell a whole run with its speed."""
    end = ended(begin(tale, tree, seed), 1.0 if counts else None, "ok" if counts else "contended")
    tale.tell(replace(end, tokens_per_s=speed))


def why(tale: Tale, speed: float | None, other_mb: float | None = 0.0) -> str:
    """Return why the run in progress is contended."""
    (run,) = tale.state.active.values()
    found = contention(tale.state, run, speed, other_mb)
    return found.reason if found else ""


@pytest.mark.parametrize(
    ("kind", "budget", "expected"),
    [("cuda", "300 s", True), ("cuda", "1 GFLOP", False), ("cpu", "300 s", False), ("cpu", "600 GFLOP", False)],
)
def test_it_matters_where_time_on_a_gpu_is_the_budget(kind: str, budget: str, expected: bool) -> None:
    """A budget in FLOPs gives the same score however long it takes."""
    tale = at_work([], config=replace(TIMED, budget=budget))
    tale.tell(ev.EngineStarted(1, 1, "boot", "0.1.0", (replace(GPU, kind=kind),)))  # type: ignore[arg-type]
    (run,) = tale.state.active.values()
    assert expected == applies(tale.state, run)


@pytest.mark.parametrize(
    ("speed", "reason"),
    [(1000.0, ""), (991.0, ""), (980.0, "2.0% slower than the runs before it on gpu0"), (1200.0, ""), (None, "")],
)
def test_a_slow_run_is_contended(speed: float | None, reason: str) -> None:
    """By more than one percent of its slot's median."""
    assert reason == why(at_work([1000.0] * 5), speed)


def test_a_slot_is_known_after_five_runs() -> None:
    """Before that nobody can say what is slow."""
    assert "" == why(at_work([1000.0] * 4), 900.0)


def test_another_harness_had_another_speed() -> None:
    """More text in a batch, say."""
    tale = at_work([1000.0] * 5)
    tale.tell(ended(6, 1.0), replace(TIMED, harness="another"))
    begin(tale, "t1", 1)
    assert "" == why(tale, 900.0)


def test_one_slow_run_before_does_not_move_the_median() -> None:
    """Nor does one that was not counted."""
    tale = at_work([1000.0, 1000.0, 1000.0, 1000.0, 1000.0, 500.0])
    assert "2.0% slower than the runs before it on gpu0" == why(tale, 980.0)


def test_a_tree_that_never_was_faster_is_slow_itself() -> None:
    """A larger model trains fewer tokens: it is done again once, and then that is known."""
    tale = at_work([1000.0] * 5)
    tale.tell(replace(ended(6, None, "contended"), tokens_per_s=900.0))
    begin(tale, "t1", 1)
    assert "" == why(tale, 901.0)


def test_a_tree_that_was_faster_is_not_slow_itself() -> None:
    """Trunk's own speed is known from its pool."""
    tale = at_work([1000.0] * 5, tree="t0")
    assert "10.0% slower than the runs before it on gpu0" == why(tale, 900.0)


def test_others_memory_on_the_gpu_is_contention() -> None:
    """Whatever the speed was."""
    assert "other processes held 512 MiB on gpu0 while it trained" == why(at_work([]), None, 512.0)


def test_unknown_memory_is_no_contention() -> None:
    """In a container nobody can tell whose it is."""
    assert "" == why(at_work([]), None, None)


def test_after_three_times_it_counts() -> None:
    """A neighbour that stays must not stop the lab."""
    tale = at_work([])
    tale.tell(ended(1, 1.0))
    found = []
    for _ in range(4):
        begin(tale, "t1", 1)
        (run,) = tale.state.active.values()
        shared = contention(tale.state, run, None, 512.0)
        assert shared is not None
        found.append(shared.counts)
        tale.tell(ended(run.number, 1.0 if shared.counts else None, "ok" if shared.counts else "contended"))
    assert [False, False, False, True] == found


def test_what_was_seen_once_is_not_believed() -> None:
    """The run before may just have been ending."""
    sharing = Sharing()
    for other_mb in (300.0, 0.0, 300.0, None):
        sharing.see(1, other_mb)
    assert 0.0 == sharing.take(1)


def test_what_was_seen_twice_is_believed() -> None:
    """As much as was there both times, of each run on its own."""
    sharing = Sharing()
    for other_mb in (300.0, 200.0, 100.0):
        sharing.see(1, other_mb)
    assert (200.0, None, None) == (sharing.take(1), sharing.take(1), sharing.take(2))


def test_speed_is_tokens_over_time_of_the_receipt(tmp_path: Path) -> None:
    """A trusted evaluation vouches for it."""
    result = replace(RESULT, extra={"training": {"tokens": 3000, "train_s": 2.0}})
    assert 1500.0 == speed_of(RunFolder(tmp_path), result)


@pytest.mark.parametrize("extra", [{}, {"training": 7}, {"training": {"tokens": 3000}}, {"training": {"train_s": 0}}])
def test_else_speed_is_the_median_of_what_the_training_says(tmp_path: Path, extra: dict[str, object]) -> None:
    """Line by line; the first ones of a run are often slow."""
    folder = RunFolder(tmp_path)
    folder.out.mkdir()
    folder.metrics.write_text("".join(f'{{"step": 1, "tokens_per_s": {speed}}}\n' for speed in (10, 900, 1000)))
    assert 900.0 == speed_of(folder, replace(RESULT, extra=extra))


def test_without_any_word_the_speed_is_unknown(tmp_path: Path) -> None:
    """No file at all."""
    assert None is speed_of(RunFolder(tmp_path), RESULT)


async def trained(at: Desk, speeds: list[float]) -> None:
    """Let trunk be run by as many seeds, at these speeds, on a GPU; what is contended is run again."""
    at.lab.record(ev.EngineStarted(1, 1, "boot", "0.1.0", (GPU,)))
    assert at.lab.state.config is not None and at.lab.state.trunk is not None
    at.lab.record(replace(at.lab.state.config, budget="300 s"))
    trunk = at.lab.state.trunk
    at.runs.speeds.extend(speeds)
    for _ in range(len(speeds)):
        done = [run for run in at.lab.state.runs.values() if run.ending == "ok"]
        seed = len(done) + 1
        await running.start(at.lab, StartRun("baseline", None, trunk.commit, trunk.tree, seed, "gpu0"))
        await running.collect(at.lab)


async def test_a_contended_run_is_in_no_pool(tmp_path: Path) -> None:
    """Its seed runs again, and that score counts."""
    async with desk(tmp_path / "lab") as at:
        await trained(at, [1000.0] * 5 + [900.0, 1000.0])
        assert at.lab.state.trunk is not None
        last = [(run.ending, run.seed, run.score is None) for run in at.lab.state.runs.values()][-2:]
        pool = at.lab.state.pools[at.lab.state.trunk.tree]
        assert ([("contended", 6, True), ("ok", 6, False)], 6) == (last, len(pool))


async def test_a_run_that_is_contended_for_ever_counts_with_a_warning(tmp_path: Path) -> None:
    """Until the next one on its slot has it to itself."""
    async with desk(tmp_path / "lab") as at:
        await trained(at, [1000.0] * 5 + [900.0] * 4)
        warning = at.lab.state.warnings.get("contended gpu0", "")
        assert "run 9: 10.0% slower than the runs before it on gpu0; so it was 4 times, and now it counts" in warning
        at.runs.speeds.append(1000.0)
        trunk = at.lab.state.trunk
        assert trunk is not None
        await running.start(at.lab, StartRun("baseline", None, trunk.commit, trunk.tree, 7, "gpu0"))
        await running.collect(at.lab)
        assert "contended gpu0" not in at.lab.state.warnings


async def test_memory_that_others_held_is_in_the_journal(tmp_path: Path) -> None:
    """As the sampler saw it."""
    async with desk(tmp_path / "lab") as at:
        for _ in range(2):
            at.lab.sharing.see(1, 64.0)
        await asyncio.wait_for(trained(at, [1000.0]), 30)
        (end,) = at.told(ev.RunEnded)
        assert isinstance(end, ev.RunEnded)
        assert ("contended", 64.0, 1000.0) == (end.ending, end.other_mb, end.tokens_per_s)
