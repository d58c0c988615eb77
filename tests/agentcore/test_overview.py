"""The first screen as data: what each worktree does, what waits for a person, what the numbers are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentcore import events as ev
from agentcore.overview import Live, Overview, WorktreeRow, overview
from agentcore.queue.judging import screening_seed
from agentcore.state import LabState
from tests.agentcore.tales import CONFIG, Tale, calibrated, gated, opened
from worktrees.devices import DeviceSample
from worktrees.metrics import MetricPoint
from worktrees.runs import Purpose
from worktrees.statistics import Verdict

NOW = 1000.0
ALIVE = Live(engine_alive=True)


def see(tale: Tale, live: Live = ALIVE) -> Overview:
    """Return the overview of a tale whose engine lives."""
    return overview(tale.state, live, NOW)


def row(tale: Tale, live: Live = ALIVE) -> WorktreeRow:
    """Return wt0's row."""
    return see(tale, live).rows[0]


def needs(tale: Tale, live: Live = ALIVE) -> list[str]:
    """Return the strip's texts."""
    return [need.text for need in see(tale, live).needs]


def running(purpose: Purpose = "screen", slot: str = "cpu0") -> Tale:
    """Return a lab in which run 4 goes on: the first experiment's, or one of trunk."""
    tale = calibrated()
    if purpose == "baseline":
        return tale.tell(ev.RunStarted(4, "baseline", None, "c0", "t0", 9, 1, slot))
    number = tale.propose("wt0", "t1")
    return tale.tell(ev.RunStarted(4, purpose, number, "c1", "t1", screening_seed(number), 1, slot))


POINT = MetricPoint(step=10, progress=0.25, loss=3.0, elapsed_s=5.0)


def test_an_empty_lab_has_an_overview() -> None:
    """Before the first event there is nothing, and no error."""
    assert (None, (), ()) == (lambda seen: (seen.trunk, seen.rows, seen.queue))(overview(LabState(), Live(), NOW))


# --- Trunk ---


def test_calibration_counts_its_runs() -> None:
    """Two of three are done."""
    assert (2, 3) == see(opened().pool("t0", {1: 1.0, 2: 1.2})).calibration


def test_before_calibration_is_done_nothing_calls_a_mean_trunks_number() -> None:
    """Two seeds that happen to agree gave σ .0000 on the first screen."""
    seen = see(opened().pool("t0", {1: 1.0, 2: 1.0}))
    assert seen.trunk is not None
    assert (None, None, 2, None) == (seen.trunk.score, seen.trunk.baseline, seen.trunk.runs, seen.noise)


def test_after_calibration_trunk_has_its_number() -> None:
    """The mean of its pool."""
    seen = see(calibrated())
    assert seen.trunk is not None
    assert (None, pytest.approx(1.1), 3) == (seen.calibration, seen.trunk.score, seen.trunk.runs)


@pytest.mark.parametrize(("lower", "percent"), [(True, 22.7273), (False, -22.7273)])
def test_progress_is_counted_from_the_first_trunk(lower: bool, percent: float) -> None:
    """From 1.1 to 0.85 in percent of 1.1, positive is better whatever the metric's direction."""
    tale = calibrated(config=replace(CONFIG, lower_is_better=lower))
    seen = see(tale.merge(tale.ready("wt0", "t1")))
    assert seen.trunk is not None
    assert pytest.approx(percent, rel=1e-4) == seen.trunk.gain_percent


def test_experiments_kept_and_merged_are_counted() -> None:
    """Decided ones only; an undone merge is none."""
    tale = calibrated()
    tale.merge(tale.ready("wt0", "t1")).decide(tale.propose("wt0", "t2"), "drop")
    tale.propose("wt1", "t3")
    seen = see(tale)
    undone = see(tale.tell(ev.TrunkMoved("l1", "c0", "t0", None, "you", undone=1)))
    assert (2, 1, 1, 0) == (seen.experiments, seen.kept, seen.merged, undone.merged)


# --- Rows ---


@pytest.mark.parametrize(
    ("tale", "live", "state"),
    [
        pytest.param(running("baseline"), ALIVE, "BASE", id="a run of trunk"),
        pytest.param(running(), ALIVE, "WARM", id="nothing heard yet"),
        pytest.param(running(), replace(ALIVE, points={4: POINT}), "TRAIN", id="training"),
        pytest.param(running(), replace(ALIVE, points={4: POINT}, stages={4: "evaluate"}), "EVAL", id="evaluating"),
        pytest.param(running("retest"), ALIVE, "RETEST", id="the larger model"),
        pytest.param(calibrated().tell(ev.ThinkingStarted("wt0")), ALIVE, "THINK", id="the agent is asked"),
        pytest.param(running(slot="cpu1"), ALIVE, "WAIT", id="its experiment runs elsewhere"),
        pytest.param(calibrated().tell(ev.WorktreePaused("wt0", "x", "you")), ALIVE, "PAUSE", id="paused"),
        pytest.param(calibrated().tell(ev.WorktreePaused("wt0", "x", "engine")), ALIVE, "CRASH", id="parked"),
        pytest.param(calibrated(), ALIVE, "IDLE", id="nothing"),
    ],
)
def test_a_row_says_what_happens(tale: Tale, live: Live, state: str) -> None:
    """What its slot runs comes first, then what its agent does."""
    assert state == row(tale, live).state


def test_a_confirmation_is_shown_where_it_runs() -> None:
    """With the experiment and the seed, and whose it is where it is not the row's own."""
    tale = calibrated()
    number = tale.keep("wt1", "t1")
    tale.rebase(number, "t1").tell(ev.RunStarted(5, "confirm", number, "c1", "t1", 1, 1, "cpu0"))
    assert ("CONFIRM", "wt1 #1 RATE 0.1 → 0.2 (seed 1)") == (row(tale).state, row(tale).idea)


