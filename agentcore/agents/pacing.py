"""When may the next model turn be asked for? One answer for all agents of the lab.

They share a key, so they share its limits: when one is told to wait, all wait; what was already on its way does not
count as another failure; and they do not all come back in the same instant.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

LONGEST_S = 600.0
"""Of a back-off of our own."""
LONGEST_ASKED_S = 3600.0
"""Of one that the server asked for: it may send any number."""
SPREAD = 0.25
"""Part of a wait by which agents differ."""

SPACED = "requests are spaced out ([agents.anthropic] requests_per_minute)"
"""Why an agent waits when the provider is well."""

Waiting = Callable[[str, float], None]
"""Is told why an agent waits, and until when (Unix time)."""


class Pacing:
    """Concurrency, requests per minute and back-off over all agents."""

    def __init__(
        self, concurrency: int, per_minute: int, backoff_s: float, clock: Callable[[], float], seed: int | None = None
    ) -> None:
        self._places = asyncio.Semaphore(concurrency)
        self._spacing_s = 60.0 / per_minute if per_minute else 0.0
        self._backoff_s = backoff_s
        self._clock = clock
        self._chance = random.Random(seed)
        self._next = self._since = self._held_s = 0.0
        self.failures = 0
        """In a row, over all agents."""
        self.until = 0.0
        """Unix time before which nobody asks."""
        self.reason = ""

    @asynccontextmanager
    async def turn(self, waiting: Waiting) -> AsyncIterator[None]:
        """Hold a place for one turn, from when it may be asked for."""
        async with self._places:
            mine = self._chance.uniform(0, SPREAD)
            while (left_s := self._left_s(mine)) > 0:
                waiting(self.reason or SPACED, self._clock() + left_s)
                await asyncio.sleep(left_s)
            now = self._clock()
            self._next = max(now, self._next) + self._spacing_s
            yield

    def failed(self, asked: float, reason: str, retry_after_s: float | None) -> None:
        """Learn that a turn which was asked for at `asked` (Unix time) has failed for now."""
        now = self._clock()
        if self.failures and asked < max(self.until, self._since):
            return  # it was on its way when another one failed: the same trouble, not one more
        self.failures += 1
        self._since = now
        backoff_s = min(LONGEST_S, self._backoff_s * 2.0 ** min(self.failures - 1, 60))
        if retry_after_s is not None:  # one that says 0 has failed all the same: it is not stormed
            backoff_s = min(max(retry_after_s, self._backoff_s), LONGEST_ASKED_S)
        self.until, self._held_s = now + backoff_s, backoff_s
        self.reason = f"{reason.rstrip('. ')} (wait {self.failures})"

    def succeeded(self, asked: float) -> None:
        """Learn that the provider answers again, where the turn was asked for (Unix time) after the last failure."""
        if asked >= self._since:
            self.failures, self.until, self.reason = 0, 0.0, ""

    def _left_s(self, mine: float) -> float:
        now = self._clock()
        self._next = min(self._next, now + self._spacing_s)  # where the clock was set back nobody waits for it
        self._since, self.until = min(self._since, now), min(self.until, now + self._held_s)
        held_s = self.until - now
        if held_s > 0:
            return held_s + mine * min(held_s, 10.0)
        return self._next - now if self._spacing_s else 0.0
