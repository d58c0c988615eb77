"""What a merge does to the others: who is confirmed again, who would not fit any more, what comes then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentcore.queue.effects import collision, effect, then, told
from tests.agentcore.tales import CONFIG, calibrated
from worktrees.diff import Diff, DiffLine, FileDiff, Hunk
from worktrees.project import RetestSettings


def change(*lines: tuple[int, str], path: str = "train.py") -> Diff:
    """Return a change that replaces the line of each number by a text; an empty text removes it."""
    hunks = []
    for number, text in lines:
        gone = DiffLine("-", number, None, "old")
        new = (DiffLine("+", None, number, text),) if text else ()
        before, after = (DiffLine(" ", at, at, "same") for at in (number - 1, number + 1))
        hunks.append(Hunk("", (before, gone, *new, after)))
    return Diff((FileDiff(path, len(lines), len(lines), tuple(hunks)),))


def added(after: int, text: str) -> Diff:
    """Return a change that adds a line behind another one."""
    lines = (DiffLine(" ", after, after, "same"), DiffLine("+", None, after + 1, text))
    return Diff((FileDiff("train.py", 1, 0, (Hunk("", lines),)),))


@pytest.mark.parametrize(
    ("one", "other", "where"),
    [
        (change((5, "a")), change((5, "b")), "train.py:5"),
        (change((5, "a")), change((6, "b")), "train.py:6"),
        (change((5, "a")), change((7, "b")), ""),
        (change((5, "a")), change((5, "a")), ""),
        (change((5, "a")), change((5, "b"), path="model.py"), ""),
        (change((2, "a"), (9, "")), change((9, "b")), "train.py:9"),
        (added(4, "a"), added(4, "b"), "train.py:5"),
        (added(4, "a"), change((7, "b")), ""),
    ],
)
def test_changes_collide_where_git_cannot_tell_them_apart(one: Diff, other: Diff, where: str) -> None:
    """The same lines, or lines that touch; what is the same in both is no conflict."""
    assert where == collision(one, other)


def test_a_merge_makes_the_others_stale_and_names_who_will_not_fit() -> None:
    """What cannot be compared, for it stands on another base, is called unknown and not harmless."""
    tale = calibrated(4)
    first, second, third = (tale.ready(f"wt{index}", f"t1{index}") for index in range(3))
    fourth = tale.keep("wt3", "t13")
    changes = {first: change((5, "a")), second: change((5, "b")), third: change((50, "c"))}
    found = effect(tale.state, (first,), changes.get)
    assert ((second, third), {second: "train.py:5"}, (fourth,)) == (found.stale, found.conflict, found.unknown)
    assert (
        f"#{second} changes train.py:5 too: it becomes CONFLICT",
        f"#{third} becomes STALE and is confirmed again on the new trunk",
    ) == told(found)


def test_without_a_larger_size_no_retest_is_offered() -> None:
    """A key that begins one would be refused."""
    assert "this lab has no larger size to try it at" == then(calibrated().state)


@pytest.mark.parametrize(
    ("every", "then"),
    [
        (0, "no retest begins by itself: t begins one"),
        (1, "the new trunk is trained at 2 times the size"),
        (3, "a retest at 2 times the size is due after 2 more merges"),
    ],
)
def test_whether_a_retest_follows_is_told(every: int, then: str) -> None:
    """By lab.toml's number of merges."""
    tale = calibrated(2, replace(CONFIG, retest=RetestSettings(budget="8 GFLOP", every=every)))
    number = tale.ready("wt0", "t10")
    assert then == effect(tale.state, (number,), lambda _: None).then
