"""A proven trunk is trained with a smaller budget until it is known how much faster it gets to the baseline's score."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from math import exp, log
from pathlib import Path
from typing import get_args

import pytest

from agentcore import events as ev
from agentcore.engine import running
from agentcore.events import decode
from agentcore.fold import fold
from agentcore.journal.rows import Reader
from agentcore.overview import Live, overview
from agentcore.plan import Limits, StartRun, plan
from agentcore.queue import promoter
from agentcore.retest import due as retest
from agentcore.retest import speed
from agentcore.retest.verdicts import retest_rows
from agentcore.state import LabState
from agentcore.synthetic import night, project
from agentcore.synthetic.truth import faster
from agentcore.synthetic.world import World
from tests import toy
from tests.agentcore.labs import Desk, Instant, open_desk
from tests.agentcore.tales import CONFIG, Tale, calibrated, ended, started
from tests.agentcore.test_retest import EDITS, TRAIN, merged, propose, truth
from tui.story import tell
from tui.theme import SPEEDS
from worktrees.layout import LabPaths
from worktrees.project import RetestSettings
from worktrees.runs import RunFolder

LAB = toy.LAB + '\n[retest]\nscale = 2\nbudget = "8 GFLOP"\nevery = EVERY\n'
SLOPE = 1.0
"""An e-fold less training costs 1.0: a gain of 0.2, one of the edits, is a fraction of exp(-0.2), 22 % faster."""


@asynccontextmanager
async def lab(root: Path, every: int = 1, slope: float = SLOPE, more: str = "") -> AsyncIterator[Desk]:
    """Make a lab that merges and retests by itself, or open the one that is there, as after a kill."""
    config = LAB.replace("EVERY", str(every)) + more
    paths = LabPaths(root) if root.exists() else toy.make(root, lab=config, train=TRAIN)
    paths.dot.mkdir(exist_ok=True)
    runs = Instant(truth, slope=slope)
    opened = await open_desk(paths, runs, "gate")
    try:
        yield Desk(opened, runs)
    finally:
        opened.close()


def measured(at: Desk) -> list[ev.SpeedMeasured]:
    """Return what was measured."""
    return [each for each in at.told(ev.SpeedMeasured) if isinstance(each, ev.SpeedMeasured)]


def speed_runs(state: LabState) -> list[float]:
    """Return the fractions of the runs with a smaller budget."""
    return [run.fraction for _, run in sorted(state.runs.items()) if run.purpose == "speed"]


async def until_a_speed_run(at: Desk) -> None:
    """Do what is due, without agents, until a run with a smaller budget has started."""
    while not speed_runs(at.lab.state):
        await running.collect(at.lab)
        for action in plan(at.lab.state, Limits(experiments=0)):
            await at._carry_out(action, None)  # type: ignore[arg-type]


# --- What is measured ---


async def test_a_proven_trunk_is_measured(tmp_path: Path) -> None:
    """The number is the truth's, and that lies within its interval; it rests on the runs with a smaller budget."""
    async with lab(tmp_path / "lab") as at:
        await merged(at, 1)
        (found,) = measured(at)
        assert ("FASTER", pytest.approx(exp(-0.2), abs=0.005)) == (found.word, found.fraction)
        assert found.low and found.high and found.low < exp(-0.2) < found.high
        state = at.lab.state
        assert {"speed"} == {state.runs[number].purpose for number in found.runs}
        assert (at.trunk(), state.line[0].commit) == (found.trunk, found.baseline)


async def test_training_is_told_the_smaller_budget(tmp_path: Path) -> None:
    """With its unit, in the environment as in the spec: a schedule that ends with the budget ends with that."""
    async with lab(tmp_path / "lab") as at:
        await merged(at, 1)
        specs = [spec for spec in at.runs.submitted if spec.purpose == "speed"]
        told = [spec.stages[0].env["NIGHTLAB_BUDGET"] for spec in specs]
        expected = [f"{8 * part:.10g} GFLOP" for part in speed_runs(at.lab.state)]
        assert (expected, expected, {2}) == (told, [spec.budget for spec in specs], {spec.scale for spec in specs})


async def test_its_runs_enter_no_pool(tmp_path: Path) -> None:
    """Neither the small ones nor those of the larger size, by which trunk is judged."""
    async with lab(tmp_path / "lab") as at:
        await merged(at, 1)
        state = at.lab.state
        scores = {run.score for run in state.runs.values() if run.purpose == "speed"}
        pooled = {score for pools in (state.pools, state.large) for pool in pools.values() for score in pool.values()}
        assert (False, set()) == (not scores, scores & pooled)


