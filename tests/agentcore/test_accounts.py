"""The accounts are the state's: what models have cost, and how much of its time each slot has worked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentcore import events as ev
from agentcore.brief.spending import Usage
from agentcore.fold import apply
from agentcore.results.accounts import Cost, cost, slot_use
from tests.agentcore.tales import CONFIG, Tale, calibrated, opened, started

USAGE = Usage(input=1, cache_write=20, cache_write_1h=300, cache_read=4000, output=50_000)


class Clock:
    """Tells events at the times that a test names."""

    def __init__(self, tale: Tale) -> None:
        self.tale = tale

    def at(self, at: float, *events: ev.Event) -> Clock:
        """Tell events at one time."""
        for event in events:
            self.tale.state = apply(self.tale.state, ev.Entry(self.tale.state.seq + 1, at, event))
        return self

    def run(self, start: float, end: float | None, slot: str = "cpu0", busy_s: float | None = None) -> Clock:
        """Tell a run; it worked from its start to its end unless `busy_s` is told."""
        number = len(self.tale.state.runs) + 1
        self.at(start, ev.RunStarted(number, "baseline", None, "c0", "t0", number, 1, slot))
        if end is not None:
            worked = end - start if busy_s is None else busy_s
            self.at(end, ev.RunEnded(number, "ok", 1.0, "", worked - 1, 1.0, 0.0, 0.0))
        return self

    def share(self, now: float, slot: str = "cpu0") -> float | None:
        """Return the slot's share."""
        return slot_use(self.tale.state, slot, now).share


def clock(since: float = 1000.0) -> Clock:
    """Return a lab whose engine started at `since`."""
    return Clock(opened()).at(since, started(pid=2))


# --- Money ---


def test_a_lab_without_models_costs_nothing() -> None:
    """Everything is there and zero, also before the lab was configured."""
    assert Cost(0.0, 0.0, 0, 0, 0, 0, 0, 0, 0, "") == cost(Tale().state) == cost(opened().state)


def test_the_cost_is_the_sum_of_all_turns() -> None:
    """Over worktrees and agents; both sorts of cache writes are one figure."""
    tale = calibrated().tell(
        ev.ThinkingStarted("wt0", "anthropic"),
        ev.TokensUsed("wt0", "model", USAGE, 0.5),
        ev.TokensUsed("wt1", "model", USAGE, 0.25),
    )
    found = cost(tale.state)
    assert (0.75, 2, 2, 640, 8000, 100_000, 108_642) == (
        found.usd,
        found.turns,
        found.input,
        found.cache_write,
        found.cache_read,
        found.output,
        found.tokens,
    )


def test_limits_and_model_are_those_of_today() -> None:
    """As the engine read them last."""
    tale = opened(config=replace(CONFIG, usd_limit=20.0, token_limit=1000))
    tale.tell(ev.AgentsAssigned({"wt0": "anthropic"}, "claude-x"))
    found = cost(tale.state)
    assert (20.0, 1000, "claude-x") == (found.usd_limit, found.token_limit, found.model)


# --- Slots ---


def test_a_slot_that_never_worked_has_no_share() -> None:
    """Nor has one that nobody knows."""
    at = clock()
    assert (None, 0.0) == (at.share(1100), slot_use(at.tale.state, "cpu9", 1100).total_busy_s)


def test_a_lab_without_an_engine_has_no_share() -> None:
    """There is nothing to divide by."""
    assert slot_use(Tale().state, "cpu0", 1.0).share is None


def test_the_share_begins_with_the_first_run() -> None:
    """Before it nothing was there to work on."""
    assert 0.5 == clock().run(1100, 1150).share(1200)


def test_gaps_count() -> None:
    """Two runs of forty seconds in a hundred."""
    assert 0.8 == clock().run(1000, 1040).run(1050, 1090).share(1100)


def test_a_run_that_goes_on_counts_from_its_start() -> None:
    """Nobody knows its stages yet."""
    assert 1.0 == clock().run(1000, None).share(1050)


def test_what_a_run_did_not_work_does_not_count() -> None:
    """Between its stages, and until it was collected."""
    assert 0.9 == clock().run(1000, 1100, busy_s=90).share(1100)


def test_another_slots_runs_are_its_own() -> None:
    """Each slot has its share."""
    at = clock().run(1000, 1100, "cpu0").run(1000, 1050, "cpu1")
    assert (1.0, 0.5) == (at.share(1100, "cpu0"), at.share(1100, "cpu1"))


def test_the_night_before_does_not_count_but_in_the_total() -> None:
    """A lab that slept for a day is no less busy today."""
    at = clock(0).run(10, 110).at(90_000, started(pid=3)).run(90_000, 90_050)
    found = slot_use(at.tale.state, "cpu0", 90_100)
    assert (0.5, 50.0, 150.0) == (found.share, found.busy_s, found.total_busy_s)


@pytest.mark.parametrize(("end", "share"), [(1050, 0.5), (None, 1.0)])
def test_a_run_that_outlived_its_engine_counts_from_the_new_ones_start(end: float | None, share: float) -> None:
    """However long it ran before: no share is above one."""
    at = Clock(opened()).at(0, started(pid=2)).run(10, None).at(1000, started(pid=3))
    if end is not None:
        at.at(end, ev.RunEnded(1, "ok", 1.0, "", 1000.0, 40.0, 0.0, 0.0))
    assert share == at.share(1100)


def test_time_stands_still_after_the_engine() -> None:
    """A lab that is looked at a week later has the share that it had."""
    at = clock().run(1000, 1050).at(1100, ev.EngineStopped("enough"))
    assert 0.5 == at.share(1e6)


def test_a_clock_that_went_back_gives_no_negative_share() -> None:
    """Somebody set it."""
    at = clock().run(1000, None)
    assert (None, 0.0) == (at.share(900), slot_use(at.tale.state, "cpu0", 900).busy_s)


def test_a_slot_is_idle_since_its_last_run_ended() -> None:
    """While one runs it is not, and before any it was never busy."""
    lab = clock()
    assert None is slot_use(lab.tale.state, "cpu1", 1100.0).idle_s
    lab.run(1000.0, 1010.0, "cpu1")
    assert 90.0 == slot_use(lab.tale.state, "cpu1", 1100.0).idle_s
    lab.run(1050.0, None, "cpu1")
    assert None is slot_use(lab.tale.state, "cpu1", 1100.0).idle_s
