"""Commands that show the merge queue, and all that is known of one worktree or experiment."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agentcore import format as fmt
from agentcore.overview import OPEN, QueueRow, WorktreeRow, queue_rows
from agentcore.overview.observer import Observer
from agentcore.queue.effects import WAITING, Effect, effect, ends, told
from agentcore.queue.evidence import evidence
from agentcore.queue.judging import holdout_gain
from agentcore.queue.merged import merged_rows
from agentcore.queue.upcoming import about, upcoming, why_not_merged
from agentcore.results.facts import facts
from agentcore.state import LabState, Run, Worktree
from tui.commands.look import find_experiment, observe
from tui.exits import OK
from tui.output import print_json, print_table
from worktrees.text import printable

if TYPE_CHECKING:
    from worktrees.diff import Diff

NEWEST = 5
"""Experiments of a worktree that are listed."""


def queue(arguments: Namespace) -> int:
    """Print the merge queue: open candidates, or all of them; what was merged, and what comes next."""
    observer = observe(arguments)
    state = observer.state
    every = tuple({candidate.state for candidate in state.candidates.values()})
    rows, coming = queue_rows(state, every if arguments.all else OPEN), upcoming(state, observer.live())
    if arguments.json:
        body = {
            "trunk": state.trunk.commit if state.trunk else None,
            "candidates": [{**asdict(row), **_measured(state, row.experiment)} for row in rows],
            "merged": [asdict(row) for row in merged_rows(state)],
            "wanted": asdict(state.wanted) if state.wanted else None,
            **asdict(coming),
        }
        print_json("queue", time.time(), body)
        return OK
    if not rows:
        print("Nothing to merge yet. A kept experiment comes here by itself.")
    else:
        head = ["STATE", "CAND", "WT", "SCORE", "GAIN", "σ", "SEEDS", "±LINES", "IDEA"]
        print_table(head, [_cells(row) for row in rows], right="SCORE GAIN σ SEEDS ±LINES")
    if waits := why_not_merged(state):
        print(f"why not merged yet: {waits}")
    if merged := merged_rows(state):
        print("\nmerged")
        cells = [
            [row.state, f"#{row.experiment}", row.worktree, fmt.gain(row.gain), fmt.clock(row.at), row.by, row.retest]
            for row in merged
        ]
        print_table(["STATE", "CAND", "WT", "GAIN", "AT", "BY", "RETEST"], cells, right="GAIN")
    for word, jobs in (("now", coming.now), ("next", coming.next)):
        for job in jobs:
            print(f"{word:<5} {job.kind:<9} {printable(about(state, job))}  {printable(job.why)}".rstrip())
    return OK


def show(arguments: Namespace) -> int:
    """Print all that is known of a worktree, or of an experiment and what became of it."""
    observer = observe(arguments)
    if arguments.what in observer.state.worktrees:
        return _worktree(observer, arguments.what, arguments)
    number = find_experiment(observer.state, arguments.what).number
    state, found = observer.state, _effect(observer, number)
    if arguments.json:
        print_json("show", time.time(), _everything(state, number, found))
        return OK
    lines = list(facts(state, number))
    if found:
        lines += [("effect", line) for line in told(found)] + [("then", found.then)]
    print(f"#{number}")
    _print_facts(lines)
    return OK


def _effect(observer: Observer, number: int) -> Effect | None:
    """Return what the merge of an open candidate would change; its change and the others' are read for it."""
    from worktrees import diff  # here: pygit2 is not needed by the other commands

    state = observer.state
    candidate = state.candidates.get(number)
    if candidate is None or candidate.state not in WAITING:
        return None

    def change_of(each: int) -> Diff | None:
        try:
            return diff.between(observer.paths.root, *ends(state, each))
        except diff.Unreadable:
            return None

    return effect(state, candidate.members, change_of)