async def test_the_second_measurement_knows_the_slope(tmp_path: Path) -> None:
    """It was measured: the guess meets the baseline's score at once, so one budget is enough; the baseline stays."""
    async with lab(tmp_path / "lab") as at:
        await merged(at, 2)
        first, second = measured(at)
        fractions = [at.lab.state.runs[number].fraction for number in second.runs]
        assert (first.baseline, [pytest.approx(exp(-0.4), abs=0.01)]) == (second.baseline, fractions)
        assert second.fraction == pytest.approx(exp(-0.4), abs=0.005)


async def test_never_more_than_two_budgets_are_tried(tmp_path: Path) -> None:
    """Here a smaller one costs nothing: then it is said, and no number."""
    async with lab(tmp_path / "lab", slope=0.0) as at:
        await merged(at, 1)
        (found,) = measured(at)
        assert ("FLAT", None, 2) == (found.word, found.fraction, len(set(speed_runs(at.lab.state))))
        assert "cost less than the noise" in speed.words(found, 2)


async def test_what_is_too_fast_to_measure_is_told_by_its_least(tmp_path: Path) -> None:
    """A gain worth more than a factor 2.5 of training: at least 150 %."""
    async with lab(tmp_path / "lab", slope=0.1) as at:
        await merged(at, 1)
        (found,) = measured(at)
        assert "at least 150% faster than the baseline at 2 times the size" == speed.words(found, 2)


async def test_it_can_be_turned_off(tmp_path: Path) -> None:
    """No further run, and no word of it."""
    async with lab(tmp_path / "lab", more="speed = false\n") as at:
        await merged(at, 1)
        scene = overview(at.lab.state, Live(), 200.0)
        assert (["PROVEN"], [], None) == ([each.word for each in at.lab.state.retests], measured(at), scene.speed)
        assert [] == speed_runs(at.lab.state)


async def test_after_a_change_of_the_harness_the_baseline_is_another(tmp_path: Path) -> None:
    """Trunk as it was then, which is trained at the larger size too where that was not done yet."""
    async with lab(tmp_path / "lab", every=0) as at:
        await merged(at, 2)
        then, config = at.trunk(), at.lab.state.config
        assert config is not None
        at.lab.record(replace(config, harness="another"))
        await at.work({})
        await propose(at, EDITS[2])
        at.lab.record(retest.begin(at.lab.state, "you"))
        await at.work({})
        (found,) = measured(at)
        assert (then, pytest.approx(exp(-0.2), abs=0.005)) == (found.baseline, found.fraction)


# --- How it is told ---


async def test_status_story_and_list_tell_it(tmp_path: Path) -> None:
    """The same number everywhere: 22 %, with its interval."""
    async with lab(tmp_path / "lab") as at:
        await merged(at, 1)
        state = at.lab.state
        summary = overview(state, Live(), 200.0).speed
        (row,) = retest_rows(state)
        assert summary is not None and summary.percent is not None and summary.interval is not None
        assert (22, "FASTER", True) == (round(summary.percent), row.speed, row.faster_percent == summary.percent)
        assert summary.interval[0] < 22.14 < summary.interval[1]
        told = [line for entry in state.recent if (line := tell(entry, state)) and line.word == "SPEED"]
        assert [f"{at.trunk()[:7]}: 22% faster than the baseline at 2 times the size"] == [
            line.text.split(" (")[0] for line in told
        ]
        assert (0.2, 0.2) == (
            pytest.approx(row.small.gain if row.small else 0),
            pytest.approx(row.large.gain if row.large else 0),
        )


def test_every_word_has_its_look() -> None:
    """The view knows how each of them is shown."""
    words = {word for part in get_args(ev.SpeedWord) for word in (get_args(part) or (part,))}
    assert words == SPEEDS.keys()


# --- Kills, hands ---


