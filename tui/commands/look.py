"""Commands that read a lab: they need no engine and change nothing."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any, get_args

from agentcore import format as fmt
from agentcore.away.limits import TELLS, said
from agentcore.events import AgentState
from agentcore.journal.rows import JournalError
from agentcore.overview import Overview, WorktreeRow
from agentcore.overview.observer import Observer
from agentcore.project import importing
from agentcore.queue.judging import SELF_REPORTED
from agentcore.results import file as results_file
from agentcore.results.rows import column, ordered
from agentcore.results.rows import results as results_of
from agentcore.state import Experiment, Import, LabState
from tui.exits import FAILED, NEEDS_PERSON, OK, USAGE, Ending
from tui.moments import moment
from tui.output import print_json, print_table
from tui.place import find_lab
from tui.unified import unified
from worktrees.metrics import tail_text
from worktrees.text import printable

LOG_LINES, LOG_WIDTH = 200, 400
FOLLOW_S = 0.3
AGENT_STATES = get_args(AgentState)


def observe(arguments: Namespace) -> Observer:
    """Return the lab of the current folder (or of --lab), read to its last event."""
    observer = Observer(find_lab(arguments.lab))
    try:
        observer.refresh()
    except (JournalError, ValueError) as error:
        raise Ending(FAILED, str(error)) from error
    return observer


def since_when(text: str, observer: Observer) -> float:
    """Return the past time that a person names: as `moment`, or `away`, since when nobody was there."""
    now = time.time()
    return observer.absent_since(now) if text == "away" else moment(text, now, is_past=True)


def status(arguments: Namespace) -> int:
    """Print where the lab stands."""
    observer, now = observe(arguments), time.time()
    scene = observer.overview(now)
    if arguments.json:
        print_json("status", now, _status(observer, scene))
    elif arguments.needs_you:
        for need in scene.needs:
            print(printable(need.text))
    else:
        _print_status(observer, scene, now)
    return NEEDS_PERSON if arguments.needs_you and scene.needs else OK


def results(arguments: Namespace) -> int:
    """Print every decided experiment, oldest first or as --sort says, or with --by what each agent found."""
    observer = observe(arguments)
    if arguments.by:
        return _by_agent(observer.state, arguments)
    state, rows = observer.state, results_of(observer.state)
    if wanted := {outcome for outcome, asked in (("keep", arguments.kept), ("drop", arguments.dropped)) if asked}:
        rows = tuple(row for row in rows if row.outcome in wanted)
    if arguments.since:
        since = since_when(arguments.since, observer)
        rows = tuple(row for row in rows if row.decided >= since)
    if arguments.sort:
        lower = state.config.lower_is_better if state.config else True
        rows = tuple(ordered(rows, column(arguments.sort), lower_is_better=lower))
    nights = () if arguments.since or arguments.sort else old_nights(state, wanted)
    if arguments.json:
        body = results_file.objects(rows, state) | results_file.old_objects(nights)
        print_json("results", time.time(), body)
    elif arguments.tsv:
        print(results_file.tsv(rows, state), end="")
    else:
        print_table(results_file.TITLES, [results_file.cells(row) for row in rows], right="# VAL GAIN σ MEM MIN ±LINES")
        for night in nights:
            _print_night(state, night)
    return OK


def old_nights(state: LabState, wanted: Collection[str] = ()) -> tuple[Import, ...]:
    """Return the imported nights with their rows of the `wanted` outcomes; of all outcomes where none is named.

    When a row was measured nobody knows, and its score is none of ours: what is sorted, or of a time, has none of them.
    """
    if not wanted:
        return state.imports
    return tuple(
        replace(night, rows=tuple(row for row in night.rows if row.outcome in wanted)) for night in state.imports
    )


def _print_night(state: LabState, night: Import) -> None:
    lower = state.config.lower_is_better if state.config else True
    print(f"\nimported from {printable(night.source)}, {fmt.clock(night.at)} by {night.by}: history, not measured here")
    cells = [
        [
            row.commit,
            row.outcome.upper(),
            fmt.score(row.score),
            fmt.gain(gain),
            fmt.memory(row.memory_gb * 1024 or None),
            row.idea,
        ]
        for row, gain in importing.steps(night.rows, lower_is_better=lower)
    ]
    print_table(("COMMIT", "OUTCOME", "VAL", "GAIN", "MEM", "IDEA"), cells, right="VAL GAIN MEM")


def diff(arguments: Namespace) -> int:
    """Print what a worktree changes now, or what an experiment or an imported commit changed, as a unified diff."""
    from worktrees import diff as diffs  # here: pygit2 is not needed by the other commands

    observer, name = observe(arguments), arguments.what
    if name in observer.state.worktrees:
        found = observer.diff_of(name)
    elif old := importing.linked(observer.state, name):
        found = diffs.of_commit(observer.paths.root, old)
    else:
        experiment = find_experiment(observer.state, name)
        found = diffs.between(observer.paths.root, experiment.base, experiment.commit)
    print(unified(found), end="")
    return OK


def log(arguments: Namespace) -> int:
    """Print the end of what a run printed: of an experiment, or of what a worktree's slot does now."""
    observer = observe(arguments)
    state = observer.state
    if arguments.what in state.worktrees:
        slot = state.worktrees[arguments.what].slot
        runs = [run.number for run in state.runs.values() if run.slot == slot]
        number = max(runs, default=None)
    else:
        number = find_experiment(state, arguments.what).run
    if number is None:
        raise Ending(FAILED, f"{arguments.what} has no run yet")
    for line in tail_text(observer.paths.run(number).log, arguments.lines, LOG_WIDTH):
        print(line)
    return OK


