"""What do the experiments of all worktrees say about an idea?

An idea is a constant or a structural edit, by name. The search agent remembers in an experiment's detail what it
changed; of another agent's experiment the same is known where its hypothesis says it (`MATRIX_LR 0.02 → 0.04`) and its
diff has no more lines than that. Nothing is kept between turns: all of this is read again from the brief.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agentcore.agents.constants import Value
from agentcore.events import Outcome
from agentcore.state import Experiment

_CHANGE = re.compile(
    r"\b([A-Z][A-Z0-9_]+)(?: from)? [^\s,;]+ (?:→|->|to) (-?\d[\d._]*(?:[eE][-+]?\d+)?|True|False|\"\w+\")"
)
_FAILED = ("crash", "nan", "timeout", "invalid")

KEPT, NEAR_MISS = 1.0, 0.5
"""Added to the weight of an idea that helped, or that lay above zero by NEAR_Z standard errors."""
NEAR_Z = 0.5
CONSTANT_DROPPED, CONSTANT_FAILED = 0.7, 0.6
"""Factors: another value of the same constant may be better."""
EDIT_DROPPED, EDIT_FAILED, EDIT_PENDING = 0.1, 0.02, 0.02
"""Factors: an edit has no other value. Another base may suit it better, the same one is refused elsewhere."""
FORGET = 50
"""Experiments after which a dropped edit counts half: trunk has moved on."""
LEAST = 0.02


@dataclass(frozen=True)
class Trial:
    """What one experiment tried, and what came of it."""

    changes: Mapping[str, Value]
    edits: tuple[str, ...]
    outcome: Outcome | None
    gain: float | None
    z: float | None
    age: int
    """How many experiments came after it."""

    @property
    def ideas(self) -> tuple[str, ...]:
        """Names of what it changed."""
        return (*self.changes, *self.edits)

    @property
    def loss(self) -> float | None:
        """What it lost against its base; infinite where it did not train, None where nobody knows."""
        if self.gain is not None:
            return -self.gain
        return float("inf") if self.outcome in _FAILED else None


def read(experiments: Sequence[Experiment]) -> list[Trial]:
    """Return what is known to have been tried, oldest first."""
    trials = [_trial(each, len(experiments) - place) for place, each in enumerate(experiments, 1)]
    return [trial for trial in trials if trial.ideas]


def weigh(ideas: Iterable[str], trials: Sequence[Trial]) -> dict[str, float]:
    """Return how much each idea deserves to be tried next; 1 where nothing is known."""
    weights = dict.fromkeys(ideas, 1.0)
    for trial in trials:
        for idea in trial.ideas:
            if idea in weights:
                weights[idea] = _after(weights[idea], trial, is_edit=idea in trial.edits)
    return {idea: max(weight, LEAST) for idea, weight in weights.items()}


def _after(weight: float, trial: Trial, *, is_edit: bool) -> float:
    """Return the weight of an idea after a trial; one of several ideas has only its share in what came of it."""
    share = 1 / len(trial.ideas)
    if trial.outcome == "keep":
        return weight + KEPT * share
    if trial.outcome == "drop" and trial.z is not None and trial.z >= NEAR_Z:
        return weight + NEAR_MISS * share
    if trial.outcome == "drop":
        factor = EDIT_DROPPED ** (0.5 ** (trial.age // FORGET)) if is_edit else CONSTANT_DROPPED
    elif trial.outcome in _FAILED:
        factor = EDIT_FAILED if is_edit else CONSTANT_FAILED
    elif trial.outcome is None:
        factor = EDIT_PENDING if is_edit else 1.0
    else:
        return weight  # not measured: a duplicate, cancelled, disturbed
    return float(weight * factor**share)


def _trial(experiment: Experiment, age: int) -> Trial:
    changes, edits = experiment.detail.get("changes"), experiment.detail.get("edits")
    if not isinstance(changes, Mapping):
        changes = _told(experiment)
    known = tuple(str(each) for each in edits) if isinstance(edits, list | tuple) else ()
    return Trial(changes, known, experiment.outcome, experiment.gain, experiment.z, age)


def _told(experiment: Experiment) -> dict[str, Value]:
    """Return the changes of constants that a hypothesis names, if they are all that the diff can hold."""
    changes: dict[str, Value] = {}
    for name, value in _CHANGE.findall(experiment.hypothesis):
        try:
            changes[name] = ast.literal_eval(value.rstrip("._"))
        except (ValueError, SyntaxError):  # 1.2.3
            return {}
    return changes if experiment.added == experiment.removed == len(changes) else {}
