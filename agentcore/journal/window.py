"""Which of a lab's facts are of the time that a report tells of?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from agentcore import events as ev
from agentcore.events import Entry
from agentcore.overview import Overview
from agentcore.state import Candidate, Experiment, LabState, Merge, Run
from worktrees.text import printable


class Window:
    """The lab, and what in it is newer than `since`."""

    def __init__(self, state: LabState, scene: Overview, entries: Sequence[Entry], since: float) -> None:
        self.state, self.scene, self.since = state, scene, since
        self.until = max(since, state.at)
        self.before = [entry.event for entry in entries if entry.at < since]
        self.entries = [entry for entry in entries if entry.at >= since]
        decided = (each for each in state.experiments.values() if (each.decided or 0.0) >= since and each.outcome)
        self.experiments: list[Experiment] = sorted(decided, key=lambda each: each.number)
        self.merges: list[Merge] = [merge for merge in state.merges if merge.at >= since]
        self.runs: list[Run] = [run for run in state.runs.values() if run.ended is None or run.ended >= since]
        self.outcomes = Counter(each.outcome for each in self.experiments)

    @property
    def judged(self) -> list[Candidate]:
        """The candidates whose verdict is of this time."""
        numbers = {entry.event.experiment for entry in self.entries if isinstance(entry.event, ev.CandidateJudged)}
        return [self.state.candidates[number] for number in sorted(numbers)]

    def idea(self, number: int, width: int | None = None) -> str:
        """Name an experiment: its number and the first line of its hypothesis, cut to `width` characters."""
        text = self.hypothesis(number)
        cut = text if width is None or len(text) <= width else text[: width - 1].rstrip() + "…"
        return f"#{number} {cut}"

    def ideas(self, merge: Merge) -> str:
        """Name what a merge's verdict is of: an experiment, or all of a stack."""
        return ", ".join(self.idea(number) for number in merge.stack or (merge.experiment,))

    def hypothesis(self, number: int) -> str:
        """Return the first line of an experiment's hypothesis."""
        return printable(self.state.experiments[number].hypothesis.partition("\n")[0])

    def seconds(self, run: Run) -> float:
        """Return the seconds of a run that lie in this time."""
        end = run.ended if run.ended is not None else self.until
        return max(0.0, min(self.until, end) - max(self.since, run.started))