def transcript(arguments: Namespace) -> int:
    """Print what a worktree's agent did for its newest proposal; with -f go on with this one and all that follow."""
    from agentcore.brief.transcript import Tail  # here: these two are for this command alone
    from tui.steps import step_line

    observer = observe(arguments)
    worktree = observer.state.worktrees.get(arguments.worktree)
    if worktree is None:
        known = ", ".join(sorted(observer.state.worktrees)) or "none yet"
        raise Ending(USAGE, f"{arguments.worktree!r} is no worktree ({known})")
    number = arguments.number or worktree.asked
    tail = Tail(observer.paths.transcript(worktree.name, number))
    if not tail.path.exists() and number < worktree.asked:
        raise Ending(FAILED, f"transcript {number} of {worktree.name} is gone: nightlab audit verify says how")
    if not tail.path.exists() and not arguments.follow:
        raise Ending(FAILED, f"{worktree.name} has no transcript {number or ''} yet; the search agent's hold one line")
    while True:
        for step in tail.read():
            row = {"at": step.at, "kind": step.kind, **step.fields}
            print(json.dumps(row, ensure_ascii=False) if arguments.json else step_line(step), flush=True)
        if not arguments.follow:
            return OK
        following = observer.paths.transcript(worktree.name, number + 1)
        if following.exists():
            number, tail = number + 1, Tail(following)
        else:
            time.sleep(FOLLOW_S)


def _by_agent(state: LabState, arguments: Namespace) -> int:
    from agentcore.results.comparison import caveats, compare  # here: no other command compares agents
    from tui.by_agent import print_comparison

    if arguments.tsv or arguments.kept or arguments.dropped or arguments.since or arguments.sort:
        raise Ending(USAGE, "--by agent counts every experiment: it goes with --json only")
    records = compare(state)
    if arguments.json:
        body = {"by": arguments.by, "agents": [asdict(each) for each in records], "caveats": list(caveats(records))}
        print_json("results", time.time(), body)
    else:
        print_comparison(records)
    return OK


def find_experiment(state: LabState, name: str) -> Experiment:
    """Return the experiment that is called `12` or `#12`. Raises Ending."""
    try:
        number = int(name.removeprefix("#"))
    except ValueError:
        known = ", ".join(sorted(state.worktrees)) or "none yet"
        raise Ending(USAGE, f"{name!r} is neither a worktree ({known}) nor an experiment such as #12") from None
    if number not in state.experiments:
        last = len(state.experiments)
        raise Ending(USAGE, f"there is no experiment #{number}; " + (f"the last is #{last}" if last else "none yet"))
    return state.experiments[number]


