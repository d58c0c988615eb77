"""What can happen in a retest of trunk at the larger size?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from worktrees import speed
from worktrees.statistics import Verdict

RetestVerdict = Literal["PROVEN", "FADED", "SHORT"]
"""SHORT: the trunk that was tried is worse than the one that it was compared with."""


RetestEnding = Literal["PROVEN", "FADED", "REVERTED", "LEFT", "FAILED", "DROPPED"]
"""LEFT: it fell short, and nothing could be taken out. FAILED: its runs crashed or ran past their limit, which is no
verdict on any change. Of both a person is told. DROPPED: its question has gone, because trunk was moved back, the
settings changed, or a person said so."""


SpeedWord = speed.SpeedWord | Literal["FAILED"]
"""FAILED: its runs crashed or ran past their limit."""


@dataclass(frozen=True)
class Step:
    """A move of trunk: the experiments that it brought, and where trunk stood then."""

    experiments: tuple[int, ...]
    commit: str
    tree: str


@dataclass(frozen=True)
class RetestStarted:
    """Trunk is compared, at the larger size, with the trunk that was last verified."""

    retest: int
    steps: tuple[Step, ...]
    """First the verified trunk, last the one that is tried; between them what bisection may ask for."""
    seeds: tuple[int, ...]
    """Of every trunk that is compared."""
    scale: int
    budget: str
    by: str


@dataclass(frozen=True)
class RetestJudged:
    """What the large runs say of one step, compared with the first."""

    retest: int
    step: int
    word: RetestVerdict
    verdict: Verdict
    runs: tuple[int, ...]
    """The runs that it rests on."""
    reason: str


@dataclass(frozen=True)
class RevertPrepared:
    """Trunk without the experiment that a retest found: this tree is run once at the small size, then it may land."""

    retest: int
    experiment: int
    old: str
    """The trunk that it was made from."""
    new: str
    tree: str


@dataclass(frozen=True)
class RetestEnded:
    """A retest is over; one that ends with a revert ends with its TrunkMoved instead."""

    retest: int
    word: RetestEnding
    reason: str
    by: str = "engine"


@dataclass(frozen=True)
class SpeedMeasured:
    """How much less training a proven trunk needs, at the larger size, for the score of the first baseline."""

    retest: int
    baseline: str
    trunk: str
    """The commits that are compared."""
    word: SpeedWord
    fraction: float | None
    """Of the retest's budget, with which trunk scores as the baseline does with the whole; None where not known."""
    low: float | None
    high: float | None
    """The 95 % confidence interval of the fraction; where the word is BEYOND too, though that has no fraction."""
    slope: float | None
    """What trunk's score loses by an e-fold less training."""
    runs: tuple[int, ...]
    """The runs with less than the whole budget that it rests on."""
    reason: str
