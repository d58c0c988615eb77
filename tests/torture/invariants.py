"""What must hold of a lab, whatever died in it? Pure: from what was seen to what is wrong with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from agentcore import events as ev
from agentcore.retest import retesting
from tests.torture.evidence import Commit, Evidence

Kind = Literal[
    "lost", "double", "orphan", "unmeasured_trunk", "journal", "git", "worktree", "outside", "score", "stuck"
]

MEASURES = ("baseline", "confirm", "retest")
"""Purposes whose runs may move trunk: a screening run is selected, so it never does."""


@dataclass(frozen=True)
class Violation:
    """One thing that does not hold."""

    kind: Kind
    text: str


def check(seen: Evidence, *, is_over: bool) -> list[Violation]:
    """Return what is wrong with a lab at rest, its engine and all runs ended.

    `is_over`: it was worked off before, so nothing may be in flight any more.
    """
    events = [entry.event for entry in seen.entries]
    return [
        *_lost(seen, events, is_over=is_over),
        *_double(events),
        *_trunk(seen, events, is_over=is_over),
        *(Violation("orphan", f"process {each.pid} lives: {' '.join(each.words)[-160:]}") for each in seen.beings),
        *(Violation("journal", each) for each in seen.findings),
        *_git(seen, events),
        *_worktrees(seen, events),
        *(Violation("outside", f"{each} lies outside of the lab") for each in seen.outside),
        *_scores(seen, events),
    ]


def _lost(seen: Evidence, events: Sequence[ev.Event], *, is_over: bool) -> Iterator[Violation]:
    """Every number has its experiment, its commit and, in the end, its outcome; so has every run its end."""
    proposed = {each.experiment: each for each in events if isinstance(each, ev.ExperimentProposed)}
    commits = {number: each.commit for number, each in proposed.items()}
    commits |= {each.experiment: each.commit for each in events if isinstance(each, ev.ExperimentRebased)}
    decided = {each.experiment for each in events if isinstance(each, ev.ExperimentDecided)}
    for number in sorted(set(range(1, len(proposed) + 1)) ^ set(proposed)):
        yield Violation("lost", f"experiments are not numbered without a gap: #{number}")
    for number, commit in commits.items():
        if seen.refs.get(f"refs/lab/experiments/{number:06d}") != commit:
            yield Violation("lost", f"the commit {commit[:7]} of #{number} is not pinned")
    for number in sorted(decided - set(proposed)):
        yield Violation("lost", f"#{number} has an outcome and was never proposed")
    started = {each.run for each in events if isinstance(each, ev.RunStarted)}
    ended = {each.run for each in events if isinstance(each, ev.RunEnded)}
    for run in sorted(ended - started):
        yield Violation("lost", f"run {run} ended and never started")
    if is_over:
        yield from (Violation("lost", f"#{number} has no outcome") for number in sorted(set(proposed) - decided))
        yield from (Violation("lost", f"run {run} has no end") for run in sorted(started - ended))


def _double(events: Sequence[ev.Event]) -> Iterator[Violation]:
    """Nothing is told twice, and no run counts twice: not by its number, not by its tree and seed."""
    proposed = [each for each in events if isinstance(each, ev.ExperimentProposed)]
    ends = [each for each in events if isinstance(each, ev.ExperimentDecided)]
    duplicates = {each.experiment for each in ends if each.outcome == "duplicate"}  # the same edit in the same second
    told: dict[str, Counter[object]] = {
        "#{} was proposed": Counter(each.experiment for each in proposed),
        "#{} was decided": Counter(each.experiment for each in events if isinstance(each, ev.ExperimentDecided)),
        "the commit {} was proposed": Counter(each.commit for each in proposed if each.experiment not in duplicates),
        "run {} was started": Counter(each.run for each in events if isinstance(each, ev.RunStarted)),
        "run {} was ended": Counter(each.run for each in events if isinstance(each, ev.RunEnded)),
    }
    for words, counts in told.items():
        for what, times in counts.items():
            if times > 1:
                yield Violation("double", f"{words.format(what)} {times} times")
    for (tree, seed, scale, fraction), runs in _counted(events).items():
        if len(runs) > 1:
            yield Violation("double", f"tree {tree[:7]}, seed {seed}, scale {scale}, {fraction:g}: runs {runs} count")
    for number, runs in _screened(events).items():
        if len(runs) > 1:
            yield Violation("double", f"#{number} was screened by runs {runs}")
    yield from _promoted_twice(events)


def _runs(events: Iterable[ev.Event]) -> Iterator[tuple[ev.RunStarted, ev.RunEnded]]:
    """Yield (start, end) of every run with a score."""
    started: dict[int, ev.RunStarted] = {}
    for event in events:
        if isinstance(event, ev.RunStarted):
            started[event.run] = event
        elif isinstance(event, ev.RunEnded) and event.score is not None and event.run in started:
            yield started[event.run], event


def _counted(events: Iterable[ev.Event]) -> dict[tuple[str, int, int, float], list[int]]:
    found: dict[tuple[str, int, int, float], list[int]] = {}
    for run, _ in _runs(events):
        found.setdefault((run.tree, run.seed, run.scale, run.fraction), []).append(run.run)
    return found


def _screened(events: Iterable[ev.Event]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for run, _ in _runs(events):
        if run.purpose == "screen" and run.experiment is not None:
            found.setdefault(run.experiment, []).append(run.run)
    return found


def _promoted_twice(events: Iterable[ev.Event]) -> Iterator[Violation]:
    standing: Counter[int] = Counter()
    for move in (each for each in events if isinstance(each, ev.TrunkMoved)):
        gone = move.undone if move.undone is not None else move.reverted
        for number in (move.stack or (gone,)) if gone is not None else ():
            standing[number] -= 1
        for number in (move.stack or (move.experiment,)) if move.experiment is not None else ():
            standing[number] += 1
            if standing[number] > 1:
                yield Violation("double", f"#{number} was merged twice")


Moves = dict[str, tuple[int, ev.TrunkMoved]]
"""{commit: (place in the journal, how trunk came to it)}."""


def _trunk(seen: Evidence, events: Sequence[ev.Event], *, is_over: bool) -> Iterator[Violation]:
    """Trunk is where its moves led, and each of its commits holds a tree that had run as its trailers say."""
    moves = [(place, each) for place, each in enumerate(events) if isinstance(each, ev.TrunkMoved)]
    for (_, before), (_, after) in pairwise(moves):
        if before.new != after.old:
            yield Violation("unmeasured_trunk", f"trunk moved from {after.old[:7]}, where it was not")
        if after.by == "hand" and after.undone is None:
            yield Violation("unmeasured_trunk", f"trunk {after.new[:7]} counts as moved by a hand, and there was none")
    now, told = seen.trunk[0].commit, moves[-1][1].new
    if now != told:
        yield Violation("unmeasured_trunk", f"trunk is {now[:7]}, by the journal {told[:7]}")
    commits = {each.commit: each for each in seen.trunk}
    made: Moves = {each.new: (place, each) for place, each in moves if (each.experiment, each.reverted) != (None, None)}
    for commit in seen.trunk:
        if commit.commit == moves[0][1].new:
            break
        if all(commit.commit != move.new for _, move in moves):
            yield from _member(commit, commits, made)
    for place, move in made.values():
        if (landed := commits.get(move.new)) is not None and landed.tree != move.tree:
            yield Violation("unmeasured_trunk", f"trunk {move.new[:7]} holds another tree than was told")
        if move.experiment is not None:
            yield from _promotion(place, move, events, commits.get(move.new))
        elif move.by != retesting.BY:  # a person's: it is measured before anything is compared with it
            measured = {run.tree for run, _ in _runs(events) if run.purpose in MEASURES}
            if is_over and now == move.new and move.tree not in measured:
                yield Violation("unmeasured_trunk", f"trunk is {now[:7]}, which a person put there and nobody has run")
        elif move.tree not in {run.tree for run, _ in _runs(events[:place]) if run.purpose in MEASURES}:
            yield Violation("unmeasured_trunk", f"the revert {move.new[:7]} holds a tree that nobody had run")


def _member(commit: Commit, commits: dict[str, Commit], made: Moves) -> Iterator[Violation]:
    """A commit between two moves is one of a stack that was measured as a whole; any other was put there by nobody."""
    above = next((each for each in commits.values() if each.parent == commit.commit), None)
    while above is not None and above.commit not in made:
        above = next((each for each in commits.values() if each.parent == above.commit), None)
    if above is None or not made[above.commit][1].stack:
        yield Violation("unmeasured_trunk", f"trunk holds {commit.commit[:7]}, of which the journal knows nothing")


def _promotion(
    place: int, move: ev.TrunkMoved, events: Sequence[ev.Event], landed: Commit | None
) -> Iterator[Violation]:
    before = events[:place]
    rebased = _last(before, move)
    if rebased is None or rebased.tree != move.tree:
        yield Violation("unmeasured_trunk", f"#{move.experiment} landed as another tree than was confirmed")
        return
    seeds: dict[str, set[int]] = {}
    for run, _ in _runs(before):
        if run.purpose in ("baseline", "confirm"):
            seeds.setdefault(run.tree, set()).add(run.seed)
    named = set(map(int, trailer(landed, "Seeds").split())) if landed else set(rebased.seeds)
    if not named:
        yield Violation("unmeasured_trunk", f"trunk {move.new[:7]} names no seeds")
    for side in (move.tree, rebased.trunk_tree):
        if lacking := named - seeds.get(side, set()):
            yield Violation("unmeasured_trunk", f"trunk {move.new[:7]}: {side[:7]} never ran seeds {sorted(lacking)}")
    if landed and trailer(landed, "Tree") != move.tree:
        yield Violation("unmeasured_trunk", f"trunk {move.new[:7]} names another tree than it holds")


def _last(before: Sequence[ev.Event], move: ev.TrunkMoved) -> ev.CandidateRebased | ev.StackRebased | None:
    """Return what was confirmed last of what a move has brought."""
    for event in reversed(before):
        if isinstance(event, ev.StackRebased) and move.stack and event.experiments == move.stack:
            return event
        if isinstance(event, ev.CandidateRebased) and not move.stack and event.experiment == move.experiment:
            return event
    return None


def trailer(commit: Commit, name: str) -> str:
    """Return what a commit's message says under a name, or nothing."""
    found = re.findall(rf"^{name}: (.*)$", commit.message.rpartition("\n\n")[2], re.MULTILINE)
    return found[-1] if found else ""


