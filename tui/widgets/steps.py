"""What does the agent of a worktree do? Its steps on the newest proposal, one line each, as they happen."""

from __future__ import annotations

from tui import format as fmt
from tui.lines import Line
from tui.steps import WORD, StepTold
from tui.theme import Theme
from tui.widgets.tail import TailPane


class StepsPane(TailPane[StepTold]):
    """The transcript, folded; thoughts and output are read second, what the researcher said stands out."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="agent")
        self.about = ""
        """Whose steps they are, and what the newest have cost."""
        self.empty = "nothing yet"

    def is_trouble(self, item: StepTold) -> bool:
        """Tell whether a step did not work."""
        return item.is_trouble

    def head(self) -> tuple[str, str]:
        """Return whose steps they are, and whether it follows."""
        return self.about, self.standing()

    def line(self, index: int, width: int) -> Line:
        """Return one step."""
        if not self.items:
            return ((f" {self.empty}", "grey"),)
        told = self.items[index]
        role = "grey" if told.is_quiet else "bold" if told.role == "you" else "text"
        return (
            (f" {fmt.clock(told.at, seconds=True)} ", "grey"),
            (told.word, told.role),
            (f"{' ' * (WORD - len(told.word))} {told.text[self.left :]}", role),
        )
