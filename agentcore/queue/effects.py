"""What would a merge do to the others in the queue, and what comes after it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentcore import format as fmt
from agentcore.retest import due as retest
from agentcore.state import LabState

if TYPE_CHECKING:
    from worktrees.diff import Diff, FileDiff

WAITING = ("NEW", "STALE", "CONFIRM", "READY")
"""States of a candidate whose change will have to fit on the new trunk."""


ChangeOf = Callable[[int], "Diff | None"]
"""A candidate's change; None where it is not read yet."""


@dataclass(frozen=True)
class Effect:
    """What follows from merging one candidate now."""

    stale: tuple[int, ...]
    """Measured on today's trunk: rebased and confirmed again on the new one."""
    conflict: Mapping[int, str]
    """{candidate that would not fit any more: where, as `train.py:34`}."""
    unknown: tuple[int, ...]
    """Candidates whose change has not been read, or is not against today's trunk: whether they fit is not known."""
    then: str
    """Whether a retest is due after it."""


def effect(state: LabState, own: Sequence[int], change_of: ChangeOf) -> Effect:
    """Return what merging these does to the others."""
    others = [each for n, each in sorted(state.candidates.items()) if n not in own and each.state in WAITING]
    conflict, unknown = {}, []
    for each in others:
        places = [_place(state, member, each.experiment, change_of) for member in own]
        if place := next(filter(None, places), None):
            conflict[each.experiment] = place
        elif None in places:
            unknown.append(each.experiment)
    stale = tuple(each.experiment for each in others if each.state in ("CONFIRM", "READY"))
    return Effect(stale, conflict, tuple(unknown), then(state))


def ends(state: LabState, number: int) -> tuple[str, str]:
    """Return the commits between which an experiment's change lies: as a candidate where it was rebased as one."""
    candidate, experiment = state.candidates.get(number), state.experiments[number]
    if candidate and candidate.commit:
        return candidate.onto or candidate.trunk, candidate.commit
    return experiment.base, experiment.commit


def told(found: Effect) -> tuple[str, ...]:
    """Return the effect on the others in sentences; none where there are no others."""
    lines = [f"#{number} changes {place} too: it becomes CONFLICT" for number, place in found.conflict.items()]
    if again := [number for number in found.stale if number not in found.conflict]:
        names = ", ".join(f"#{number}" for number in again)
        verb = "becomes STALE and is" if len(again) == 1 else "become STALE and are"
        lines.append(f"{names} {verb} confirmed again on the new trunk")
    return tuple(lines)


def collision(one: Diff, other: Diff) -> str:
    """Return the first place that two changes of the same tree both change, as `train.py:34`; empty for none.

    As git has it: lines that touch collide too, a change that is the same in both does not.
    """
    theirs = {file.path: file for file in other.files}
    for file in one.files:
        if (twin := theirs.get(file.path)) is None or twin == file:
            continue
        if file.binary or twin.binary:
            return file.path
        if (line := _meet(_spans(file), _spans(twin))) is not None:
            return f"{file.path}:{line}"
    return ""


Spans = list[tuple[int, int, tuple[str, ...]]]
"""(first line of the old file that is replaced, the line after the last one, what stands there instead)."""


def _spans(file: FileDiff) -> Spans:
    spans: Spans = []
    for hunk in file.hunks:
        at = next((line.old for line in hunk.lines if line.old is not None), 1)
        start: int | None = None
        new: list[str] = []
        for line in hunk.lines:
            if line.origin == " ":
                if start is not None:
                    spans.append((start, at, tuple(new)))
                start, new = None, []
                at = (line.old or at) + 1
                continue
            start = at if start is None else start
            if line.origin == "-":
                at = (line.old or at) + 1
            else:
                new.append(line.text)
        if start is not None:
            spans.append((start, at, tuple(new)))
    return spans


def _meet(ours: Spans, theirs: Spans) -> int | None:
    for start, end, text in ours:
        for other_start, other_end, other in theirs:
            if start <= other_end and other_start <= end and (start, end, text) != (other_start, other_end, other):
                return max(start, other_start)
    return None


def _place(state: LabState, one: int, other: int, change_of: ChangeOf) -> str | None:
    """Return where two candidates collide; None where that is not known: their changes are compared on one base."""
    if ends(state, one)[0] != ends(state, other)[0]:
        return None
    ours, theirs = change_of(one), change_of(other)
    return None if ours is None or theirs is None else collision(ours, theirs)


def then(state: LabState) -> str:
    """Return in words whether a retest follows a merge."""
    scale = state.retest_settings.scale
    if not state.retest_settings.budget:
        return "this lab has no larger size to try it at"
    if state.retest is not None:
        return f"retest {state.retest.number} goes on; it tries the trunk of when it began"
    left = retest.merges_left(state)
    if left is None:
        return "no retest begins by itself: t begins one"
    if left <= 1:
        return f"the new trunk is trained at {scale} times the size"
    return f"a retest at {scale} times the size is due after {fmt.count(left - 1, 'more merge')}"
