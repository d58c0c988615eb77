"""What of a worktree, or of an experiment, is worth copying? By the letter that the copy menu gives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from agentcore.brief.transcript import Tail
from tui.live import LOG_LINES, LOG_WIDTH
from tui.steps import tell_step
from tui.unified import unified
from worktrees.metrics import tail_text

if TYPE_CHECKING:
    from tui.view import View

LETTERS: Mapping[str, str] = {"h": "hash", "d": "diff", "p": "path", "m": "message", "l": "log", "t": "turn"}


def of_worktrees(view: View, names: Iterable[str]) -> dict[str, str]:
    """Return what can be copied of some worktrees; diff, log and turn only of a single one."""
    state = view.scene.state
    known = [state.worktrees[name] for name in names if name in state.worktrees]
    if not known:
        return {}
    numbers = [each.experiment for each in known if each.experiment is not None]
    found = {
        "h": "\n".join(
            state.experiments[each.experiment].commit if each.experiment is not None else each.base for each in known
        ),
        "p": "\n".join(str(view.paths.worktree(each.name)) for each in known),
        "m": "\n".join(state.experiments[number].hypothesis for number in numbers),
    }
    if len(known) == 1:
        only = known[0]
        live = view.reading.live
        diff = view.reading.change_of(numbers[0]) if numbers else live.diff if live.of[0] == only.name else None
        found |= {"d": unified(diff) if diff else "", "l": _log(view, only.name), "t": _turn(view, only.name)}
    return _given(found)


def of_experiments(view: View, numbers: Iterable[int]) -> dict[str, str]:
    """Return what can be copied of some experiments; diff and log only of a single one."""
    state = view.scene.state
    known = [state.experiments[number] for number in numbers if number in state.experiments]
    found = {
        "h": "\n".join(_commit(view, each.number) for each in known),
        "m": "\n".join(each.hypothesis for each in known),
    }
    if len(known) == 1:
        only = known[0]
        diff = view.reading.change_of(only.number)
        run = view.paths.run(only.run) if only.run is not None else None
        found |= {"d": unified(diff) if diff else "", "p": str(run.path) if run else ""}
        if run:
            found["l"] = "\n".join(tail_text(run.log, LOG_LINES, LOG_WIDTH))
    return _given(found)


def _commit(view: View, number: int) -> str:
    candidate = view.scene.state.candidates.get(number)
    return (candidate.commit if candidate else "") or view.scene.state.experiments[number].commit


def _log(view: View, name: str) -> str:
    path = view.reading.log_of(name)
    return "\n".join(tail_text(path, LOG_LINES, LOG_WIDTH)) if path else ""


def _turn(view: View, name: str) -> str:
    """Return what the agent said last."""
    asked = view.scene.state.worktrees[name].asked
    if not asked:
        return ""
    steps = [tell_step(step) for step in Tail(view.paths.transcript(name, asked)).read()]
    said = [step.text for step in steps if step.word == "says"]
    return said[-1] if said else ""


def _given(found: Mapping[str, str]) -> dict[str, str]:
    """Return what is there, in the order of the letters."""
    return {letter: found[letter] for letter in LETTERS if found.get(letter)}
