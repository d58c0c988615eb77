"""How does a synthetic run end? By the world's formula, when its time is over on a clock that may be virtual.

The result lies in the run's folder from its start and counts as there from its end on: an engine that was killed and
started again finds its runs as they are, as with real ones.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from pathlib import Path

import msgspec

from agentcore.synthetic.project import RECIPE, ideas_in
from agentcore.synthetic.world import World, duration_s, score
from worktrees.executor import Life
from worktrees.runs import RunFolder, RunResult


class Clock:
    """Virtual time: it stands still until it is told to go on, seconds since any epoch."""

    def __init__(self, now: float) -> None:
        self._now = now

    def __call__(self) -> float:
        """Return the time."""
        return self._now

    def go_to(self, then: float) -> None:
        """Let time pass until `then`, never backwards."""
        self._now = max(self._now, then)


class SyntheticExecutor:
    """Ends runs by a formula; as many at a time as the engine starts."""

    def __init__(self, world: World, clock: Callable[[], float]) -> None:
        self._world = world
        self._clock = clock
        self._ends: dict[Path, float] = {}
        self._due: list[float] = []

    def submit(self, folder: RunFolder) -> None:
        """Write the result that the run will have had at its end."""
        spec = folder.read_spec()
        assert spec is not None, "the engine writes the spec first"
        ideas = ideas_in((folder.checkout / RECIPE).read_text(encoding="utf-8"))
        started, took_s = self._clock(), duration_s(self._world, spec.run) * spec.scale**3 * spec.fraction
        stages = {"train": took_s}
        result = RunResult(
            ending="ok",
            score=score(self._world, ideas, spec.seed, spec.scale, spec.fraction),
            reason="",
            exit_code=0,
            started=started,
            ended=started + took_s,
            stage_s=stages,
            stage_cpu_s=stages,
            peak_mb=0.0,
        )
        folder.result.write_bytes(msgspec.json.encode(result))
        self._expect(folder.path, result.ended)

    def look(self, folder: RunFolder) -> Life:
        """Tell whether the run's time is over."""
        if folder.path not in self._ends:
            result = folder.read_result()
            if result is None:
                return "absent"
            self._expect(folder.path, result.ended)
        if self._clock() < self._ends[folder.path]:
            return "running"
        del self._ends[folder.path]  # nobody asks again, but after a kill
        return "ended"

    def cancel(self, folder: RunFolder) -> None:
        """Nothing can be cancelled: a virtual run costs nothing."""

    def clear(self, folder: RunFolder) -> None:
        """Nothing is ever lost."""

    def next_end(self) -> float | None:
        """Return when the next run ends, None where none runs."""
        now = self._clock()
        while self._due and self._due[0] <= now:
            heapq.heappop(self._due)
        return self._due[0] if self._due else None

    def _expect(self, path: Path, ended: float) -> None:
        self._ends[path] = ended
        heapq.heappush(self._due, ended)
