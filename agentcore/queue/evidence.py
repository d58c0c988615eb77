"""By what is a candidate judged? Its runs beside trunk's, the formula's inputs, the commits: numbers, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from agentcore import format as fmt
from agentcore.queue.guards import Reading, readings
from agentcore.queue.judging import SELF_REPORTED, correlation, holdout_gain, noise, threshold
from agentcore.queue.stacks import besides
from agentcore.state import LabState
from worktrees.statistics import Pool

CERTAIN = 0.999
"""Above this a probability is not written out: it was never as sure as its digits."""

Facts = list[tuple[str, str]]
"""(label, text)."""


@dataclass(frozen=True)
class SeedPair:
    """One seed of a confirmation; a score is None before its run has ended."""

    seed: int
    own: float | None
    trunk: float | None


@dataclass(frozen=True)
class Formula:
    """A verdict with what went into it. σ and ρ are today's: later runs have sharpened them."""

    gain: float
    standard_error: float
    z: float
    threshold: float
    """Standard errors that this many seeds need today."""
    interval: tuple[float, float]
    """Of 95 %."""
    probability: float
    """That the true gain is positive."""
    expected: float | None
    """The gain shrunk towards zero by how little is known of it."""
    seeds: int
    trunk_runs: int
    sigma: float | None
    sigma_used: float | None
    """One standard error on the pessimistic side."""
    dof: int
    rho: float
    """Correlation of equal seeds."""


@dataclass(frozen=True)
class Evidence:
    """What a candidate rests on."""

    experiment: int
    pairs: tuple[SeedPair, ...]
    mean: float | None
    """Of its own confirmation runs."""
    trunk_mean: float | None
    """Of trunk's runs of the same seeds."""
    formula: Formula | None
    """None before there is a verdict."""
    base: str
    """The trunk that it was rebased on."""
    commit: str
    tree: str
    besides: str
    """The others that were measured with it, in words."""
    landing: str
    """What a merge moves trunk to; empty unless it is READY or was."""
    on_today: bool
    """True where trunk is still the one that it was rebased on."""
    guards: tuple[Reading, ...]
    self_reported: bool
    """True where the scores are what the training printed of itself."""
    memory_mb: float | None
    tokens_per_s: float | None
    """Of its screening run."""


def evidence(state: LabState, number: int) -> Evidence:
    """Return what is known of a candidate."""
    candidate, experiment = state.candidates[number], state.experiments[number]
    own, trunk = state.pools.get(candidate.tree, {}), state.pools.get(candidate.trunk_tree, {})
    pairs = tuple(SeedPair(seed, own.get(seed), trunk.get(seed)) for seed in candidate.seeds)
    run = state.runs[experiment.run] if experiment.run is not None else None
    return Evidence(
        experiment=number,
        pairs=pairs,
        mean=_mean([pair.own for pair in pairs]),
        trunk_mean=_mean([pair.trunk for pair in pairs]),
        formula=_formula(state, number, trunk),
        base=candidate.trunk,
        commit=candidate.commit,
        tree=candidate.tree,
        besides=besides(candidate),
        landing=candidate.landing,
        on_today=state.trunk is not None and candidate.trunk == state.trunk.commit,
        guards=readings(state, candidate),
        self_reported=state.config is not None and state.config.self_reported,
        memory_mb=(run.peak_mb or None) if run else None,
        tokens_per_s=run.tokens_per_s if run else None,
    )


def measured(found: Evidence) -> Facts:
    """Return the runs and the tree in words."""
    facts: Facts = []
    if found.pairs:
        own = "  ".join(fmt.score(pair.own) for pair in found.pairs)
        trunk = "  ".join(fmt.score(pair.trunk) for pair in found.pairs)
        facts.append(("seeds", f"{own}   mean {fmt.score(found.mean)}"))
        facts.append(("trunk", f"{trunk}   mean {fmt.score(found.trunk_mean)}, same seeds"))
    facts += [("guard", each.text) for each in found.guards]
    if found.self_reported:
        facts.append(("score", f"{SELF_REPORTED}: agents' own code prints it; read the diff"))
    if found.commit:
        times = fmt.count(sum(pair.own is not None for pair in found.pairs), "time")
        moved = "" if found.on_today else "; trunk has moved on"
        tree = f"rebased on {fmt.short(found.base)} as {fmt.short(found.commit)}, trained {times}{moved}"
        facts.append(("tree", f"{fmt.short(found.tree)} {tree}"))
    if found.besides:
        facts.append(("stack", f"measured with {found.besides}: the gain is of all of them"))
    return facts


def calculated(state: LabState, found: Evidence) -> Facts:
    """Return the verdict, what went into it, and the hidden hold-out. Goes through all runs."""
    facts: Facts = []
    if formula := found.formula:
        low, high = (fmt.gain(each) for each in formula.interval)
        asked = f"{fmt.sigmas(formula.z)}σ of {formula.threshold:g} asked"
        sure = f"95 % {low} to {high}, better with {_sure(formula.probability)}"
        facts.append(("verdict", f"gain {_gain_with_error(formula)}, {asked}; {sure}"))
        if formula.expected is not None:
            facts.append(("expect", f"{fmt.gain(formula.expected)}, shrunk by how little is known of it"))
        sides = f"{fmt.count(formula.seeds, 'seed')} against {fmt.count(formula.trunk_runs, 'run')} of trunk"
        spread = f"σ {formula.sigma:.4f} taken as {formula.sigma_used:.4f}" if formula.sigma else "σ not known"
        facts.append(("inputs", f"{sides}; {spread} (dof {formula.dof}); correlation of seeds {formula.rho:.2f}"))
    if found.pairs and (hidden := holdout_gain(state, state.candidates[found.experiment])) is not None:
        facts.append(("hold-out", f"gain {fmt.gain(hidden)} on the hidden text"))
    if found.landing:
        facts.append(("landing", f"{fmt.short(found.landing)} on {fmt.short(found.base)}"))
    return facts


def gain_with_error(state: LabState, number: int) -> str:
    """Return a candidate's gain in words: `+.0012 ±.0003 (4.2σ)`; empty before there is a verdict."""
    verdict = state.candidates[number].verdict
    if verdict is None or not verdict.standard_error:
        return ""
    return f"{fmt.gain(verdict.gain)} ±{fmt.score(verdict.standard_error)} ({fmt.sigmas(verdict.z)}σ)"


def _sure(probability: float) -> str:
    return "over 99.9 %" if probability > CERTAIN else f"{100 * probability:.1f} %"


def _gain_with_error(formula: Formula) -> str:
    return f"{fmt.gain(formula.gain)} ±{fmt.score(formula.standard_error)}"


def _formula(state: LabState, number: int, trunk: Pool) -> Formula | None:
    verdict, spread = state.candidates[number].verdict, noise(state)
    if verdict is None or not verdict.standard_error:
        return None
    return Formula(
        gain=verdict.gain,
        standard_error=verdict.standard_error,
        z=verdict.z,
        threshold=threshold(state, len(verdict.seeds)),
        interval=verdict.interval,
        probability=verdict.probability,
        expected=verdict.shrunk(spread) if spread else None,
        seeds=len(verdict.seeds),
        trunk_runs=len(trunk),
        sigma=spread.sigma if spread else None,
        sigma_used=spread.used if spread else None,
        dof=spread.dof if spread else 0,
        rho=correlation(state),
    )


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return fmean(known) if known else None
