"""What a lab shows before it has worktrees: what is there, what is missing, what to do next."""

from __future__ import annotations

from tui.bindings import Situation
from tui.lines import BLANK, Line, wrap
from tui.theme import Theme
from tui.widgets.pane import Pane


class WelcomePane(Pane):
    """A list of steps with their standing."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="welcome", heavy=True)
        self.situation: Situation | None = None
        self.trouble = ""

    def head(self) -> tuple[str, str]:
        """Return the title: how much is ready."""
        done = [done for done, _, _ in steps(self.situation, self.trouble)] if self.situation else []
        return f"First run: {sum(done)} of {len(done)} ready", ""

    def tall(self, width: int) -> int:
        """Return how many lines the pane needs when it is `width` cells wide, its frame included."""
        return len(self.body(width - 2, 0)) + 2

    def body(self, width: int, height: int) -> list[Line]:
        """Return the steps."""
        if self.situation is None:
            return []
        lines: list[Line] = [BLANK]
        for done, name, text in steps(self.situation, self.trouble):
            mark = ("  [ok]  ", "good") if done else ("  [todo]", "you")
            first, *rest = wrap(text, width - 26)
            lines.append((("  ", "text"), mark, (f"  {name:<11} ", "bold"), (first, "text")))
            lines += [((" " * 24, "text"), (part, "text")) for part in rest]
        last = "   The worktrees appear here by themselves; nothing has to be pressed."
        return [*lines, BLANK, ((last, "grey"),), BLANK]


def steps(situation: Situation, trouble: str) -> list[tuple[bool, str, str]]:
    """Return (done, name, sentence) of what a lab needs before its first experiment."""
    state, overview = situation.state, situation.overview
    if trouble:
        journal = (False, "journal", trouble)
    elif state.seq:
        journal = (True, "journal", f"{state.seq} events")
    else:
        journal = (False, "journal", "nothing was written yet: the engine has not started in this lab")
    if situation.engine_alive:
        engine = (True, "engine", "runs")
    elif state.engine is None:
        engine = (False, "engine", "starting, or not started: nightlab start")
    else:
        engine = (False, "engine", "not running. Start it: nightlab start")
    slots = ", ".join(slot.name for slot in state.slots)
    if overview.calibration:
        done, wanted = overview.calibration
        baseline = f"calibration {done} of {wanted}: trunk's number and the noise come from these runs"
    else:
        baseline = "trunk is trained several times first: its number and the noise come from these runs"
    return [
        journal,
        engine,
        (bool(slots), "slots", slots or "none known yet; the engine looks for GPUs, else for CPU cores"),
        (overview.trunk is not None and overview.trunk.score is not None, "baseline", baseline),
        (bool(state.worktrees), "worktrees", f"{len(state.worktrees)} made"),
    ]