def _status(observer: Observer, scene: Overview) -> dict[str, Any]:
    state = observer.state
    return {
        "lab": scene.name,
        "metric": scene.metric,
        "self_reported": scene.self_reported,
        "trunk": asdict(scene.trunk) if scene.trunk else None,
        "noise": {"sigma": scene.noise.sigma, "dof": scene.noise.dof} if scene.noise else None,
        "calibration": list(scene.calibration) if scene.calibration else None,
        "experiments": scene.experiments,
        "kept": scene.kept,
        "merged": scene.merged,
        "forced": scene.forced,
        "claimed_gain": scene.claimed,
        "pinned": dict(state.pinned),
        "gate": state.gate.mode,
        "away": asdict(state.away) if state.away else None,
        "confirmation": asdict(scene.gate),
        "verified": asdict(scene.verified) if scene.verified else None,
        "retest": asdict(scene.retest) if scene.retest else None,
        "speed": asdict(scene.speed) if scene.speed else None,
        "engine": {"alive": observer.engine_alive(), "pid": state.engine.pid if state.engine else None},
        "cost": asdict(scene.cost),
        "slots": [asdict(use) for use in scene.slots],
        "agents": {"by": dict(state.agents.agents), "reason": state.agents.reason} if state.agents else None,
        "prompts": state.prompts,
        "worktrees": [{**asdict(row), "waiting_for": _waiting_for(state, row)} for row in scene.rows],
        "queue": [asdict(row) for row in scene.queue],
        "needs_you": [asdict(need) for need in scene.needs],
    }


def _waiting_for(state: LabState, row: WorktreeRow) -> str:
    if row.run is not None:
        return "its run"
    if row.state == "WAIT":
        return "a free slot"
    if row.state in AGENT_STATES:
        return "its agent" if row.state != "LIMIT" else f"its model's provider: {row.agent_text}"
    return state.worktrees[row.worktree].paused


def _print_status(observer: Observer, scene: Overview, now: float) -> None:
    trunk = scene.trunk
    if trunk is None:
        print("The lab has not been started yet: nightlab start")
        return
    number = fmt.score(trunk.score) if trunk.score is not None else "no number yet"
    gain = f" ({trunk.gain_percent:+.1f}%)" if trunk.gain_percent else ""
    forced = f" ({scene.forced} forced)" if scene.forced else ""
    sigma = f"  σ {scene.noise.sigma:.4f} (dof {scene.noise.dof})" if scene.noise else ""
    print(
        f"{scene.name}  trunk {trunk.commit[:7]} {number}{gain}{sigma}"
        f"  {scene.experiments} experiments, {scene.kept} kept, {scene.merged} merged{forced}"
    )
    if scene.self_reported:
        print(f"{scene.metric} is {SELF_REPORTED}: the code that agents edit prints it")
    if scene.calibration:
        done, wanted = scene.calibration
        print(f"baseline: {done} of {wanted} runs done; experiments start after them")
    if scene.verified:
        verified = scene.verified
        words = f"verified {verified.commit[:7]} at the larger size"
        if verified.gain is not None and verified.interval is not None:
            low, high = (fmt.gain(each) for each in verified.interval)
            words += f", gain over the first trunk there {fmt.gain(verified.gain)} ({low} to {high})"
        print(words)
    if scene.speed:
        print(f"speed-up of {scene.speed.trunk[:7]}: {printable(scene.speed.text)}")
    if scene.retest:
        print(f"retest {scene.retest.number}: {scene.retest.word}  {printable(scene.retest.text)}")
    if (away := observer.state.away) and not away.over:
        print(f"{said(observer.state)}. Tell me: {TELLS[away.tell]}")
    for row in scene.rows:
        progress = f"{row.progress:.0%}" if row.progress is not None else ""
        print(f"{row.worktree:<5} {row.slot:<5} {row.state:<8} {progress:<5} {printable(row.idea)}".rstrip())
    for need in scene.needs:
        print(f"! {printable(need.text)}")
    if not scene.needs:
        print("nothing needs you")
    if not observer.engine_alive():
        print("the engine is not running: nightlab start")
