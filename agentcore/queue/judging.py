"""What do the runs say? Pure: from the state to the event that records the answer."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from immutables import Map

from agentcore.events import CandidateState, ExperimentDecided, Outcome
from agentcore.journal.latest import latest
from agentcore.queue import guards
from agentcore.state import Candidate, Experiment, LabState, Merge
from worktrees import statistics
from worktrees.runs import Ending
from worktrees.statistics import Noise, Pool, Verdict

SELF_REPORTED = "self-reported"
"""What is shown beside scores that the training, code which agents edit, printed itself."""

_OUTCOMES: dict[Ending, Outcome] = {
    "crash": "crash",
    "nan": "nan",
    "timeout": "timeout",
    "cancelled": "cancelled",
    "no_score": "crash",
    "invalid": "invalid",
}


def noise(state: LabState) -> Noise | None:
    """Return the lab's noise from every pool; None before two runs of one tree exist."""
    return _noise(state.pools)


@latest
def _noise(pools: Map[str, Pool]) -> Noise | None:
    return statistics.pooled_noise(pools.values())


def is_calibrated(state: LabState) -> bool:
    """Return True once trunk has a number and the lab knows its noise: before, nothing can be judged."""
    if state.trunk is None:
        return False
    first = state.trunk.tree == state.baseline_tree
    wanted = state.gate.calibration_runs if first else 1
    return len(state.pools.get(state.trunk.tree, {})) >= wanted and noise(state) is not None


def decide(state: LabState, experiment: Experiment) -> ExperimentDecided:
    """Return the outcome of an experiment whose screening run has ended.

    Its score is compared with the pool of the tree that it was written on, never with a recorded best.
    """
    run = state.runs[experiment.run] if experiment.run is not None else None
    if run is None or run.ending is None:
        raise ValueError(f"experiment {experiment.number} has no ended run")
    if run.score is None:
        outcome = _OUTCOMES.get(run.ending, "crash")
        return ExperimentDecided(experiment.number, outcome, None, None, None, run.reason)
    verdict = _screen(state, state.pools[experiment.base_tree], run.score)
    if reason := guards.screened(state, experiment, run):
        return ExperimentDecided(experiment.number, "drop", run.score, verdict.gain, verdict.z, reason)
    if verdict.passed or experiment.removed <= experiment.added or verdict.z <= state.gate.z_simpler:
        outcome = "keep" if verdict.passed else "drop"
        return ExperimentDecided(experiment.number, outcome, run.score, verdict.gain, verdict.z, "")
    reason = f"simpler: {fewer_lines(experiment)}, it must not be worse"
    return ExperimentDecided(experiment.number, "keep", run.score, verdict.gain, verdict.z, reason, simpler=True)


def fewer_lines(experiment: Experiment) -> str:
    """Return how many lines a simplification takes away, in words."""
    fewer = experiment.removed - experiment.added
    return f"{fewer} line{'' if fewer == 1 else 's'} fewer"


def judge(state: LabState, candidate: Candidate) -> tuple[CandidateState, Verdict]:
    """Return what a candidate's confirmation says, once every seed that is due has run on both sides."""
    verdict = measure(state, candidate, seeds_due(state, candidate))
    if candidate.simpler and statistics.is_not_worse(verdict, _margin(state)):
        verdict = replace(verdict, passed=True)
    if verdict.passed:
        if guards.broken(state, candidate):
            return "REJECTED", verdict
        return ("BLOCKED" if doubt(state, candidate, verdict.gain) else "READY"), verdict
    return ("NOISE" if verdict.z >= state.gate.z_near_miss else "REJECTED"), verdict


def seeds_due(state: LabState, candidate: Candidate) -> tuple[int, ...]:
    """Return the seeds that a candidate is judged by, as far as is known now.

    A simplification has more of them than others. After as many as others have it goes on only while its estimate is
    within the margin: to end there can only turn it away, so nothing worse gets through.
    """
    if not candidate.simpler:
        return candidate.seeds
    first = candidate.seeds[: state.gate.confirm_seeds]
    if not _have_run(state, candidate, first):
        return first
    return first if measure(state, candidate, first).gain <= -_margin(state) else candidate.seeds


def is_measured(state: LabState, candidate: Candidate) -> bool:
    """Return True where every seed that is due has a score on both sides, so that the candidate can be judged."""
    return _have_run(state, candidate, seeds_due(state, candidate))


def _have_run(state: LabState, candidate: Candidate, seeds: tuple[int, ...]) -> bool:
    both = state.pools.get(candidate.tree, {}).keys() & state.pools.get(candidate.trunk_tree, {}).keys()
    return set(seeds) <= both


