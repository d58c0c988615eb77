"""What happens when? Drawn from a seed alone, before anything starts: the same seed is the same night.

What a night comes to is not: a kill meets whatever the machine does at that instant.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

HOWS = {"start": 12, "command": 1, "view": 5}
"""How often a lab that is down is started by which way: the call behind both, `nightlab start`, or `nightlab`."""


@dataclass(frozen=True)
class Fault:
    """One happening: what, after how long, and how the lab is started again where that ended its engine."""

    number: int
    kind: str
    after_s: float
    how: str

    @property
    def chance(self) -> random.Random:
        """Its own draws: which run, which file, how late."""
        return random.Random(f"{self.number} {self.kind} {self.after_s}")


def drawn(seed: int, count: int, weights: Mapping[str, int], pace_s: float) -> list[Fault]:
    """Return `count` faults of those kinds; between two of them `pace_s` pass on average, and often nearly nothing.

    Each kind comes once before any comes by its weight, so that a night is long enough for all of them or short.
    """
    chance = random.Random(f"torture {seed}")
    kinds = chance.sample(list(weights), len(weights))[:count]
    kinds += chance.choices(list(weights), list(weights.values()), k=count - len(kinds))
    chance.shuffle(kinds)
    hows = chance.choices(list(HOWS), list(HOWS.values()), k=count)
    return [
        Fault(number, kind, min(4 * pace_s, chance.expovariate(1 / pace_s)), how)
        for number, (kind, how) in enumerate(zip(kinds, hows, strict=True), 1)
    ]