def test_a_row_measures_its_run() -> None:
    """A quarter in five seconds: fifteen are left."""
    seen = row(running(), replace(ALIVE, points={4: POINT}))
    assert (0.25, 15.0, 4, 1) == (seen.progress, seen.left_s, seen.run, seen.experiment)


def test_a_row_shows_its_device() -> None:
    """The newest sample of its slot."""
    sample = DeviceSample("cpu0", NOW, utilisation=97.0, memory_mb=512.0)
    seen = row(calibrated(), replace(ALIVE, devices={"cpu0": sample}))
    assert (97.0, 512.0) == (seen.utilisation, seen.memory_mb)


def test_rows_are_in_the_order_of_people() -> None:
    """wt2 comes before wt10."""
    assert [f"wt{index}" for index in range(12)] == [each.worktree for each in see(opened(12)).rows]


def test_a_rows_best_is_its_best_open_candidate() -> None:
    """By the verdict, not by the lucky screening."""
    tale = calibrated()
    tale.ready("wt0", "t1", gain=0.2)
    assert (pytest.approx(0.85), pytest.approx(0.2)) == (row(tale).best, row(tale).gain)


# --- The queue ---


def test_what_is_ready_comes_first() -> None:
    """Then in order of arrival."""
    tale = calibrated()
    tale.keep("wt0", "t1")
    tale.ready("wt1", "t2")
    assert [(2, "READY"), (1, "NEW")] == [(each.experiment, each.state) for each in see(tale).queue]


def test_what_is_done_leaves_the_queue() -> None:
    """Merged, rejected, near misses, cancelled ones are results."""
    tale = calibrated()
    tale.merge(tale.ready("wt0", "t1"))
    number = tale.keep("wt1", "t2")
    assert () == see(tale.rebase(number, "t2").judge(number, "NOISE")).queue


def test_a_confirmation_counts_its_seeds() -> None:
    """One of two, and the screening's numbers until there is a verdict."""
    tale = calibrated()
    number = tale.keep("wt0", "t1", score=0.8)
    (seen,) = see(tale.rebase(number, "t1").confirm(number, {1: 0.9})).queue
    assert (1, 2, 0.8) == (seen.seeds_done, seen.seeds, seen.score)


def test_a_verdict_replaces_the_screening() -> None:
    """The score is the mean of the confirmation runs."""
    tale = calibrated()
    tale.ready("wt0", "t1", gain=0.2)
    (seen,) = see(tale).queue
    assert (pytest.approx(0.85), 0.2, pytest.approx(2.0)) == (seen.score, seen.gain, seen.z)


def test_a_change_of_the_harness_leaves_a_queue_to_look_at() -> None:
    """The verdict's runs count no more; the row is there all the same."""
    tale = calibrated()
    tale.ready("wt0", "t1")
    (seen,) = see(tale.tell(replace(CONFIG, harness="other"))).queue
    assert ("STALE", 0) == (seen.state, seen.seeds_done)


# --- The strip ---


def test_a_lab_in_order_needs_nobody() -> None:
    """The strip is empty."""
    assert [] == needs(calibrated())


def test_an_engine_that_is_gone_is_said_first() -> None:
    """With the command that starts it."""
    assert "the engine is not running; start it: nightlab start" == needs(calibrated(), Live())[0]


def test_a_trunk_that_does_not_train_is_said() -> None:
    """With the reason of its last failure."""
    tale = opened()
    for _ in range(2):
        tale.run("baseline", "t0", 1, None)
    assert ["trunk does not train: it broke"] == needs(tale)


def test_a_parked_worktree_is_said() -> None:
    """A person has to look at it; one that a person paused needs nobody."""
    tale = calibrated().tell(ev.WorktreePaused("wt0", "3 failures in a row", "engine"))
    assert ["wt0: 3 failures in a row"] == needs(tale.tell(ev.WorktreePaused("wt1", "by you", "you")))


def test_warnings_are_said_until_they_are_cleared() -> None:
    """As the engine words them."""
    tale = calibrated().tell(ev.WarningRaised("disk", "under 1 GB are free"))
    assert (["under 1 GB are free"], []) == (needs(tale), needs(tale.tell(ev.WarningCleared("disk"))))


def test_a_ready_candidate_waits_for_a_person() -> None:
    """In mode `me`."""
    tale = calibrated()
    tale.ready("wt0", "t1")
    assert ["#1 is ready to merge"] == needs(tale)


def test_under_the_gate_nobody_is_asked_to_merge() -> None:
    """It merges by itself."""
    tale = calibrated(config=gated(mode="gate"))
    tale.ready("wt0", "t1")
    assert [] == needs(tale)


def test_a_need_keeps_its_key_while_it_is_the_same() -> None:
    """A bell rings once: other events change nothing of it."""
    tale = calibrated()
    tale.ready("wt0", "t1")
    before = see(tale).needs
    assert before == see(tale.tell(ev.ThinkingStarted("wt1"))).needs


def test_a_candidate_that_is_ready_anew_has_a_new_key() -> None:
    """It was measured again and may be merged again: that is news."""
    tale = calibrated()
    number = tale.ready("wt0", "t1")
    before = see(tale).needs[0].key
    tale.rebase(number, "t5").confirm(number, {1: 0.8, 2: 0.9})
    tale.tell(ev.CandidateJudged(number, "READY", Verdict(0.2, 0.1, (1, 2), True), "l1again", ""))
    assert before != see(tale).needs[0].key