def _margin(state: LabState) -> float:
    """What a simplification may lose, in units of the score."""
    spread = noise(state)
    assert spread is not None, "confirmations start after calibration"
    return state.gate.simpler_margin * spread.sigma


def measure(state: LabState, candidate: Candidate, seeds: tuple[int, ...]) -> Verdict:
    """Return what these seeds say of a candidate; both sides must have run them."""
    runs = state.pools[candidate.tree]
    spread = noise(state)
    assert spread is not None and state.config is not None, "confirmations start after calibration"
    return statistics.confirm(
        state.pools[candidate.trunk_tree],
        {seed: runs[seed] for seed in seeds},
        spread,
        correlation(state),
        lower_is_better=state.config.lower_is_better,
        threshold=threshold(state, len(seeds)),
    )


MORE_SEEDS, MOST_SEEDS = 3, 9
"""What one `verify` adds to a confirmation, and how many seeds it may come to."""
SECOND_LOOK, THIRD_LOOK = (6, 1.96), (9, 2.24)
"""(seeds up to which it holds, standard errors). Whoever looks again until it passes must ask for more each time."""


def threshold(state: LabState, seeds: int = 0) -> float:
    """Return the standard errors at which a confirmation by that many seeds passes today: the gate's, or more."""
    first = max(state.gate.z_confirm, state.threshold)
    if seeds <= state.gate.confirm_seeds:
        return first
    return max(first, SECOND_LOOK[1] if seeds <= SECOND_LOOK[0] else THIRD_LOOK[1])


def more_seeds(state: LabState, candidate: Candidate) -> tuple[int, ...]:
    """Return the next fresh seeds of a confirmation: those that trunk ran already first, as at its beginning."""
    pool = sorted(state.pools.get(candidate.trunk_tree, {}))
    known = [seed for seed in pool if seed not in candidate.seeds]
    return tuple(known + new_seeds(MORE_SEEDS, [*pool, *candidate.seeds]))[:MORE_SEEDS]


def complete_pairs(state: LabState, candidate: Candidate) -> tuple[int, ...]:
    """Return the seeds of a candidate's confirmation that both sides have run under today's harness."""
    both = state.pools.get(candidate.tree, {}).keys() & state.pools.get(candidate.trunk_tree, {}).keys()
    return tuple(seed for seed in candidate.seeds if seed in both)


COUNTED_SEEDS = 3
"""Below so many the gain of a merge that a person forced stays outside of every total."""


def claimed(state: LabState, merge: Merge) -> Verdict | None:
    """Return the verdict by which a merge counts in totals; None for one that is taken back, or forced too early.

    A forced one counts once three seeds have run on both sides, whatever they say: trunk's own runs add to them. What
    came in for being simpler counts where it lost something, and where it won by the rule of all others.
    """
    if merge.undone:
        return None
    if not merge.forced:
        verdict = merge.verdict
        is_luck = verdict is not None and verdict.gain > 0 and not state.candidates[merge.experiment].is_win
        return None if is_luck else verdict
    if merge.verdict and len(merge.verdict.seeds) >= COUNTED_SEEDS:
        return merge.verdict
    candidate = state.candidates[merge.experiment]
    both = state.pools.get(candidate.tree, {}).keys() & state.pools.get(candidate.trunk_tree, {}).keys()
    return measure(state, candidate, tuple(sorted(both))) if len(both) >= COUNTED_SEEDS else None


TIGHTER = ((0.5, 2.33), (0.2, 1.96))
"""(share of passed confirmations that may be false, threshold above it), strictest first: one in 100, one in 40."""
TIGHTEN_AFTER = 20
"""Confirmations before which the meter is not trusted."""


def meter(state: LabState) -> float | None:
    """Return an upper bound on the share of passed confirmations that are no gain; None before the first one.

    By verdicts that passed and not by merges: what is READY while the researcher sleeps is no less true.
    """
    tally = state.tally
    if not tally.confirmations:
        return None
    return statistics.false_share(tally.confirmations, tally.negative, tally.passed, state.gate.z_confirm)


def threshold_due(state: LabState) -> float:
    """Return the standard errors that the meter asks for.

    A search that has dried up proposes ideas without effect, of which one in twenty passes: then more is asked.
    """
    share, least = meter(state) or 0.0, state.gate.z_confirm
    if not state.gate.tighten or state.tally.confirmations < TIGHTEN_AFTER:
        return least
    return max([least, *(asked for limit, asked in TIGHTER if share > limit)])


