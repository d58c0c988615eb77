"""Agents share one provider: they wait together, no longer than needed, and one trouble counts once."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from agentcore.agents.pacing import LONGEST_ASKED_S, LONGEST_S, SPREAD, Pacing
from agentcore.agents.turn import _retry_after_s


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def paced(clock: Clock, backoff_s: float = 2.0) -> Pacing:
    """Return a pacing on a test's time."""
    return Pacing(8, 0, backoff_s, clock, seed=1)


def held(pacing: Pacing, clock: Clock) -> float:
    """Return for how long nobody asks."""
    return pacing.until - clock.now


async def turn(pacing: Pacing, told: list[tuple[str, float]] | None = None) -> float:
    """Wait for a turn as an agent does; return when it came."""
    heard = told if told is not None else []
    async with pacing.turn(lambda why, until: heard.append((why, until))):
        return time.time()


# --- How long ---


def test_waits_double() -> None:
    """Each failure after a wait is another one."""
    clock = Clock()
    pacing, waits = paced(clock), []
    for _ in range(5):
        pacing.failed(clock.now, "429", None)
        waits.append(held(pacing, clock))
        clock.now = pacing.until
    assert [2.0, 4.0, 8.0, 16.0, 32.0] == waits


def test_a_wait_of_our_own_has_an_end() -> None:
    """A provider that is away for a week is asked every ten minutes, and the sum does not overflow."""
    clock = Clock()
    pacing = paced(clock)
    for _ in range(3000):
        pacing.failed(clock.now, "429", None)
        clock.now = pacing.until
    pacing.failed(clock.now, "429", None)
    assert (LONGEST_S, 3001) == (held(pacing, clock), pacing.failures)


@pytest.mark.parametrize(
    ("asked", "wait"), [(30.0, 30.0), (700.0, 700.0), (1e9, LONGEST_ASKED_S), (float("inf"), 3600.0)]
)
def test_the_server_says_how_long(asked: float, wait: float) -> None:
    """Up to an hour: it may send any number."""
    clock = Clock()
    pacing = paced(clock)
    pacing.failed(clock.now, "429", asked)
    assert wait == held(pacing, clock)


@pytest.mark.parametrize("asked", [0.0, -5.0, 0.001])
def test_a_server_that_says_no_wait_is_not_stormed(asked: float) -> None:
    """It has failed all the same: there is a moment before it is asked again."""
    clock = Clock()
    pacing = paced(clock)
    pacing.failed(clock.now, "429", asked)
    assert 2.0 == held(pacing, clock)


# --- What counts ---


def test_what_was_on_its_way_is_the_same_trouble() -> None:
    """Eight agents are turned away at once: one failure, one wait."""
    clock = Clock()
    pacing = paced(clock)
    asked = clock.now
    for _ in range(8):
        clock.now += 0.1
        pacing.failed(asked, "429", None)
    assert (1, 2.0 - 0.7) == (pacing.failures, pytest.approx(held(pacing, clock)))


def test_a_failure_after_the_wait_is_another_one() -> None:
    """It was asked for after the first had been heard of."""
    clock = Clock()
    pacing = paced(clock)
    pacing.failed(clock.now, "429", None)
    clock.now = pacing.until
    pacing.failed(clock.now, "529", None)
    assert (2, "529 (wait 2)") == (pacing.failures, pacing.reason)


def test_a_success_ends_the_row() -> None:
    """The next failure is the first one again."""
    clock = Clock()
    pacing = paced(clock)
    for _ in range(3):
        pacing.failed(clock.now, "429", None)
        clock.now = pacing.until
    pacing.succeeded(clock.now)
    pacing.failed(clock.now, "429", None)
    assert (1, 2.0) == (pacing.failures, held(pacing, clock))


def test_a_success_that_was_on_its_way_ends_nothing() -> None:
    """It was asked for before the provider said no: the others go on waiting."""
    clock = Clock()
    pacing = paced(clock)
    early = clock.now
    clock.now += 10
    pacing.failed(clock.now, "429", 60.0)
    pacing.succeeded(early)
    assert (1, 60.0) == (pacing.failures, held(pacing, clock))


def test_a_reason_is_one_sentence() -> None:
    """With the number of the wait."""
    clock = Clock()
    pacing = paced(clock)
    pacing.failed(clock.now, "429 rate_limit_error: slow down. ", None)
    assert "429 rate_limit_error: slow down (wait 1)" == pacing.reason


# --- Waiting ---


async def test_all_wait_for_one() -> None:
    """Everybody is told why and until when, and nobody asks before."""
    pacing = Pacing(8, 0, 0.05, time.time, seed=1)
    pacing.failed(time.time(), "429", None)
    until, told = pacing.until, []
    turns = await asyncio.gather(*(turn(pacing, told) for _ in range(5)))
    assert (True, {"429 (wait 1)"}, True) == (
        min(turns) >= until,
        {why for why, _ in told},
        all(when >= until for _, when in told),
    )


