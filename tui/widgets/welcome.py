"""What a lab shows before it has worktrees: what is there, what is missing, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.bindings import Situation
from tui.lines import BLANK, Line, wrap
from tui.theme import Theme
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from agentcore.checkup import Check

TOPICS = {"project": "project", "data": "data", "gpus": "GPUs", "disk": "disk", "key": "model key"}
"""Checks of this machine that are always listed, and how they are called here; others only where something is to do."""

MARKS = {
    "ok": ("  [ok]  ", "good"),
    "todo": ("  [todo]", "you"),
    "warn": ("  [note]", "wait"),
    "": ("        ", "text"),
}


@dataclass(frozen=True)
class Step:
    """One line of the list: `ok`, `todo`, `warn`, or nothing where it is only an offer."""

    level: str
    name: str
    text: str


class WelcomePane(Pane):
    """A list of steps with their standing."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="welcome", heavy=True)
        self.situation: Situation | None = None
        self.trouble = ""
        self.checks: tuple[Check, ...] | None = None
        """What was found on this machine; None while it is being looked at."""

    def head(self) -> tuple[str, str]:
        """Return the title: how much is ready."""
        levels = [step.level for step in self._steps() if step.level]
        looking = "" if self.checks is not None else "looking at this machine …"
        return f"First run: {sum(level != 'todo' for level in levels)} of {len(levels)} ready", looking

    def tall(self, width: int) -> int:
        """Return how many lines the pane needs when it is `width` cells wide, its frame included."""
        return len(self.body(width - 2, 0)) + 2

    def body(self, width: int, height: int) -> list[Line]:
        """Return the steps."""
        lines: list[Line] = [BLANK]
        for step in self._steps():
            first, *rest = wrap(step.text, width - 26)
            lines.append((("  ", "text"), MARKS[step.level], (f"  {step.name:<11} ", "bold"), (first, "text")))
            lines += [((" " * 24, "text"), (part, "text")) for part in rest]
        last = "   The worktrees appear here by themselves; nothing has to be pressed."
        return [*lines, BLANK, ((last, "grey"),), (("   The same list in plain text: nightlab doctor", "grey"),)]

    def _steps(self) -> list[Step]:
        return list(steps(self.situation, self.trouble, self.checks or ())) if self.situation else []


def steps(situation: Situation, trouble: str, checks: tuple[Check, ...]) -> Iterator[Step]:
    """Yield what a lab needs before its first experiment: this machine, the project, then what the engine makes."""
    state, overview = situation.state, situation.overview
    if trouble:
        yield Step("todo", "journal", trouble)
    for check in checks:
        if check.topic in TOPICS or check.level == "todo":
            remedy = f". {check.remedy[:1].upper()}{check.remedy[1:]}" if check.remedy else ""
            yield Step(check.level, TOPICS.get(check.topic, check.topic), check.text + remedy)
    if situation.engine_alive:
        yield Step("ok", "engine", "runs")
    else:
        yield Step("todo", "engine", "not running. Start it: nightlab start" if state.seq else "nightlab start")
    if overview.calibration:
        done, wanted = overview.calibration
        baseline = f"calibration {done} of {wanted}: trunk's number and the noise come from these runs"
    else:
        baseline = "trunk is trained several times: its number and the noise σ"
    has_number = overview.trunk is not None and overview.trunk.score is not None
    yield Step("ok" if has_number else "todo", "baseline", baseline)
    yield Step("", "worktrees", f"{len(state.worktrees)}. One for each GPU, or core, made by the engine")
    yield Step("", "demo", "a lab at work, played: nightlab demo --scenario busy")