def doubt(state: LabState, candidate: Candidate, gain: float) -> str:
    """Return why a gain must not move trunk before a person has looked at it, or an empty string."""
    if candidate.released:
        return ""
    limit = state.gate.max_gain
    if limit is not None and gain > limit:
        return f"gain {gain:+.4f} is above max_gain {limit:g}: too good to be true until somebody has read the diff"
    hidden = holdout_gain(state, candidate)
    if hidden is not None and hidden <= (-_margin(state) if candidate.simpler else 0.0):
        return "the hidden hold-out shows no gain: what helped may be the validation text"
    return ""


def second_chance(state: LabState) -> Candidate | None:
    """Return the near miss that is tried again on today's trunk: one for each promotion, the best, and each once.

    What was promoted may be what it lacked, and no agent is needed to find out. A promotion that was taken back gives
    none; on the trunk that it missed on there is nothing new to learn of it.
    """
    if state.trunk is None or not state.merges or state.merges[-1].undone:
        return None
    today = state.trunk.commit
    if any(each.retried == len(state.merges) for each in state.candidates.values()):
        return None
    near = [each for each in state.candidates.values() if _may_try_again(each, today)]
    return max(near, key=lambda each: each.verdict.z if each.verdict else 0.0, default=None)


def _may_try_again(candidate: Candidate, trunk: str) -> bool:
    is_near = candidate.state == "NOISE" and candidate.verdict is not None
    return is_near and not candidate.retried and candidate.trunk != trunk


def is_worn_out(state: LabState, candidate: Candidate) -> bool:
    """Return True where trunk moved under a candidate so often that it is not confirmed once more."""
    return candidate.state == "STALE" and candidate.confirmations > state.gate.max_reconfirm


def reworks(state: LabState, number: int) -> int:
    """Return how often an agent has written a candidate's idea again because it did not fit on trunk any more."""
    times = 0
    while True:
        earlier = state.experiments[number].detail.get("rework_of")  # an agent may name what it likes
        if not isinstance(earlier, int) or earlier >= number or earlier not in state.candidates:
            return times
        number, times = earlier, times + 1


def holdout_gain(state: LabState, candidate: Candidate) -> float | None:
    """Return the gain on the hidden hold-out over the seeds that both sides ran, None where there are none."""
    assert state.config is not None, "confirmations start after calibration"
    sides = []
    for tree in (candidate.trunk_tree, candidate.tree):
        runs = (run for run in state.runs_of(tree) if run.harness == state.harness)
        sides.append({run.seed: run.holdout for run in runs if run.purpose != "screen" and run.holdout is not None})
    trunk, own = sides
    both = trunk.keys() & own.keys() & set(candidate.seeds)
    if not both:
        return None
    difference = fmean(trunk[seed] - own[seed] for seed in both)
    return difference if state.config.lower_is_better else -difference


def correlation(state: LabState) -> float:
    """Return the same-seed correlation between candidates and the trunks they were confirmed against."""
    return _correlation(state.pools, state.candidates)


@latest
def _correlation(pools: Map[str, Pool], candidates: Map[int, Candidate]) -> float:
    trees = dict.fromkeys((each.tree, each.trunk_tree) for each in candidates.values())  # a stack's count once
    return statistics.seed_correlation((pools.get(own, {}), pools.get(trunk, {})) for own, trunk in trees)


def confirmation_seeds(state: LabState, *, simpler: bool = False) -> tuple[int, ...]:
    """Return the seeds of a confirmation: those that trunk ran already first, then new ones that both sides run.

    `simpler`: of a candidate that must not be worse, which takes more of them than a gain.
    A screening run's seed (see `screening_seed`) can never be among them.
    """
    assert state.trunk is not None, "candidates exist only after trunk"
    pool = sorted(state.pools.get(state.trunk.tree, {}))
    count = max(state.gate.confirm_seeds, state.gate.simpler_seeds) if simpler else state.gate.confirm_seeds
    return tuple(pool + new_seeds(count, pool))[:count]


def new_seeds(count: int, taken: list[int]) -> list[int]:
    """Return the `count` smallest positive seeds that are not in `taken`."""
    seeds: list[int] = []
    seed = 1
    while len(seeds) < count:
        if seed not in taken:
            seeds.append(seed)
        seed += 1
    return seeds


SCREENING_SEEDS = 1_000_000
"""Screening seeds start here, far above those of pools: a kept experiment's lucky run can never confirm itself."""


def screening_seed(experiment: int) -> int:
    """Return the seed of an experiment's screening run."""
    return SCREENING_SEEDS + experiment


def _screen(state: LabState, pool: Pool, score: float) -> Verdict:
    spread = noise(state)
    assert spread is not None and state.config is not None, "experiments start after calibration"
    return statistics.screen(
        pool,
        score,
        spread,
        lower_is_better=state.config.lower_is_better,
        threshold=state.gate.z_screen,
    )
