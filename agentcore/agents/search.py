"""An agent without a model: it samples the constants of the editable file by TPE.

It needs no key and no network, is seeded, and is the baseline that every language model has to beat. It keeps nothing
in memory: each turn it learns again from the experiments in its brief, so a restart forgets nothing.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from agentcore.agents import NoProposal, Proposal
from agentcore.agents.constants import Constant, Value, find, render, rewrite, round_significant
from agentcore.brief import Brief
from agentcore.state import Experiment

if TYPE_CHECKING:
    import optuna

    Distribution = (
        optuna.distributions.CategoricalDistribution
        | optuna.distributions.FloatDistribution
        | optuna.distributions.IntDistribution
    )

SPAN = 5.0
"""A float without a stated range is searched from value/SPAN to value*SPAN, on a logarithmic scale."""
TRIES = 64
"""Samples drawn before the space counts as exhausted."""
DRAWN = 64
"""Own proposals remembered until the journal has them: more than there are worktrees."""
SECOND_CHANGE = 0.3
"""Probability that a proposal changes two constants instead of one."""


_Values = dict[str, Value]
_Seen = Sequence[_Values | None]


class SearchAgent:
    """Proposes changes of constants; see the module."""

    def __init__(self, seed: int) -> None:
        self.name = "search"
        self._seed = seed
        self._turn = asyncio.Lock()
        """One worktree after the other, so that no two are given the same."""
        self._drawn: list[_Values] = []
        """What other worktrees were given a moment ago and is not in their experiments yet."""

    async def propose(self, brief: Brief, workspace: Path) -> Proposal:
        """Change one or two constants of the editable file. Raises NoProposal where there are none left to try."""
        async with self._turn:
            return await asyncio.to_thread(self._propose, brief, workspace)

    def _propose(self, brief: Brief, workspace: Path) -> Proposal:
        path = workspace / brief.edit[0]
        source = path.read_bytes().decode()  # not read_text, which would turn \r\n into \n: a diff of every line
        try:
            constants = {each.name: each for each in find(source) if _is_tunable(each)}
        except SyntaxError as error:
            raise NoProposal(f"{path.name} does not parse: {error}") from error
        if not constants:
            raise NoProposal(f"{path.name} has no constants (module-level UPPER_CASE = literal)")
        current = {name: each.value for name, each in constants.items()}
        seen = [*self._drawn, *(each.detail.get("constants") for each in brief.experiments)]
        conflict, changes = _rework(brief, current, seen)
        if conflict is None:
            changes = self._sample(brief, constants, current, seen)
        chosen = {**current, **changes}
        self._drawn = [*self._drawn[-DRAWN:], chosen]
        path.write_bytes(rewrite(source, changes).encode())
        words = ", ".join(f"{name} {render(current[name])} → {render(value)}" for name, value in changes.items())
        return Proposal(
            hypothesis=words if conflict is None else f"{words} (#{conflict} again)",
            detail={"changes": changes, "constants": chosen},
            rework_of=conflict,
        )

    def _sample(self, brief: Brief, constants: Mapping[str, Constant], current: _Values, seen: _Seen) -> _Values:
        turn = len(brief.experiments)
        chance = random.Random(f"{self._seed} {brief.worktree} {turn}")
        study = _study(chance.randrange(2**31), brief.experiments, constants)
        for _ in range(TRIES):
            names = _choose(chance, constants, brief.experiments)
            trial = study.ask()
            changes = {name: _suggest(trial, constants[name]) for name in names}
            changes = {name: value for name, value in changes.items() if value != current[name]}
            if changes and {**current, **changes} not in seen:
                return changes
        raise NoProposal(f"nothing new in {TRIES} samples of {len(constants)} constants")


def _rework(brief: Brief, current: _Values, seen: _Seen) -> tuple[int | None, _Values]:
    """Return the first conflict whose changes make something new of today's constants, and those changes."""
    by_number = {each.number: each for each in brief.experiments}
    for number in brief.conflicts:
        wanted = by_number[number].detail.get("changes", {})
        changes = {name: value for name, value in wanted.items() if name in current and current[name] != value}
        if changes and {**current, **changes} not in seen:
            return number, changes
    return None, {}


