"""What does the agent of a worktree do? Its steps on the newest proposal, one line each, as they happen."""

from __future__ import annotations

from collections.abc import Sequence

from agentcore import format as fmt
from agentcore.worktree.said import Said
from tui.lines import Line, clip, wrap
from tui.steps import WORD, StepTold
from tui.theme import Theme
from tui.widgets.tail import TailPane
from worktrees.text import printable

LEAD = 11 + WORD
"""Cells before the text of a step: the cursor, its time, its word."""

SAID, ROOMY = 2, 12
"""Messages of the researcher that stand below the steps, and the lines from which there is room for them."""


class StepsPane(TailPane[StepTold]):
    """The transcript, folded; thoughts and output are read second, what the researcher said stands out."""

    STOP = "step"

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="agent")
        self.about = ""
        """Whose steps they are, and what the newest have cost."""
        self.empty = "nothing yet"
        self.worktree = ""
        self.said: Sequence[Said] = ()
        """What the researcher said to this agent, newest last."""
        self.cursor = 0
        self._open: set[int] = set()
        """The steps that are shown in full, counted from the first there ever was."""
        self._lines: dict[int, list[str]] = {}

    @property
    def step(self) -> StepTold | None:
        """The step at the cursor."""
        return self.items[self.cursor] if self.cursor < len(self.items) else None

    def is_stop(self, item: StepTold) -> bool:
        """Stop at every step."""
        return True

    def start(self) -> None:
        """Fold everything."""
        self._open = set()

    def take(self) -> None:
        """Show what there is by now, with the cursor on the newest."""
        super().take()
        self.cursor = max(0, len(self.items) - 1)

    def relay(self) -> None:
        """Lay the steps out anew."""
        super().relay()
        self._lines = {}

    def unfold(self) -> str:
        """Show the step at the cursor in full, or folded again; return what to say where that changes nothing."""
        step, number = self.step, self._dropped + self.cursor
        if step is None or not step.more:
            return "there is no more to this step"
        self._open ^= {number}
        self.relay()
        self.top = min(self.top, self.bottom())
        self.following = self._is_newest(self.cursor) and not self.bottom()  # else what was opened would scroll away
        self.reveal(self.cursor)
        self.paint()
        return ""

    def scroll_by(self, lines: int) -> None:
        """Scroll; the cursor stays among what is seen."""
        super().scroll_by(lines)
        if self.items:
            width, height = self.inner()
            last = min(self.count() - 1, self.top + max(1, height - len(self.footer(width))) - 1)
            self.cursor = max(self.item_at(self.top)[0], min(self.cursor, self.item_at(last)[0]))
            if self.following and lines > 0:
                self.cursor = len(self.items) - 1
            self.following = self.following and self._is_newest(self.cursor)
            self.paint()

    def here(self) -> int:
        """Return the step from which one goes on."""
        return self.cursor

    def reached(self, item: int) -> None:
        """Put the cursor on a step and stand still there; on the last one everything follows again."""
        self.cursor = item
        if self.following:
            self.top = self.bottom()
        self.reveal(item)
        self.following = self._is_newest(item)

    def head(self) -> tuple[str, str]:
        """Return whose steps they are, and whether it follows."""
        return self.about, self.standing()

    def is_laid_out(self) -> bool:
        """Tell whether some step may take several lines."""
        return self.wrapped or bool(self._open)

    def tall(self, item: int, width: int) -> int:
        """Return how many lines a step takes."""
        return len(self._texts(item, width))

    def plain(self, item: int) -> str:
        """Return everything that a step says, folded or not."""
        if not self.items:
            return ""
        told = self.items[item]
        return "\n".join((told.word, told.text, *told.more))

    def part(self, item: int, part: int, width: int) -> Line:
        """Return one line of a step."""
        if not self.items:
            return ((f" {self.empty}", "grey"),)
        told = self.items[item]
        role = "grey" if told.is_quiet else "bold" if told.role == "you" else "text"
        text = self._texts(item, width)[part]
        if part:
            return ((" " * LEAD, "text"), (text, role))
        mark = ">" if item == self.cursor and (self.heavy or self.frame == "rule") else " "
        return (
            (mark, "bold"),
            (f"{fmt.clock(told.at, seconds=True)} ", "grey"),
            (told.word, told.role),
            (f"{' ' * (WORD - len(told.word))} {text if self.wrapped else text[self.left :]}", role),
        )

    def footer(self, width: int) -> list[Line]:
        """Return the newest of what the researcher said, and whether it was read."""
        lines: list[Line] = []
        if self.inner()[1] < ROOMY:
            return lines
        for each in self.said[-SAID:]:
            text = clip(" ".join(printable(each.text).split()), width - 14)
            lines.append(((f" > {each.by} ", "you"), (f"{fmt.clock(each.at)}  {text}", "bold")))
            lines.append(((f"   {self._fate(each)}", "grey"),))
        return lines

    def _is_newest(self, item: int) -> bool:
        return item == len(self.items) - 1 and self.items is self.newest

    def _fate(self, each: Said) -> str:
        if each.read is None:
            return f"not read yet: {self.worktree} sees it at its agent's next turn"
        applied = f", applied from #{each.experiment}" if each.experiment is not None else ""
        return f"seen by {self.worktree} at {fmt.clock(each.read)}{applied}"

    def _texts(self, item: int, width: int) -> list[str]:
        """Return the lines of a step's text: folded, wrapped, or with all that was folded away."""
        if item not in self._lines:
            told, room = self.items[item], max(10, width - LEAD)
            lines = (wrap(told.text, room) or [""]) if self.wrapped else [told.text]
            if self._dropped + item in self._open:
                lines += [line[at : at + room] for line in told.more for at in range(0, max(1, len(line)), room)]
            self._lines[item] = lines
        return self._lines[item]
