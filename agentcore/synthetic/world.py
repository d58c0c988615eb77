"""What is true? Ideas with known effects, and what a run of any set of them scores.

Effects are in units of σ, the spread of runs of one tree, and positive ones are better. Nothing is stored: what is
asked for follows from the world's seed and the question, so a lab and its replay see the same world.

The prior's three numbers are those of the simulation in which the promotion rule was chosen, as far as it tells them:
the rule promoted gains of 3.0 σ on average, one or two in a hundred of them false; a loop on one slot that keeps
whatever is lower had 19 to 30 % more gain, and about a third of what it kept was none. One idea in ten that helps, by
1.5 σ on average, and others that harm by 3 σ on average, both exponential, give 3.2 σ, 0.8 %, 23 % and 34 % where runs
come one after the other.
"""

from __future__ import annotations

import math
import random
from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations


@dataclass(frozen=True)
class World:
    """The parameters of one truth."""

    seed: int = 1
    helps: float = 0.1
    """Share of ideas with a positive effect; 0 is the null world, where no idea helps."""
    help_sigma: float = 1.5
    """Mean of the positive effects in σ, exponential: most are smaller than what one run can show."""
    harm_sigma: float = 3.0
    """Mean of the other effects in σ, downwards, exponential; 0 makes them exactly nothing."""
    interacts: float = 0.0
    """Share of pairs of ideas that do not add up."""
    clash_sigma: float = 2.0
    """Mean of what such a pair loses in σ, exponential."""
    transfers: float = 0.8
    """Share of ideas that keep their effect at a larger scale; the others lose it."""
    sigma: float = 0.004
    """Spread of runs of one tree, in units of the score."""
    rho: float = 0.0
    """Correlation of runs with the same seed."""
    start: float = 1.0
    """Mean score without any idea; lower is better."""
    slope_sigma: float = 20.0
    """What a score loses by an e-fold less training, in σ: score = a + slope ln(1 / fraction of the budget)."""
    run_s: float = 300.0
    """Mean seconds of one run."""
    run_spread: float = 0.05
    """Runs take between (1 - spread) and (1 + spread) times `run_s`, uniformly."""
    places: int = 256
    """Lines of the project between which ideas are written: two ideas in one place conflict."""


@lru_cache(maxsize=1 << 12)
def effect(world: World, idea: int) -> float:
    """Return an idea's own effect in σ."""
    drawn = _random(world, "effect", idea)
    if drawn.random() < world.helps:
        return drawn.expovariate(1.0 / world.help_sigma)
    return -drawn.expovariate(1.0 / world.harm_sigma) if world.harm_sigma else 0.0


@lru_cache(maxsize=1 << 18)
def clash(world: World, one: int, other: int) -> float:
    """Return what a pair of ideas loses when both are there, in σ; 0 for most pairs."""
    drawn = _random(world, "clash", *sorted((one, other)))
    return drawn.expovariate(1.0 / world.clash_sigma) if drawn.random() < world.interacts else 0.0


def is_transferred(world: World, idea: int) -> bool:
    """Return True for an idea that keeps its effect at a larger scale."""
    return _random(world, "transfer", idea).random() < world.transfers


@lru_cache(maxsize=256)  # sets of a trunk of hundreds of ideas take 10 KB each
def true_gain(world: World, ideas: frozenset[int], scale: int = 1) -> float:
    """Return the gain of a set of ideas over none, in σ: effects minus clashes."""
    kept = [idea for idea in sorted(ideas) if scale == 1 or is_transferred(world, idea)]
    clashes = (clash(world, *pair) for pair in combinations(kept, 2)) if world.interacts else ()
    return math.fsum(effect(world, idea) for idea in kept) - math.fsum(clashes)


def score(world: World, ideas: Set[int], seed: int, scale: int = 1, fraction: float = 1.0) -> float:
    """Return what one run of a set of ideas scores with a fraction of its budget: the same run twice scores the same.

    Noise is ``sqrt(rho) * (the seed's share) + sqrt(1 - rho) * (this run's own)``, each standard normal.
    """
    shared = _random(world, "seed", seed, scale).gauss(0.0, 1.0)
    budget = () if fraction == 1.0 else (fraction,)
    own = _random(world, "run", seed, scale, *budget, *sorted(ideas)).gauss(0.0, 1.0)
    noise = math.sqrt(world.rho) * shared + math.sqrt(1.0 - world.rho) * own
    lost = world.slope_sigma * math.log(1.0 / fraction)
    return world.start - world.sigma * (true_gain(world, frozenset(ideas), scale) + noise - lost)


def duration_s(world: World, run: int) -> float:
    """Return how many seconds run number `run` takes."""
    return world.run_s * _random(world, "duration", run).uniform(1.0 - world.run_spread, 1.0 + world.run_spread)


def place(world: World, idea: int) -> int:
    """Return where in the project an idea is written."""
    return _random(world, "place", idea).randrange(world.places)


def _random(world: World, what: str, *numbers: float) -> random.Random:
    return random.Random(f"{world.seed} {what} {' '.join(map(str, numbers))}")
