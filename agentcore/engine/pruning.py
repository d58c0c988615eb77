"""Of all that lies in `.lab`, what may go, and why; and what still needs the rest?

Pure: from the lab's state and from what was found on the disk. What somebody might still need stays: a run in progress,
a worktree that can be brought back, and of the transcripts those of trunk's evidence, of open candidates, of pinned
experiments and of turns that are not over. Other transcripts go only where a person says how old they may get.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from agentcore import format as fmt
from agentcore.events import TranscriptSpan
from agentcore.state import LabState
from agentcore.undo.undoing import RESTORABLE_S
from worktrees.leftovers import Kind, Leftover

DAY_S = 86_400.0
CALM_S = DAY_S
"""How long a run's leftovers stay where there is room: a person may want to look at them."""
ENDED = frozenset({"NOISE", "REJECTED", "CANCELLED"})
"""States of candidates that are no part of trunk and come back only by a person's word."""


@dataclass(frozen=True)
class Age:
    """How old a leftover must be to go, in seconds."""

    run_s: float = 0.0
    """Of what a run left: nobody needs it."""
    transcript_s: float | None = None
    """Of a transcript; None: they stay."""


@dataclass(frozen=True)
class Item:
    """A leftover, and why it may go; or what needs it."""

    leftover: Leftover
    why: str
    needed_by: str = ""


def items(state: LabState, found: Iterable[Leftover], age: Age, now: float) -> Iterator[Item]:
    """Judge everything that was found."""
    told = {(each.worktree, each.transcript): each.number for each in state.experiments.values()}
    for each in found:
        match each.kind:
            case "checkout" | "checkpoint":
                yield _of_run(state, each, age, now)
            case "scratch":
                yield _of_run(state, each, age, now) if each.number else _scratch(state, each, now)
            case "worktree" | "kept":
                yield _of_retired(state, each, now)
            case "transcript":
                yield _transcript(state, each, told.get((each.of, each.number)), age.transcript_s, now)


def spans(gone: Iterable[Leftover]) -> tuple[TranscriptSpan, ...]:
    """Return which transcripts are among those, in as few words as there are gaps between them."""
    numbers = sorted((each.of, each.number) for each in gone if each.kind == "transcript")
    found = []
    for (worktree, _), run in groupby(enumerate(numbers), key=lambda at: (at[1][0], at[1][1] - at[0])):
        own = [number for _, (_, number) in run]
        found.append(TranscriptSpan(worktree, own[0], own[-1]))
    return tuple(found)


def counts(gone: Sequence[Leftover]) -> dict[str, int]:
    """Return how many there are of each kind."""
    return dict(Counter(str(each.kind) for each in gone))


NOUNS: dict[str, str] = {
    "checkout": "checkout",
    "checkpoint": "checkpoint",
    "scratch": "temporary folder",
    "worktree": "retired worktree",
    "kept": "kept ref",
    "transcript": "transcript",
}


def told(counted: Mapping[str, int]) -> str:
    """Write how many there are of each kind: `31 checkpoints, 2 transcripts`."""
    return ", ".join(fmt.count(number, NOUNS.get(kind, kind)) for kind, number in sorted(counted.items()))


def _of_run(state: LabState, each: Leftover, age: Age, now: float) -> Item:
    run = state.runs.get(each.number)
    if run is None:
        return Item(each, "", "nobody knows this run")
    if run.number in state.active or each.is_held:
        return Item(each, "", "its run goes on")
    if now - (run.ended or each.at) < age.run_s:
        return Item(each, "", f"its run ended less than {_days(age.run_s)} ago")
    return Item(each, _WHY[each.kind])


_WHY: dict[Kind, str] = {
    "checkout": "its run has ended, and git has the commit",
    "checkpoint": "its run has ended and was scored",
    "scratch": "its run has ended",
}


def _scratch(state: LabState, each: Leftover, now: float) -> Item:
    if each.of == "lab":  # a state that somebody was killed while leaving it
        is_old = now - each.at >= CALM_S
        return Item(each, "whoever wrote it was killed") if is_old else Item(each, "", "somebody may be writing it")
    worktree = state.worktrees.get(each.of)
    if worktree is None or worktree.retired is None:
        return Item(each, "", "its agent works there")
    return Item(each, "its worktree is retired")


def _of_retired(state: LabState, each: Leftover, now: float) -> Item:
    worktree = state.worktrees.get(each.of)
    if worktree is None:
        return Item(each, "", "nobody knows this worktree")
    if worktree.retired is None:
        return Item(each, "", "its worktree is at work")
    if now - max(each.at, worktree.retired) < RESTORABLE_S:
        return Item(each, "", f"undo brings it back for {_days(RESTORABLE_S)}")
    return Item(each, f"retired more than {_days(RESTORABLE_S)} ago")


def _transcript(state: LabState, each: Leftover, experiment: int | None, age_s: float | None, now: float) -> Item:
    if age_s is None:
        return Item(each, "", "--transcripts DAYS lets old ones go")
    if now - each.at < age_s:
        return Item(each, "", f"it is younger than {_days(age_s)}")
    worktree = state.worktrees.get(each.of)
    if worktree is None or each.number > worktree.asked:
        return Item(each, "", "nobody knows this turn")
    if worktree.thinking and each.number == worktree.asked:
        return Item(each, "", "its agent writes it")
    if experiment is not None and (need := _evidence(state, experiment)):
        return Item(each, "", need)
    return Item(each, f"it is older than {_days(age_s)}; its hash stays in the journal")


def _evidence(state: LabState, number: int) -> str:
    """Return why what led to an experiment must stay readable."""
    candidate = state.candidates.get(number)
    if state.experiments[number].outcome is None:
        return "its experiment has no outcome yet"
    if number in state.pinned:
        return "its experiment is pinned"
    if candidate is not None and candidate.state not in ENDED:
        return f"its experiment is {candidate.state}"
    return ""


def _days(seconds: float) -> str:
    days = seconds / DAY_S
    return f"{days:g} day{'' if days == 1 else 's'}"
