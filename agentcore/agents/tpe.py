"""Which value of a constant is worth a run? Sampled by TPE from what past values lost against their bases.

TPE (tree-structured Parzen estimator, Bergstra et al. 2011) as optuna has it, each constant by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from agentcore.agents.constants import Constant, Value, round_significant
from agentcore.agents.evidence import Trial

if TYPE_CHECKING:
    import optuna

    Distribution = (
        optuna.distributions.CategoricalDistribution
        | optuna.distributions.FloatDistribution
        | optuna.distributions.IntDistribution
    )

SPAN = 5.0
"""A float without a stated range is searched from value/SPAN to value*SPAN, on a logarithmic scale."""
STARTUP_TRIALS = 6
"""Past values of a constant below which values are drawn evenly."""


def study_of(seed: int, trials: Sequence[Trial], constants: Mapping[str, Constant]) -> optuna.Study:
    """Rebuild what is known of constants: each past change with what it lost (what did not train lost the most).

    An experiment with a structural edit tells nothing about values: its gain may be the edit's.
    """
    import optuna  # here, because it takes 0.2 s that no other backend needs

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
    study = optuna.create_study(sampler=sampler)
    worst = max((-each.gain for each in trials if each.gain is not None), default=1.0)
    for trial in trials:
        changes = {name: value for name, value in trial.changes.items() if name in constants}
        found = {name: _space(constants[name], value) for name, value in changes.items()}
        spaces: dict[str, optuna.distributions.BaseDistribution] = {
            name: space for name, space in found.items() if space is not None
        }
        if trial.loss is not None and not trial.edits and changes and len(spaces) == len(changes):
            loss = min(trial.loss, worst)
            study.add_trial(optuna.create_trial(params=changes, distributions=spaces, value=loss))
    return study


def suggest(trial: optuna.Trial, constant: Constant) -> Value:
    """Return a value of a constant inside its range, as a person would write it."""
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


def _power_of_two(count: int, low: int, high: int) -> int:
    """Return the power of two nearest to `count`, inside the range where it holds one."""
    power = int(2 ** round(math.log2(count)))
    power = power // 2 if power > high else power
    return power * 2 if power < low else power


def _is_power_of_two(value: Value) -> bool:
    """Sizes such as 64 or 4,096 stay powers of two; small counts such as a depth of 4 need not."""
    return isinstance(value, int) and value >= 16 and value & (value - 1) == 0
