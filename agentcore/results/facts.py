"""What is known of an experiment, line by line, from its idea to what became of it; of two of them side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agentcore import format as fmt
from agentcore.queue.evidence import calculated, evidence, measured
from agentcore.results.rows import became
from agentcore.state import Experiment, LabState, Run

Facts = tuple[tuple[str, str], ...]
"""(label, text)."""


def facts(state: LabState, number: int) -> Facts:
    """Return what is known of an experiment. Goes through all runs: not to be called every tick."""
    experiment = state.experiments[number]
    known = [
        ("idea", experiment.hypothesis),
        ("outcome", _outcome(experiment)),
        ("score", _score(experiment)),
        ("queue", became(state, number)),
        *(_evidence(state, number) if number in state.candidates else ()),
        ("merged", _merged(state, number)),
        ("change", f"{fmt.change(experiment.added, experiment.removed)} {' '.join(experiment.files)}"),
        ("by", _author(experiment)),
        ("commit", _commit(experiment)),
    ]
    runs = [run for run in state.runs.values() if run.experiment == number]
    known += [(run.purpose, _told(state, run)) for run in sorted(runs, key=lambda run: run.number)]
    return tuple((label, text) for label, text in known if text)


def _evidence(state: LabState, number: int) -> Iterator[tuple[str, str]]:
    found = evidence(state, number)
    yield from measured(found)
    yield from calculated(state, found)


def side_by_side(one: Facts, other: Facts) -> tuple[tuple[str, str, str], ...]:
    """Return (label, text of the one, text of the other), by label; runs of the same purpose in their order."""
    labels = list(dict.fromkeys([label for label, _ in (*one, *other)]))
    rows = []
    for label in labels:
        left, right = ([text for name, text in each if name == label] for each in (one, other))
        count = max(len(left), len(right))
        padded = ([*texts, *[""] * (count - len(texts))] for texts in (left, right))
        rows += [(label, *pair) for pair in zip(*padded, strict=True)]
    return tuple(rows)


def pair_title(numbers: Sequence[int]) -> str:
    """Return how one experiment, or two, are called: `#3`, `#3 and #7`."""
    return " and ".join(f"#{number}" for number in numbers)


def _outcome(experiment: Experiment) -> str:
    if experiment.outcome is None:
        return "none yet"
    return experiment.outcome + (f": {experiment.reason}" if experiment.reason else "")


def _score(experiment: Experiment) -> str:
    if experiment.score is None:
        return ""
    return f"{fmt.score(experiment.score)}, gain {fmt.gain(experiment.gain)} ({fmt.sigmas(experiment.z)}σ)"


def _commit(experiment: Experiment) -> str:
    commit, base, tree = (fmt.short(each) for each in (experiment.commit, experiment.base, experiment.tree))
    return f"{commit} on {base}, tree {tree}"


def _merged(state: LabState, number: int) -> str:
    own = [merge for merge in state.merges if merge.experiment == number]
    if not own:
        return ""
    last = own[-1]
    words = f"{fmt.clock(last.at)} by {last.by}, trunk {fmt.short(last.old)} to {fmt.short(last.new)}"
    return words + (", taken back" if last.undone else "")


def _author(experiment: Experiment) -> str:
    words = f"{experiment.worktree}, {experiment.agent}"
    words += f" on {experiment.direction}" if experiment.direction else ""
    words += f", {fmt.clock(experiment.proposed)}, thought {fmt.duration(experiment.thought_s)}"
    words += f", {fmt.money(experiment.spent.usd)}" if experiment.spent.usd else ""
    return words + (f", mends #{experiment.fixes}" if experiment.fixes is not None else "")


def _told(state: LabState, run: Run) -> str:
    words = f"run {run.number}, seed {run.seed} on {run.slot}: "
    if run.ending is None:
        return words + "goes on"
    words += fmt.score(run.score) if run.score is not None else f"{run.ending} {run.reason}".strip()
    words += f", {fmt.duration(run.train_s + run.evaluate_s)}" if run.train_s else ""
    words += f", {fmt.memory(run.peak_mb)}" if run.peak_mb else ""
    if run.harness not in (state.harness, state.large_harness):
        words += "; another harness or budget: not comparable with today's"
    return words
