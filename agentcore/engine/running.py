"""How does a run get from the plan to its result?

The RunStarted row is written first; then a clean checkout is made and a shim takes it over. From there on the run
belongs to its folder: the engine only looks whether it has ended. A new engine looks in the same way, so adoption is
not a special case.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from agentcore import events as ev
from agentcore.engine.contention import TIMES, Contention, applies, contention, speed_of
from agentcore.engine.gone import gone
from agentcore.engine.lab import Lab
from agentcore.engine.walls import absent, hidden, memory_mb, run_uid, shown
from agentcore.plan import StartRun
from agentcore.state import Run
from worktrees import leftovers
from worktrees.project import Guard
from worktrees.repository import Gone
from worktrees.runs import LARGE, SCORING, Ending, Reading, RunFolder, RunResult, RunSpec, Stage, Walls, write_json
from worktrees.slots import Slot
from worktrees.speed import part_of

CPU_CAP, CPU_CAP_RUNS = 1.5, 3
"""CPU seconds of a training, as a multiple of the first trunk's median once it has so many runs."""

LOSSES = 3
"""A run that was lost so often has crashed."""


async def start(lab: Lab, action: StartRun) -> None:
    """Announce a run and start it."""
    number = len(lab.state.runs) + 1
    lab.record(
        ev.RunStarted(
            run=number,
            purpose=action.purpose,
            experiment=action.experiment,
            commit=action.commit,
            tree=action.tree,
            seed=action.seed,
            scale=lab.state.retest_settings.scale if action.purpose in LARGE else 1,
            slot=action.slot,
            fraction=action.fraction,
        )
    )
    await _launch(lab, lab.state.runs[number])


async def collect(lab: Lab) -> None:
    """Record the result of every run that has ended, and take up those that an earlier engine left half started."""
    lost = gone(lab.state)
    for run in sorted(lab.state.active.values(), key=lambda run: run.number):
        folder = lab.paths.run(run.number)
        match lab.executor.look(folder):
            case "ended":
                result = folder.read_result()
                assert result is not None, "ended means that the result is there"
                if result.ending == "ok" or run.stopped:
                    await _finish(lab, run, result)
                elif lab.watch.knows(run.number, run.slot, lab.clock()):
                    if lab.watch.is_silent(run.slot):
                        _lighten(lab, folder)
                        lab.record(_lost(lab, run, f"{run.slot} was gone when it ended ({result.reason})"))
                    else:
                        await _finish(lab, run, result)
            case "absent" if run.stopped:
                _lighten(lab, folder)
                lab.record(_stopped(run))
            case "absent":
                await _launch(lab, run)
            case "lost":
                lab.executor.clear(folder)
                _lighten(lab, folder)
                lab.record(_stopped(run) if run.stopped else _lost(lab, run))
            case "running":
                if run.stopped or run.slot in lost:  # again: a shim that has just been started does not listen yet
                    lab.executor.cancel(folder)


def stop(lab: Lab, run: Run, by: str) -> None:
    """End one run because a person says so; the result arrives by `collect`."""
    lab.record(ev.RunStopped(run.number, by))
    lab.executor.cancel(lab.paths.run(run.number))


def cancel_all(lab: Lab) -> None:
    """Ask every shim to end its run now; the results arrive by `collect`."""
    for run in lab.state.active.values():
        lab.executor.cancel(lab.paths.run(run.number))


async def _launch(lab: Lab, run: Run) -> None:
    folder = lab.paths.run(run.number)
    shutil.rmtree(folder.path, ignore_errors=True)  # what an engine that died between row and start left
    folder.out.mkdir(parents=True)
    try:
        await lab.git(lab.repository.export, run.commit, folder.checkout, lab.frozen)
    except Gone as gone:  # tried again it would hold up all others
        lab.record(_without_result(run, "crash", str(gone)))
        return
    slot = next((slot for slot in lab.state.slots if slot.name == run.slot), lab.state.slots[0])
    write_json(folder.spec, _spec(lab, run, folder, slot))
    lab.executor.submit(folder)


