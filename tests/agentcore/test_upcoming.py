"""What the queue says of its next steps: the planner's order, nothing of its own."""

from __future__ import annotations

from dataclasses import replace

from agentcore import events as ev
from agentcore.overview import Live
from agentcore.plan import StartRun
from agentcore.queue.upcoming import Upcoming, about, upcoming, why_not_merged
from tests.agentcore.tales import CONFIG, Tale, calibrated
from worktrees.metrics import MetricPoint
from worktrees.project import RetestSettings


def coming(tale: Tale, live: Live | None = None) -> Upcoming:
    """Return the pipeline."""
    return upcoming(tale.state, live or Live())


def full() -> Tale:
    """A lab of two slots with one candidate in confirmation and two that wait behind it."""
    tale = calibrated(3, replace(CONFIG, retest=RetestSettings(budget="8 GFLOP", every=2)))
    first, _, _ = (tale.keep(f"wt{index}", f"t1{index}", z=4.0 - index) for index in range(3))
    return tale.rebase(first, "t20")


def test_runs_come_as_the_planner_starts_them() -> None:
    """The first job is the planner's first run, and its seeds are those that are due."""
    tale = full()
    started = [each for each in tale.plan() if isinstance(each, StartRun)]
    first = coming(tale).next[0]
    assert (started[0].purpose, (started[0].experiment,), (1, 2)) == (first.kind, first.experiments, first.seeds)


def test_what_waits_for_a_rebase_stands_between_confirmations_and_retests() -> None:
    """Best first; last comes the retest, with the number of merges that it waits for."""
    jobs = coming(full()).next
    assert [("confirm", (1,)), ("rebase", (2,)), ("rebase", (3,)), ("retest", ())] == [
        (job.kind, job.experiments) for job in jobs
    ]
    assert "after 2 more merges" == jobs[-1].why


def test_a_stale_one_says_since_when() -> None:
    """Trunk moved, and that is why it is run again."""
    tale = calibrated(2)
    first, _ = tale.ready("wt0", "t10"), tale.ready("wt1", "t11")
    (job,) = [each for each in coming(tale.merge(first)).next if each.kind == "rebase"]
    assert job.why.startswith("because trunk moved at ")


def test_what_runs_has_its_slot_and_what_is_left() -> None:
    """By the speed so far; it is not named once more among what waits."""
    tale = full()
    run = len(tale.state.runs) + 1
    tale.tell(ev.RunStarted(run, "confirm", 1, "c20", "t20", 1, 1, "cpu0"))
    live = Live(points={run: MetricPoint(step=5, progress=0.25, loss=1.0, elapsed_s=10.0)})
    found = coming(tale, live)
    assert [("confirm", "cpu0", 0.25, 30.0)] == [(job.kind, job.slot, job.progress, job.takes_s) for job in found.now]
    assert (2,) == found.next[0].seeds


def test_merges_that_a_person_wants_are_told() -> None:
    """With who asked for them."""
    tale = calibrated(2)
    first, second = tale.ready("wt0", "t10"), tale.ready("wt1", "t11")
    tale.merge(first).tell(ev.MergesWanted((second,), "ada"))
    assert "once READY, asked for by ada" in [job.why for job in coming(tale).next if job.kind == "merge"]


def test_a_job_is_named_by_whom_it_is_about() -> None:
    """A candidate by worktree, number and idea; trunk by its commit."""
    tale = full()
    confirm, *_, retest = coming(tale).next
    assert "wt0 #1 2 seeds  RATE 0.1 → 0.2" == about(tale.state, confirm)
    assert "trunk c0" == about(tale.state, retest)


def test_open_candidates_are_counted_by_what_they_wait_for() -> None:
    """In words, and only those that are open."""
    tale = full()
    tale.tell(ev.CandidateMoved(3, "REJECTED", "", "engine"))
    assert "1 for its turn, 1 for seeds" == why_not_merged(tale.state)


def test_an_empty_lab_has_nothing_coming() -> None:
    """Not even before it has a trunk."""
    assert Upcoming((), ()) == coming(Tale())
