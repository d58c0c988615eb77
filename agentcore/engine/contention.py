"""Did a run have its device to itself?

Where the budget is wall-clock time on a GPU, whoever else used it took training away: 1 % less is about one sigma. Such
a run is not counted and done again. A budget in FLOPs on a core needs none of this: a busy machine makes the run longer
and leaves its score as it is, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from statistics import median

from agentcore.state import LabState, Run
from worktrees.metrics import Tail, finite
from worktrees.runs import RunFolder, RunResult

REMEMBERED, LEAST = 20, 5
"""A slot's newest runs whose median speed is its usual one, and how many it takes to have one."""
TIMES = 3
"""How often a run is done again; then it counts, with a warning."""


@dataclass(frozen=True)
class Contention:
    """Why a run may not have had its device to itself, and whether it counts all the same."""

    reason: str
    counts: bool


class Sharing:
    """What other processes held on the devices of the runs in progress, as seen by two samples in a row.

    One alone may have seen the run before, which was just ending. What was seen is lost with the engine.
    """

    def __init__(self) -> None:
        self._last: dict[int, float] = {}
        self._most: dict[int, float] = {}

    def see(self, run: int, other_mb: float | None) -> None:
        """Take a sample (MiB) of a run's device; None is unknown."""
        both = min(self._last.get(run, 0.0), other_mb or 0.0)
        self._most[run] = max(self._most.get(run, 0.0), both)
        self._last[run] = other_mb or 0.0

    def take(self, run: int) -> float | None:
        """Return the most that was seen during a run (MiB), and forget it; None where nobody looked."""
        self._last.pop(run, None)
        return self._most.pop(run, None)


def applies(state: LabState, run: Run) -> bool:
    """Return True where what others do on the run's device changes its score."""
    kinds = {slot.name: slot.kind for slot in state.slots}
    return kinds.get(run.slot) == "cuda" and state.config is not None and state.config.budget.split()[-1:] == ["s"]


def speed_of(folder: RunFolder, result: RunResult) -> float | None:
    """Return how many tokens a second a run trained, or None where nothing says it. Reads a file of some MB.

    From `training` in its score.json, which a trusted evaluation writes; else the median of its metrics.jsonl, which
    the training itself writes: it could have itself done again, a bounded number of times.
    """
    training = result.extra.get("training")
    if isinstance(training, Mapping):
        tokens, took_s = finite(training.get("tokens")), finite(training.get("train_s"))
        if tokens is not None and took_s:
            return tokens / took_s
    tail, speeds = Tail(folder.metrics), []
    for _ in range(16):  # of 4 MiB
        points = tail.read()
        if not points:
            break
        speeds += [point.tokens_per_s for point in points if point.tokens_per_s is not None]
    return median(speeds) if speeds else None


def contention(state: LabState, run: Run, speed: float | None, other_mb: float | None) -> Contention | None:
    """Return why a run that has ended well may not have had its device to itself; None where it had."""
    reason = _why(state, run, speed, other_mb)
    if not reason:
        return None
    key = _key(run)
    times = sum(each.ending == "contended" and _key(each) == key for each in state.runs_of(run.tree))
    return Contention(reason, counts=times >= TIMES)


def _key(run: Run) -> tuple[object, ...]:
    """Return what a run and its repetitions share."""
    return run.purpose, run.tree, run.seed, run.harness, run.fraction


def _why(state: LabState, run: Run, speed: float | None, other_mb: float | None) -> str:
    if other_mb:
        return f"other processes held {other_mb:,.0f} MiB on {run.slot} while it trained"
    if speed is None:
        return ""
    earlier = (state.runs[number] for number in range(run.number - 1, 0, -1))
    known = [each for each in earlier if each.tokens_per_s and each.harness == run.harness and each.scale == run.scale]
    on_slot = (each for each in known if each.slot == run.slot and each.ending == "ok")
    usual = [each.tokens_per_s or 0.0 for each in islice(on_slot, REMEMBERED)]
    if len(usual) < LEAST:
        return ""
    slower = 1 - speed / median(usual)
    if slower <= state.gate.throughput_tol:
        return ""
    own = max((each.tokens_per_s or 0.0 for each in known if each.tree == run.tree), default=0.0)
    if own and 1 - speed / own <= state.gate.throughput_tol:
        return ""  # it never was faster, here or elsewhere: that is its code, a larger model, and no neighbour
    return f"{slower:.1%} slower than the runs before it on {run.slot}"