def _everything(state: LabState, number: int, found: Effect | None) -> dict[str, Any]:
    experiment, candidate = state.experiments[number], state.candidates.get(number)
    known: dict[str, Any] = {
        name: getattr(experiment, name)
        for name in (
            "number", "worktree", "agent", "direction", "hypothesis", "outcome", "reason", "score", "gain", "z",
            "base", "commit", "tree", "files", "added", "removed", "proposed", "decided", "thought_s",
        )
    }  # fmt: skip
    runs = (run for run in state.runs.values() if run.experiment == number)
    body: dict[str, Any] = {"experiment": known | {"usd": experiment.spent.usd}, "runs": [_run(run) for run in runs]}
    if candidate:
        row = next(iter(each for each in queue_rows(state, (candidate.state,)) if each.experiment == number))
        merged = next((each for each in merged_rows(state) if each.experiment == number), None)
        body["candidate"] = asdict(row)
        body["evidence"] = asdict(evidence(state, number)) | {"holdout_gain": holdout_gain(state, candidate)}
        body["merged"] = asdict(merged) if merged else None
        body["effect"] = asdict(found) if found else None
    return body


def _run(run: Run) -> dict[str, Any]:
    names = ("number", "purpose", "seed", "slot", "scale", "ending", "score", "train_s", "evaluate_s", "peak_mb")
    return {name: getattr(run, name) for name in (*names, "started", "ended", "reason")}


def _worktree(observer: Observer, name: str, arguments: Namespace) -> int:
    state, now = observer.state, time.time()
    worktree = state.worktrees[name]
    row = next((each for each in observer.overview(now).rows if each.worktree == name), None)
    own = [number for number, each in sorted(state.experiments.items()) if each.worktree == name]
    if arguments.json:
        said = {each: [asdict(one) for one in getattr(worktree, each)] for each in ("messages", "questions")}
        body = {"base": worktree.base, "notes": worktree.notes, "numbers": own, **said}
        print_json("show", now, {"worktree": {**(asdict(row) if row else {"worktree": name}), **body}})
        return OK
    print(name)
    _print_facts([*_standing(worktree, row, now), *_newest(state, own)])
    return OK


def _standing(worktree: Worktree, row: WorktreeRow | None, now: float) -> Iterable[tuple[str, str]]:
    if row is None:
        yield "state", "retired: it gets no work; nightlab undo --list"
        return
    yield "state", f"{row.state} for {fmt.age(now - row.since)} on {row.slot}  {row.idea}".rstrip()
    best = f"  best {fmt.score(row.best)} {fmt.gain(row.gain)} ({fmt.sigmas(row.z)}σ)" if row.best is not None else ""
    yield "base", f"{fmt.short(worktree.base)}{best}"
    yield "agent", f"{row.agent} {row.agent_state} {row.agent_text}".strip()
    if row.direction:
        yield "on", row.direction
    yield "cost", f"{fmt.money(row.usd)}, {fmt.tokens(row.tokens)} tokens, {fmt.count(row.experiments, 'experiment')}"
    if row.needs_you:
        yield "you", row.needs_you
    for message in worktree.messages[worktree.read :]:
        yield "told", f"{message.text} (by {message.by}, not read yet)"


def _newest(state: LabState, own: list[int]) -> Iterable[tuple[str, str]]:
    for number in reversed(own[-NEWEST:]):
        each = state.experiments[number]
        yield f"#{number}", f"{(each.outcome or 'waits').upper()} {fmt.gain(each.gain)}  {each.hypothesis}"


def _print_facts(lines: Iterable[tuple[str, str]]) -> None:
    for label, text in lines:
        print(f"{label:<9} {printable(text)}".rstrip())


def _cells(row: QueueRow) -> list[str]:
    said = {"pinned": row.pinned, "forced": row.forced, "simpler": row.simpler, "stacked": bool(row.besides)}
    idea = fmt.marks(**said, wanted=row.wanted) + row.idea + (f"  ({row.reason})" if row.reason else "")
    gains = [fmt.score(row.score), fmt.gain(row.gain), fmt.sigmas(row.z)]
    seeds = f"{row.seeds_done}/{row.seeds}"
    return [row.state, f"#{row.experiment}", row.worktree, *gains, seeds, fmt.change(row.added, row.removed), idea]


def _measured(state: LabState, experiment: int) -> dict[str, Any]:
    candidate = state.candidates[experiment]
    return {
        "trunk": candidate.trunk,
        "landing": candidate.landing,
        "tree": candidate.tree,
        "scores": {str(seed): state.pools.get(candidate.tree, {}).get(seed) for seed in candidate.seeds},
        "trunk_scores": {str(seed): score for seed, score in state.pools.get(candidate.trunk_tree, {}).items()},
        "standard_error": candidate.verdict.standard_error if candidate.verdict else None,
    }
