"""Does what helped the small model help a larger one? Pure: from the state to what a retest needs next.

Trunk and the trunk that was last verified are trained at the larger size with the same seeds. A gain makes the merges
since PROVEN; none makes them FADED, which is no reason to take them out; where trunk falls short, bisection over the
trunks between finds the first that does, and the merge that led to it is taken out (retesting.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.events import RetestEnding, RetestVerdict, Step
from agentcore.queue.judging import is_calibrated, new_seeds, noise
from agentcore.queue.verbs import STOPPED, busy
from agentcore.state import LabState, Retest
from worktrees import statistics
from worktrees.statistics import Noise, Verdict

Z = 1.64
"""Standard errors from which a gain holds at the larger size; as far below zero a trunk falls short."""
DOF_MIN = 3
"""Degrees of freedom from which the larger size's own noise is believed."""
STAND_IN = 2.0
"""Until then its σ is taken as so many times that of the small size."""
TOLD: tuple[RetestEnding, ...] = ("LEFT", "FAILED")
"""Endings of which a person is told: the same merges are not tried again by themselves."""
Run = tuple[str, str, int]
"""(commit, tree, seed)."""


def next_event(state: LabState, *, may_start: bool) -> ev.RetestStarted | ev.RetestJudged | None:
    """Return what is to be recorded now: a retest that is due, or the verdict on a step whose runs are complete."""
    if not is_calibrated(state) or busy(state):
        return None
    retest = state.retest
    if retest is None:
        return begin(state, "engine") if may_start and _is_due(state) else None
    step = _probe(retest)
    if step is None or ending(state) or _missing(state, retest, step):
        return None
    return _judge(state, retest, step)


def needs_git(state: LabState) -> bool:
    """Return True where the open retest is to be ended, or goes on with a commit of its own."""
    if not is_calibrated(state) or busy(state) or state.retest is None or state.trunk is None:
        return False
    prepared = state.retest.prepared
    if ending(state):
        return True
    if STOPPED in state.warnings:
        return False
    if prepared is not None and prepared.old == state.trunk.commit:
        return bool(state.pools.get(prepared.tree))
    return culprit(state.retest) is not None


def ending(state: LabState) -> tuple[RetestEnding, str] | None:
    """Return how the open retest ends, and why; None while it goes on."""
    retest = state.retest
    if retest is None:
        return None
    if retest.steps[-1].commit not in {step.commit for step in state.line}:
        return "DROPPED", f"trunk {retest.steps[-1].commit[:7]} was taken back"
    if retest.judged and retest.judged[0].word != "SHORT":
        return retest.judged[0].word, retest.judged[0].reason
    for step in (0, _probe(retest) or 0):
        tree, commit = retest.steps[step].tree, retest.steps[step].commit
        reasons = state.large_failed.get(tree, ())
        if len(reasons) >= 2:
            return "FAILED", f"no verdict: trunk {commit[:7]} failed twice at the larger size, the last {reasons[-1]}"
    found = culprit(retest)
    if found is None:
        return None
    experiments = retest.steps[found].experiments
    if len(experiments) != 1:
        who = " or ".join(f"#{number}" for number in experiments) or "a move of trunk by hand"
        return "LEFT", f"{who} made trunk worse at the larger size; no single change can be taken out"
    if retest.prepared and (reason := state.broken(retest.prepared.tree)):
        return "LEFT", f"trunk without #{experiments[0]} does not train: {reason}"
    return None


def culprit(retest: Retest) -> int | None:
    """Return the first step whose trunk falls short, once it is known."""
    low, high = _bracket(retest)
    return high if retest.judged and high - low == 1 and high in _short(retest) else None


def large_runs(state: LabState) -> Iterator[Run]:
    """Yield the runs of the larger size that the open retest lacks."""
    retest = state.retest
    if retest is None or ending(state):
        return
    step = _probe(retest)
    if step is not None:
        yield from _missing(state, retest, step)


def small_runs(state: LabState) -> Iterator[Run]:
    """Yield the one small run that a revert waits for."""
    prepared = state.retest.prepared if state.retest else None
    if prepared is None or state.trunk is None or prepared.old != state.trunk.commit:
        return
    if not state.pools.get(prepared.tree) and not state.broken(prepared.tree):
        yield prepared.new, prepared.tree, new_seeds(1, [])[0]


def doing(state: LabState) -> str:
    """Return in words what the open retest is at; an empty string where none is open."""
    retest = state.retest
    if retest is None:
        return ""
    if retest.prepared:
        return f"trunk without #{retest.prepared.experiment} is run once at the small size"
    if not retest.judged:
        return f"trunk {retest.steps[-1].commit[:7]} is trained at {retest.scale} times the size"
    low, high = _bracket(retest)
    return f"trunk fell short: the cause is looked for among {high - low} moves of trunk"