def _spec(lab: Lab, run: Run, folder: RunFolder, slot: Slot) -> RunSpec:
    env = _environment(lab, run, folder, slot)
    commands, profile = lab.project.commands, lab.profile
    longer = run.scale**3  # as many times the FLOPs, where depth and width grow with it

    def scoring(name: str, split: str, score: Path) -> Stage:
        asked = {"NIGHTLAB_VALIDATION": str(lab.paths.data / split), "NIGHTLAB_SCORE": str(score)}
        own = folder.scores if commands.trusts_evaluate else folder.scratch  # no agents' code writes to scores
        asked |= {"HOME": str(own), "TMPDIR": str(own)}
        return Stage(
            name=name,
            argv=lab.project.argv(commands.evaluate),
            env={**env, **asked},
            wall_s=profile.evaluate_wall_s * longer,
            reads=_existing(lab.paths.data / split, train_data),
            is_trusted=commands.trusts_evaluate,
        )

    train_data = lab.paths.data / "train"
    train = lab.project.argv(commands.train, lab.profile_name, run.seed)
    stages = [Stage("train", train, env, profile.train_wall_s * longer, reads=_existing(train_data))]
    if commands.evaluate:
        stages.append(scoring("evaluate", "validation", folder.score))
    moves_trunk = run.purpose not in ("screen", "speed")
    if commands.evaluate and moves_trunk and (lab.paths.data / "holdout").is_dir():  # that is measured twice
        stages.append(scoring("holdout", "holdout", folder.holdout))
    return RunSpec(
        run=run.number,
        purpose=run.purpose,
        commit=run.commit,
        tree=run.tree,
        seed=run.seed,
        scale=run.scale,
        budget=_budget(lab, run),
        slot=slot,
        stages=tuple(stages),
        walls=Walls(
            backend=lab.walls.backend,
            hidden=tuple(map(str, hidden(lab.project))),
            shown=tuple(map(str, shown(lab.project))),
            absent=absent(lab.paths),
            uid=run_uid(lab.paths, [each.name for each in lab.slots], slot.name),
            memory_mb=memory_mb(lab.project, len(lab.slots)),
        ),
        fraction=run.fraction,
        printed=lab.project.metric.pattern,
        guards={name: _reading(name, guard) for name, guard in lab.project.guard.items()},
    )


def _reading(name: str, guard: Guard) -> Reading:
    return Reading(guard.pattern, "" if guard.pattern else guard.key or name)


def _existing(*paths: Path) -> tuple[str, ...]:
    return tuple(str(path) for path in paths if path.is_dir())


def _environment(lab: Lab, run: Run, folder: RunFolder, slot: Slot) -> Mapping[str, str]:
    """The whole environment of a training: the contract with the project, and nothing of the researcher's."""
    return {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder.out),
        "TMPDIR": str(folder.out),
        "OMP_NUM_THREADS": "1" if slot.kind == "cpu" else "8",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": slot.uuid,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        **lab.project.env(lab.profile, run.seed),
        "NIGHTLAB_DATA": str(lab.paths.data / "train"),
        "NIGHTLAB_OUT": str(folder.out),
        "NIGHTLAB_SEED": str(run.seed),
        "NIGHTLAB_BUDGET": _budget(lab, run),
        "NIGHTLAB_SCALE": str(run.scale),
        "NIGHTLAB_DEVICE": slot.kind,
        **_cpu_cap(lab, run, slot),
    }


def _budget(lab: Lab, run: Run) -> str:
    whole = lab.state.retest_settings.budget if run.purpose in LARGE else lab.profile.budget
    return part_of(whole, run.fraction)


def _cpu_cap(lab: Lab, run: Run, slot: Slot) -> Mapping[str, str]:
    """What a budget in FLOPs does not see (lookups, sorting, Python) is bounded by CPU time, set by the first trunk.

    Of a run of the larger size it is bounded only once the first trunk has enough of those; of a fraction of a budget
    by the same fraction.
    """
    state = lab.state
    same = (each for each in state.runs_of(state.baseline_tree) if (each.scale, each.fraction) == (run.scale, 1.0))
    used = [each.train_cpu_s for each in same if each.ending == "ok"]
    if slot.kind != "cpu" or len(used) < CPU_CAP_RUNS:
        return {}
    return {"NIGHTLAB_CPU_CAP_S": f"{CPU_CAP * median(used) * run.fraction:.1f}"}