def _study(seed: int, experiments: Sequence[Experiment], constants: Mapping[str, Constant]) -> optuna.Study:
    """Rebuild what is known: each past change with what it lost against its own base (a crash lost the most)."""
    import optuna  # here, because it takes 0.2 s that no other backend needs

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=6))
    worst = max((-each.gain for each in experiments if each.gain is not None), default=1.0)
    for experiment in experiments:
        changes = {name: value for name, value in experiment.detail.get("changes", {}).items() if name in constants}
        found = {name: _space(constants[name], value) for name, value in changes.items()}
        spaces: dict[str, optuna.distributions.BaseDistribution] = {
            name: space for name, space in found.items() if space is not None
        }
        if experiment.outcome and changes and len(spaces) == len(changes):
            loss = worst if experiment.gain is None else -experiment.gain
            study.add_trial(optuna.create_trial(params=changes, distributions=spaces, value=loss))
    return study


def _space(constant: Constant, seen: Value | None = None) -> Distribution | None:
    """Return where a constant is searched, wide enough to hold a value seen before; None where it cannot hold it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value, low, high = constant.value, constant.low, constant.high
    if seen is not None and type(seen) is not type(value):
        return None  # it was an int and is a float now, or the like
    if constant.choices or isinstance(value, bool | str):
        choices = constant.choices or (False, True)
        return None if seen is not None and seen not in choices else CategoricalDistribution(choices)
    log = value > 0 and (low is None or low > 0)
    if low is None or high is None:
        low, high = (value / SPAN, value * SPAN) if value > 0 else (min(0.0, 2 * value), 0.2)
        high = min(high, 1.0) if 0 < value <= 1 and isinstance(value, float) else high
    if isinstance(seen, int | float):
        if log and seen <= 0:
            return None
        low, high = min(low, seen), max(high, seen)
    if isinstance(value, int):
        return IntDistribution(max(1 if log else 0, round(low)), max(2, round(high)), log=log)
    return FloatDistribution(low, high, log=log and low > 0)


def _suggest(trial: optuna.Trial, constant: Constant) -> Value:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    space = _space(constant)
    if isinstance(space, FloatDistribution):
        value = trial.suggest_float(constant.name, space.low, space.high, log=space.log)
        if 0.5 <= space.low and space.high < 1:  # of a decay such as 0.9958 the distance to 1 is what matters
            return round(1 - round_significant(1 - value), 9)
        return min(max(round_significant(value), space.low), space.high)
    if isinstance(space, IntDistribution):
        count = trial.suggest_int(constant.name, space.low, space.high, log=space.log)
        return _power_of_two(count, space.low, space.high) if _is_power_of_two(constant.value) else count
    assert isinstance(space, CategoricalDistribution), "these are all kinds"
    return cast("Value", trial.suggest_categorical(constant.name, space.choices))


def _power_of_two(count: int, low: int, high: int) -> int:
    """Return the power of two nearest to `count`, inside the range where it holds one."""
    power = int(2 ** round(math.log2(count)))
    power = power // 2 if power > high else power
    return power * 2 if power < low else power


def _is_power_of_two(value: Value) -> bool:
    """Sizes such as 64 or 4,096 stay powers of two; small counts such as a depth of 4 need not."""
    return isinstance(value, int) and value >= 16 and value & (value - 1) == 0


def _choose(chance: random.Random, constants: Mapping[str, Constant], experiments: Sequence[Experiment]) -> list[str]:
    """Draw one or two constants: those tried less, and those whose change has helped before, more often."""
    weights = dict.fromkeys(constants, 1.0)
    for experiment in experiments:
        for name in experiment.detail.get("changes", {}):
            if name in weights:
                weights[name] = weights[name] + 1.0 if experiment.outcome == "keep" else weights[name] * 0.7
    count = 2 if chance.random() < SECOND_CHANGE and len(constants) > 1 else 1
    names: list[str] = []
    while len(names) < count:
        name = chance.choices(list(weights), [max(weight, 0.05) for weight in weights.values()])[0]
        if name not in names:
            names.append(name)
    return names


def _is_tunable(constant: Constant) -> bool:
    return bool(constant.choices) or not isinstance(constant.value, str)