async def test_they_do_not_come_back_in_the_same_instant() -> None:
    """Each waits a little longer, by a quarter at most, and never by more than some seconds."""
    clock = Clock()
    pacing, told = paced(clock), []
    pacing.failed(clock.now, "429", 600.0)
    waiting = [asyncio.create_task(turn(pacing, told)) for _ in range(8)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    later = {until - pacing.until for _, until in told}
    assert (8, True) == (len(later), all(0 <= each <= 10.0 * SPREAD for each in later))


async def test_no_more_than_so_many_at_a_time() -> None:
    """The rest have their turn when one ends."""
    pacing = Pacing(2, 0, 1.0, time.time)
    gate, inside, most = asyncio.Event(), 0, 0

    async def agent() -> None:
        nonlocal inside, most
        async with pacing.turn(lambda why, until: None):
            inside += 1
            most = max(most, inside)
            await gate.wait()
            inside -= 1

    agents = [asyncio.create_task(agent()) for _ in range(6)]
    for _ in range(10):
        await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*agents)
    assert 2 == most


async def test_a_turn_that_fails_gives_its_place_back() -> None:
    """As does one that is cancelled while it waits."""
    pacing = Pacing(1, 0, 60.0, time.time)
    with suppress(KeyError):
        async with pacing.turn(lambda why, until: None):
            raise KeyError
    pacing.failed(time.time(), "429", None)
    waiting = asyncio.create_task(turn(pacing))
    await asyncio.sleep(0)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    pacing.succeeded(time.time())
    async with asyncio.timeout(5):
        assert await turn(pacing)


async def test_requests_per_minute_are_spaced() -> None:
    """Over all agents: one every twenty milliseconds."""
    pacing, told = Pacing(8, 3000, 1.0, time.time), []
    turns = sorted(await asyncio.gather(*(turn(pacing, told) for _ in range(6))))
    assert (True, True) == (
        all(later - earlier > 0.015 for earlier, later in pairwise(turns)),
        all("requests_per_minute" in why for why, _ in told),
    )


async def test_after_a_pause_nobody_catches_up() -> None:
    """A minute without a request is no credit for a storm."""
    clock = Clock()
    pacing, told = Pacing(8, 60, 1.0, clock), []
    await turn(pacing)
    clock.now += 600
    await turn(pacing)
    waiting = asyncio.create_task(turn(pacing, told))
    await asyncio.sleep(0)
    waiting.cancel()
    assert [clock.now + 1.0] == [until for _, until in told]


async def test_without_a_limit_nobody_waits() -> None:
    """A hundred turns at once."""
    told: list[tuple[str, float]] = []
    pacing = Pacing(100, 0, 60.0, time.time)
    await asyncio.gather(*(turn(pacing, told) for _ in range(100)))
    assert [] == told


async def test_a_wait_that_grows_meanwhile_is_waited_for() -> None:
    """Another agent asked and was turned away."""
    pacing = Pacing(8, 0, 0.05, time.time, seed=1)
    pacing.failed(time.time(), "429", None)
    waiting = asyncio.create_task(turn(pacing))
    await asyncio.sleep(0)
    pacing.failed(pacing.until, "529", 0.2)
    until = pacing.until
    assert await waiting >= until


# --- What the server's header says ---


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "-250"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": ""}, None),
        ({"retry-after": "-7"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1.2.3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "nan"}, None),
        ({"retry-after": "31 Feb 2020 00:00:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 +99999999"}, None),
        ({"retry-after": "9" * 400}, float("inf")),
    ],
)
def test_the_header_is_understood_or_passed_over(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds, seconds or a date; anything else says nothing."""
    assert seconds == _retry_after_s(headers)


def test_a_date_is_the_time_until_then() -> None:
    """As a proxy sends it."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 100 == pytest.approx(_retry_after_s({"retry-after": date}), abs=2)


async def test_a_clock_that_was_set_back_makes_nobody_wait_for_it() -> None:
    """Six hours back: the agents wait the hundredth of a second that is left, and are told no other time."""
    clock, told = Clock(), list[tuple[str, float]]()
    pacing = paced(clock, backoff_s=0.01)
    pacing.failed(clock.now, "429", None)
    clock.now -= 6 * 3600
    waits = asyncio.create_task(turn(pacing, told))
    while not told:
        await asyncio.sleep(0)
    clock.now += 0.02
    await asyncio.wait_for(waits, 5.0)
    assert [True] == [until - clock.now < 1.0 for _, until in told]