def _git(seen: Evidence, events: Sequence[ev.Event]) -> Iterator[Violation]:
    """The repository is whole, kept commits are pinned, no lock is left, the researcher's own branch is untouched."""
    if seen.fsck.strip():
        yield Violation("git", f"git fsck: {seen.fsck.strip()[:200]}")
    yield from (Violation("git", f"{each[:7]} is named by the journal and not in git") for each in seen.missing)
    yield from (Violation("git", f"the lock {each} was left") for each in seen.locks)
    if not re.fullmatch(r"main, 1 commit, changed: nothing", seen.researcher):
        yield Violation("git", f"the researcher's checkout was touched: {seen.researcher}")
    commits: dict[int, str] = {}
    kept: dict[int, str] = {}
    for event in events:
        if isinstance(event, ev.ExperimentProposed | ev.ExperimentRebased):
            commits[event.experiment] = event.commit
        elif isinstance(event, ev.ExperimentDecided) and event.outcome == "keep":
            kept[event.experiment] = commits.get(event.experiment, "")
    for number, commit in kept.items():
        if seen.refs.get(f"refs/lab/kept/{number:06d}") != commit:
            yield Violation("git", f"kept #{number} is not pinned")


def _worktrees(seen: Evidence, events: Sequence[ev.Event]) -> Iterator[Violation]:
    """Git's worktrees and the folders are those of the journal, and no ended run has a checkout."""
    names = {each.worktree for each in events if isinstance(each, ev.WorktreeCreated)}
    names -= {each.worktree for each in events if isinstance(each, ev.WorktreeRetired)}
    expected = sorted(f"{where} {name}" for name in names for where in ("git", "disk"))
    if expected != list(seen.folders):
        yield Violation("worktree", f"worktrees are {', '.join(seen.folders)} instead of {', '.join(expected)}")
    ended = {each.run for each in events if isinstance(each, ev.RunEnded)}
    for run in seen.checkouts:
        if run in ended:
            yield Violation("worktree", f"run {run} has ended, and its checkout lies there")


def _scores(seen: Evidence, events: Sequence[ev.Event]) -> Iterator[Violation]:
    """No number is in the journal that no training made."""
    for run, end in _runs(events):
        if run.run in seen.truths and end.score != seen.truths[run.run]:
            yield Violation("score", f"run {run.run} counts as {end.score}, its tree scores {seen.truths[run.run]}")
