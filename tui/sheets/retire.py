"""The question before a worktree is retired; where work in it is in no commit, its name has to be typed."""

from __future__ import annotations

from collections.abc import Mapping

from agentcore import format as fmt
from agentcore.worktree import permits
from tui.follow import Scene
from tui.sheets.form import Asking, Field
from tui.sheets.sheet import Question
from worktrees import diff
from worktrees.layout import LabPaths


def fields() -> tuple[Field, ...]:
    """Return the line into which the name is typed."""
    return (Field("name", "", sends=True),)


def is_loose(scene: Scene, worktree: str, paths: LabPaths) -> bool:
    """Return True where something in a worktree is in no commit, or that cannot be told."""
    known = scene.state.worktrees[worktree]
    try:
        return bool(diff.of_worktree(paths.worktree(worktree), known.at or known.base).files)
    except diff.Unreadable:
        return True


def question(scene: Scene, worktree: str) -> Question:
    """Return what is asked where all that lies in it is in a commit."""
    return _question(scene, worktree, (), named=False)


def asking(worktree: str) -> Asking:
    """Return what asks for the name."""

    def ask(scene: Scene, values: Mapping[str, str]) -> Question:
        typed = values["name"]
        first = ("type its name", typed)
        asked = _question(scene, worktree, (first,), named=True)
        if typed == worktree:
            return asked
        facts = asked.facts if not typed else (*asked.facts, ("so", f"{typed!r} is not {worktree}"))
        return Question(asked.title, facts, "", asked.pins)

    return ask


def _question(scene: Scene, worktree: str, first: tuple[tuple[str, str], ...], *, named: bool) -> Question:
    state, title = scene.state, f"Retire {worktree}?"
    if reason := permits.retire_refusal(state, worktree):
        return Question(title, (*first, ("so", reason)), "", ("none",))
    known = state.worktrees[worktree]
    waiting = [number for number in known.pending if state.experiments[number].run is None]
    lost = f"; {fmt.count(len(waiting), 'prepared experiment')} is cancelled" if waiting else ""
    facts = (
        *first,
        ("agent", f"{known.agent} is stopped; a run in progress ends by itself and counts{lost}"),
        ("work", "what is in no commit is committed first, as refs/lab/kept" if named else "all of it is in a commit"),
        ("after", f"its folder goes to .lab/trash, the branch lab/{worktree} stays; it is not made again"),
        ("undo", "{undo}, for 14 days: the folder comes back with its files as they were"),
    )
    arguments = {"worktree": worktree, "named": named}
    return Question(title, facts, "retire", (worktree, known.agent), "retire", arguments)