async def test_a_kill_while_it_runs_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The next engine takes the run with its own budget; the retest has ended once, and is measured once."""
    async with lab(tmp_path / "lab", every=0) as at:
        await merged(at, 1)
        at.lab.record(retest.begin(at.lab.state, "you"))
        await until_a_speed_run(at)
        (run,) = at.lab.state.active.values()
        folder = RunFolder(at.lab.paths.run(run.number).path)
        folder.result.unlink()  # as if the engine had died between the row and the start of the shim
        before = run.fraction
    async with lab(tmp_path / "lab", every=0) as at:
        await running.collect(at.lab)
        await at.work({})
        again = next(spec for spec in at.runs.submitted if spec.run == run.number)
        assert (f"{8 * before:.10g} GFLOP", 1) == (again.budget, len(measured(at)))
        assert Counter(speed_runs(at.lab.state))[before] == 1
        with closing(Reader(at.lab.paths.journal)) as reader:
            state = fold(reader.after(0))
            ends = [entry for entry in reader.after(0) if isinstance(entry.event, ev.RetestEnded)]
        assert (True, 1) == (state == at.lab.state, len(ends))


async def test_a_trunk_that_is_taken_back_meanwhile_is_not_measured(tmp_path: Path) -> None:
    """What its run says when it ends is of no interest any more, and none follows."""
    async with lab(tmp_path / "lab", every=0) as at:
        await merged(at, 1)
        at.lab.record(retest.begin(at.lab.state, "you"))
        await until_a_speed_run(at)
        (part,), running_now = speed_runs(at.lab.state), overview(at.lab.state, Live(), 200.0).speed
        assert running_now is not None and ("RUNNING", True) == (running_now.word, f"{part:.1%}" in running_now.text)
        await promoter.revert(at.lab, 1, "ann", "worse on long texts")
        await at.work({})
        state = at.lab.state
        assert (None, [], 1) == (state.speed_test, measured(at), len(speed_runs(state)))
        assert overview(state, Live(), 200.0).speed is None


async def test_a_number_is_told_only_of_what_trunk_stands_on(tmp_path: Path) -> None:
    """After a revert of the measured change the headline goes; the list of retests keeps it."""
    async with lab(tmp_path / "lab", every=0) as at:
        await merged(at, 1)
        at.lab.record(retest.begin(at.lab.state, "you"))
        await at.work({})
        before = overview(at.lab.state, Live(), 200.0).speed
        await promoter.revert(at.lab, 1, "ann", "worse on long texts")
        (row,) = retest_rows(at.lab.state)
        after = overview(at.lab.state, Live(), 200.0).speed
        assert (True, None, "FASTER") == (before is not None, after, row.speed)


# --- Slots and failures, without runs ---


def proven(count: int = 2, seeds: int = 4) -> Tale:
    """Tell a lab of so many slots whose trunk was just proven, by a gain of 0.2 at both sizes."""
    settings = RetestSettings(budget="8 GFLOP", every=1, seeds=seeds)
    tale = calibrated(count, replace(CONFIG, retest=settings))
    tale.merge(tale.ready("wt0", "t1"))
    tale.pool("t1", {3: 0.8})
    tale.tell(retest.begin(tale.state, "engine"))
    for seed in tale.state.retests[0].seeds:
        for tree, score in (("t0", 1.0), ("t1", 0.8)):
            large(tale, "retest", tree, seed, score + 0.001 * (seed % 2))
    judged = retest.next_event(tale.state, may_start=True)
    assert judged is not None
    return tale.tell(judged, ev.RetestEnded(1, "PROVEN", "gain +0.2"))


def large(tale: Tale, purpose: str, tree: str, seed: int, score: float | None, fraction: float = 1.0) -> None:
    """Tell a whole run of the larger size."""
    number = len(tale.state.runs) + 1
    commit = {"t0": "c0", "t1": "l1"}[tree]
    started_run = ev.RunStarted(number, purpose, None, commit, tree, seed, 2, "cpu0", fraction)  # type: ignore[arg-type]
    tale.tell(started_run, ended(number, score, "ok" if score is not None else "timeout", "train: 800 s passed"))


def starts(tale: Tale) -> list[StartRun]:
    """Return the runs with a smaller budget that the plan starts."""
    runs = [each for each in tale.plan(experiments=1) if isinstance(each, StartRun)]
    return [each for each in runs if each.purpose == "speed"]


def budget(tale: Tale, score: float) -> float:
    """Let a smaller budget score so, with a bit of noise, for every seed; return which it was."""
    part = starts(tale)[0].fraction
    for seed in range(1, 5):
        large(tale, "speed", "t1", seed, score + 0.001 * (seed % 2), part)
    return part


def test_its_runs_keep_to_the_share_of_retests() -> None:
    """One of two slots, two of sixteen; and what runs counts."""
    two, many = proven(2), proven(16)
    (first,) = starts(two)
    number = len(two.state.runs) + 1
    two.tell(ev.RunStarted(number, "speed", None, first.commit, first.tree, first.seed, 2, "cpu1", first.fraction))
    assert ([], 2) == (starts(two), len(starts(many)))


def test_all_seeds_run_with_the_same_budget() -> None:
    """Also where what is known of the noise changes between them: the fraction that was begun is brought to its end."""
    tale, fractions = proven(), set()
    for _ in range(4):
        (run,) = starts(tale)
        fractions.add(run.fraction)
        large(tale, "speed", run.tree, run.seed, 1.0, run.fraction)
        tale.pool("t0", {90 + len(tale.state.runs): 1.3})
    assert 1 == len(fractions)


def test_a_guess_that_misses_is_corrected_by_what_it_showed() -> None:
    """It cost half again the gain: the second is tried two thirds as far, and then it is known."""
    tale = proven()
    first, second = (budget(tale, score) for score in (1.1, 1.0))
    found = speed.next_event(tale.state)
    assert found is not None and ("FASTER", []) == (found.word, starts(tale))
    assert pytest.approx(first ** (0.2 / 0.3), abs=0.002) == second


def test_two_runs_that_fail_end_it_with_a_word() -> None:
    """FAILED, with how they ended; the retest itself stays what it was."""
    tale = proven(seeds=1)
    for _ in range(2):
        (run,) = starts(tale)
        large(tale, "speed", "t1", 1, None, run.fraction)
    found = speed.next_event(tale.state)
    assert found is not None and "timeout: train: 800 s passed" in found.reason
    tale.tell(found)
    state = tale.state
    assert ("FAILED", [], "PROVEN", None) == (found.word, starts(tale), state.retests[0].word, state.speed_test)


def test_an_engine_that_starts_tries_again_what_failed() -> None:
    """Whoever starts it may have mended the machine."""
    tale = proven(seeds=1)
    for _ in range(2):
        large(tale, "speed", "t1", 1, None, starts(tale)[0].fraction)
    assert (0, 1) == (len(starts(tale)), len(starts(tale.tell(started(2, pid=2)))))


def test_other_settings_drop_it() -> None:
    """With another budget, or when it is turned off, its question has gone."""
    tale = proven(seeds=1)
    config = tale.state.config
    assert config is not None
    for settings in (replace(config.retest, budget="9 GFLOP"), replace(config.retest, speed=False)):
        assert proven(seeds=1).tell(replace(config, retest=settings)).state.speed_test is None


def test_a_budget_without_a_number_is_told() -> None:
    """Half of it is nothing that a training could be given."""
    tale = proven(seeds=1)
    assert tale.state.config is not None
    tale.state = replace(
        tale.state, config=replace(tale.state.config, retest=replace(tale.state.retest_settings, budget="long"))
    )
    found = speed.next_event(tale.state)
    assert found is not None and ("FAILED", True) == (found.word, "'long'" in found.reason)


def test_a_journal_of_before_is_read() -> None:
    """Its runs had the whole budget."""
    run = {"run": 1, "purpose": "retest", "experiment": None, "commit": "c", "tree": "t", "seed": 1, "scale": 2}
    event = decode("RunStarted", json.dumps({**run, "slot": "cpu0"}).encode())
    assert isinstance(event, ev.RunStarted) and event.fraction == 1.0


# --- A whole night ---


def test_in_a_night_of_the_real_engine_the_intervals_hold_the_truth(tmp_path: Path) -> None:
    """Ideas of known effect, a known slope: every number's interval holds the world's own speed-up."""
    world = World(seed=2, helps=0.4, help_sigma=6.0, transfers=0.8, slope_sigma=200.0)
    paths = project.make(tmp_path / "lab", world)
    with paths.config.open("a") as file:
        file.write('\n[retest]\nbudget = "8 s"\nevery = 3\nseeds = 2\n')
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run(["git", "-C", str(paths.root), *who, "commit", "-qam", "Retest"], check=True, timeout=20)
    state = asyncio.run(night.work(paths, world, experiments=50))
    found = [each.speed for each in state.retests if each.speed and each.speed.word == "FASTER"]
    true = {each.retest: faster(state, world, each.retest) for each in found}
    claims = {each.retest: (100 / (each.high or 1) - 100, 100 / (each.low or 1) - 100) for each in found}
    assert len(found) >= 2
    assert dict.fromkeys(true, True) == {n: low <= true[n] <= high for n, (low, high) in claims.items()}
    assert log(1 + max(true.values()) / 100) > 0.1, "a speed-up that is worth measuring"