def refusal(state: LabState) -> str:
    """Return why no retest can begin now, or an empty string."""
    if not state.retest_settings.budget:
        return "this lab has no larger size: set [retest] budget in lab.toml"
    if state.engine is not None and state.engine.walls == "none":
        return "this lab runs without a sandbox (--no-sandbox): nothing is verified"
    if STOPPED in state.warnings:
        return f"promotions have stopped: {state.warnings[STOPPED]}"
    if not is_calibrated(state) or busy(state):
        return "trunk is being measured or moved: ask again in a while"
    if state.retest is not None:
        return f"retest {state.retest.number} is on its way"
    if len(_steps(state)) < 2:
        return "trunk has not moved since it was last verified"
    return ""


def begin(state: LabState, by: str) -> ev.RetestStarted:
    """Return the start of a retest of today's trunk; `refusal` must have nothing against it."""
    settings = state.retest_settings
    seeds = tuple(new_seeds(settings.seeds, []))
    return ev.RetestStarted(len(state.retests) + 1, _steps(state), seeds, settings.scale, settings.budget, by)


def large_noise(state: LabState) -> tuple[Noise, str]:
    """Return the spread of runs of one tree at the larger size, and where the figure is from."""
    own, small = statistics.pooled_noise(state.large.values()), noise(state)
    if own is not None and own.dof >= DOF_MIN:
        return own, f"σ {own.sigma:.4f} from {own.dof} degrees of freedom at the larger size"
    assert small is not None, "retests start after calibration"
    return Noise(STAND_IN * small.sigma, small.dof), f"σ taken as {STAND_IN:g} times the small size's {small.sigma:.4f}"


def compare(state: LabState, base: str, tree: str, seeds: tuple[int, ...]) -> tuple[Verdict, str]:
    """Compare two trees' runs of the larger size, seed by seed; return the verdict and where its σ is from.

    The correlation of equal seeds is not known there, so none is counted on. Raises KeyError where a run is missing.
    """
    assert state.config is not None, "retests start after calibration"
    first, second = ({seed: state.large[each][seed] for seed in seeds} for each in (base, tree))
    spread, source = large_noise(state)
    is_lower = state.config.lower_is_better
    return statistics.confirm(first, second, spread, 0.0, lower_is_better=is_lower, threshold=Z), source


def _judge(state: LabState, retest: Retest, step: int) -> ev.RetestJudged:
    base, tried = retest.steps[0], retest.steps[step]
    verdict, source = compare(state, base.tree, tried.tree, retest.seeds)
    word: RetestVerdict = "PROVEN" if verdict.z >= Z else "SHORT" if verdict.z <= -Z else "FADED"
    runs = tuple(
        run.number
        for tree in {base.tree, tried.tree}
        for run in state.runs_of(tree)
        if run.purpose == "retest" and run.seed in retest.seeds
        if run.score is not None and run.harness == state.large_harness
    )
    reason = (
        f"gain {fmt.gain(verdict.gain)} ({fmt.sigmas(verdict.z)}σ) at {retest.scale} times the size, "
        f"{tried.commit[:7]} against {base.commit[:7]}; {source}"
    )
    return ev.RetestJudged(retest.number, step, word, verdict, tuple(sorted(runs)), reason)


def merges_left(state: LabState) -> int | None:
    """Return after how many more promotions a retest begins by itself; None where none does."""
    settings = state.retest_settings
    if not settings.budget or not settings.every or state.gate.mode == "hold":
        return None
    told = {number for each in state.retests if _is_told(each) for number in _experiments(each.steps)}
    merged = [n for n in _experiments(_steps(state)) if state.candidates[n].state == "MERGED" and n not in told]
    return max(0, settings.every - len(merged))


def _is_due(state: LabState) -> bool:
    return not refusal(state) and merges_left(state) == 0


def _is_told(retest: Retest) -> bool:
    """True where a person knows how it ended, so that the same merges are no reason for another one."""
    return retest.word in TOLD or (retest.word == "DROPPED" and retest.ended_by != "engine")


def _experiments(steps: tuple[Step, ...]) -> list[int]:
    return [number for step in steps[1:] for number in step.experiments]


def _steps(state: LabState) -> tuple[Step, ...]:
    """Return trunk's line from the last verified trunk that it still holds, or from the first trunk."""
    base = max((index for index, step in enumerate(state.line) if step.commit in state.verified), default=0)
    return state.line[base:]


def _short(retest: Retest) -> set[int]:
    return {each.step for each in retest.judged if each.word == "SHORT"}


def _bracket(retest: Retest) -> tuple[int, int]:
    """Return (the last step that is known not to fall short, the first that is known to, or the one that is tried)."""
    short = _short(retest)
    fine = {each.step for each in retest.judged} - short
    return max(fine, default=0), min(short, default=len(retest.steps) - 1)


def _probe(retest: Retest) -> int | None:
    """Return the step whose runs are asked for: first the last one, then the middle of the bracket."""
    if not retest.judged:
        return len(retest.steps) - 1
    low, high = _bracket(retest)
    return (low + high) // 2 if retest.judged[0].word == "SHORT" and high - low > 1 else None


def _missing(state: LabState, retest: Retest, step: int) -> list[Run]:
    sides = (retest.steps[0], retest.steps[step])
    lacking = (
        (side.commit, side.tree, seed)
        for seed in retest.seeds
        for side in sides
        if seed not in state.large.get(side.tree, {})
    )
    return list(dict.fromkeys(lacking))
