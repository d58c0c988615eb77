"""What a lab shows before it has worktrees: what is there, what is missing, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tui.bindings import Situation
from tui.lines import BLANK, Line, overlay, wrap
from tui.theme import Theme
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from agentcore.project.checkup import Check

TOPICS = {"project": "project", "data": "data", "gpus": "GPUs", "disk": "disk", "key": "model key"}
"""Checks of this machine that are always listed, and how they are called here; others only where something is to do."""

MARKS = {
    "ok": ("  [ok]  ", "good"),
    "todo": ("  [todo]", "you"),
    "warn": ("  [note]", "wait"),
    "": ("        ", "text"),
}

DEMO = "nightlab demo --scenario busy"

FOOT = (
    "   j/k: step    enter: do or check the step",
    "   The worktrees appear here by themselves; nothing has to be pressed.",
    "   The same list in plain text: nightlab doctor",
)

Does = Literal["", "start", "make", "demo", "check"]
"""What `enter` does with a step: tell it, start the engine, ask for worktrees, open the demo, look again."""


@dataclass(frozen=True)
class Step:
    """One line of the list: `ok`, `todo`, `warn`, or nothing where it is only an offer."""

    level: str
    name: str
    text: str
    does: Does = ""


class WelcomePane(Pane):
    """A list of steps with their standing."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="welcome", heavy=True)
        self.situation: Situation | None = None
        self.trouble = ""
        self.checks: tuple[Check, ...] | None = None
        """What was found on this machine; None while it is being looked at."""
        self._chosen = ""
        """The name of the step that a person went to; the first that is to be done until then."""

    @property
    def selected(self) -> Step | None:
        """The step under the cursor."""
        found = self.steps()
        return found[self._place(found)] if found else None

    def move(self, delta: int) -> None:
        """Go some steps down."""
        if found := self.steps():
            self._chosen = found[max(0, min(len(found) - 1, self._place(found) + delta))].name
            self.paint()

    def head(self) -> tuple[str, str]:
        """Return the title: how much is ready."""
        levels = [step.level for step in self.steps() if step.level]
        looking = "" if self.checks is not None else "looking at this machine …"
        return f"First run: {sum(level != 'todo' for level in levels)} of {len(levels)} ready", looking

    def tall(self, width: int) -> int:
        """Return how many lines the pane needs when it is `width` cells wide, its frame included."""
        return sum(map(len, self._listed(width - 2))) + len(FOOT) + 4

    def body(self, width: int, height: int) -> list[Line]:
        """Return the steps; where not all of them fit, those around the one under the cursor."""
        listed = self._listed(width)
        lines = [BLANK, *(line for step in listed for line in step)]
        if len(lines) > height:
            found = self.steps()
            end = 1 + sum(map(len, listed[: self._place(found) + 1]))
            first = max(0, end - height)
            return lines[first : first + height]
        return [*lines, *([BLANK, *(((text, "grey"),) for text in FOOT)][: height - len(lines)])]

    def steps(self) -> list[Step]:
        """Return what is listed."""
        return list(steps(self.situation, self.trouble, self.checks or ())) if self.situation else []

    def _place(self, found: list[Step]) -> int:
        """Return where the cursor is."""
        names, levels = [step.name for step in found], [step.level for step in found]
        if self._chosen in names:
            return names.index(self._chosen)
        return levels.index("todo") if "todo" in levels else 0

    def _listed(self, width: int) -> list[list[Line]]:
        """Return the lines of each step."""
        found = self.steps()
        return [self._lines(step, width, place == self._place(found)) for place, step in enumerate(found)]

    def _lines(self, step: Step, width: int, is_chosen: bool) -> list[Line]:
        first, *rest = wrap(step.text, width - 26)
        sign = "> " if is_chosen else "  "
        top: Line = ((sign, "bold"), MARKS[step.level], (f"  {step.name:<11} ", "bold"), (first, "text"))
        lines: list[Line] = [top, *(((" " * 24, "text"), (part, "text")) for part in rest)]
        return [overlay((*line, (" " * width, "text")), "selected") for line in lines] if is_chosen else lines


def steps(situation: Situation, trouble: str, checks: tuple[Check, ...]) -> Iterator[Step]:
    """Yield what a lab needs before its first experiment: this machine, the project, then what the engine makes."""
    state, overview = situation.state, situation.overview
    if trouble:
        yield Step("todo", "journal", trouble)
    for check in checks:
        if check.topic in TOPICS or check.level == "todo":
            remedy = f". {check.remedy[:1].upper()}{check.remedy[1:]}" if check.remedy else ""
            yield Step(check.level, TOPICS.get(check.topic, check.topic), check.text + remedy, "check")
    if situation.engine_alive:
        yield Step("ok", "engine", "runs")
    else:
        yield Step("todo", "engine", "not running. Start it: enter here, or nightlab start", "start")
    if overview.calibration:
        done, wanted = overview.calibration
        baseline = f"calibration {done} of {wanted}: trunk's number and the noise come from these runs"
    else:
        baseline = "trunk is trained several times: its number and the noise σ"
    has_number = overview.trunk is not None and overview.trunk.score is not None
    yield Step("ok" if has_number else "todo", "baseline", baseline)
    made = f"{len(state.worktrees)}. One for each GPU, or core, made by the engine"
    yield Step("", "worktrees", f"{made}; more: enter here, or c", "make" if situation.engine_alive else "")
    yield Step("", "demo", f"a lab at work, played: {DEMO}", "demo")