async def _finish(lab: Lab, run: Run, result: RunResult) -> None:
    doubt = _unbelievable(lab, result)
    speed, other_mb = None, lab.sharing.take(run.number)
    shared: Contention | None = None
    if result.ending == "ok" and not doubt and applies(lab.state, run):
        speed = await asyncio.to_thread(speed_of, lab.paths.run(run.number), result)
        shared = contention(lab.state, run, speed, other_mb)
        _tell(lab, run, shared)
    # Before its end is told: an engine that dies in between does both again.
    await asyncio.to_thread(_lighten, lab, lab.paths.run(run.number))
    is_void = bool(doubt) or (shared is not None and not shared.counts)
    if result.ending == "breach":
        lab.breach = result.reason
    lab.record(
        ev.RunEnded(
            run=run.number,
            ending="invalid" if doubt else "contended" if is_void else _ending(run, result),
            score=None if is_void else result.score,
            reason=doubt or (shared.reason if shared else _why(run, result)),
            train_s=result.stage_s.get("train", 0.0),
            evaluate_s=sum(result.stage_s.get(name, 0.0) for name in SCORING),
            train_cpu_s=result.stage_cpu_s.get("train", 0.0),
            peak_mb=result.peak_mb,
            holdout=None if is_void else result.holdout,
            walls=result.walls,
            checks=result.checks,
            tokens_per_s=speed,
            other_mb=other_mb,
            self_reported=result.self_reported,
            guards={} if is_void else result.guards,
        )
    )


def _lighten(lab: Lab, folder: RunFolder) -> None:
    """Remove the large part of what a run leaves. What stays goes with the lab's other leftovers (housekeeping.py)."""
    for leftover in leftovers.of_run(folder):
        if leftover.kind == "checkout" or all(path.suffix == ".pt" for path in leftover.paths):
            leftovers.remove(lab.paths, leftover)


def _tell(lab: Lab, run: Run, shared: Contention | None) -> None:
    """Say where a run counts though it had not its device to itself, until the slot's next run had."""
    times = f"so it was {TIMES + 1} times, and now it counts; end what else runs there"
    lab.say(f"contended {run.slot}", f"run {run.number}: {shared.reason}; {times}" if shared and shared.counts else "")


def _unbelievable(lab: Lab, result: RunResult) -> str:
    """Return why a score is not believed: no honest model is so good, or so bad."""
    gate, score = lab.state.gate, result.score
    if score is None:
        return ""
    if gate.floor is not None and score < gate.floor:
        return f"invalid: floor: the score {score:.6g} is below {gate.floor:g} ([gate] floor)"
    if gate.ceiling is not None and score > gate.ceiling:
        return f"invalid: ceiling: the score {score:.6g} is above {gate.ceiling:g} ([gate] ceiling)"
    return ""


def _ending(run: Run, result: RunResult) -> Ending:
    return "interrupted" if result.ending == "cancelled" and not run.stopped else result.ending


def _why(run: Run, result: RunResult) -> str:
    if result.ending != "cancelled":
        return result.reason
    return f"stopped by {run.stopped}" if run.stopped else "ended with the lab or the machine: the run is done again"


def _stopped(run: Run) -> ev.RunEnded:
    """A stopped run that left no result: it was not launched yet, or its shim is gone."""
    return _without_result(run, "cancelled", f"stopped by {run.stopped}")


VANISHED = "its shim is gone without a result (killed, or the machine restarted)"


def _lost(lab: Lab, run: Run, why: str = VANISHED) -> ev.RunEnded:
    """A lost run is done again under a new number, but one that is lost every time is a failure like any other."""
    same = (run.purpose, run.seed, run.fraction)
    times = 1 + sum(
        each.ending == "lost" and (each.purpose, each.seed, each.fraction) == same
        for each in lab.state.runs_of(run.tree)
    )
    if times < LOSSES:
        return _without_result(run, "lost", f"{why}: the run is done again")
    return _without_result(run, "crash", f"lost {times} times, the last: {why}; see {lab.paths.run(run.number).path}")


def _without_result(run: Run, ending: Ending, reason: str) -> ev.RunEnded:
    return ev.RunEnded(run.number, ending, None, reason, 0.0, 0.0, 0.0, 0.0)
