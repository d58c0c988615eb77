"""How is a costly action confirmed, so that nothing typed by mistake confirms it?

A sheet is a question with facts. `y` counts only from half a second after the sheet was drawn, so a word typed into the
wrong pane (`mypy`) cannot say yes; any other printable key means no; `enter` only makes the answer line blink (a
repeated enter has merged people's work before). What the sheet showed is pinned: if it changed in the meantime, `y` is
refused and the new facts are shown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from textual.geometry import Region
from textual.message import Message

from agentcore.engine.control import Answer
from tui.follow import Scene
from tui.lines import BLANK, Line, wrap
from tui.series import Order, in_turn
from tui.theme import Theme
from tui.widgets.pane import Pane

ARMED_S = 0.5
BLINK_S = 0.3
LABEL = 16
"""Cells left of the facts, inside the frame."""

UNDO = "undo"
"""The fact that says how the answer is taken back. Its sentence is ours alone, and names keys by their action."""

CHANGED = "changed while you read"


@dataclass(frozen=True)
class Question:
    """What is asked."""

    title: str
    facts: tuple[tuple[str, str], ...]
    """(label, sentence)."""
    yes: str
    """What `y` does, in a word; empty where it cannot be answered with yes any more."""
    pins: tuple[str, ...]
    """What the answer relies on: hashes and states as they were shown."""
    verb: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    key: str = "y"
    """The key that says yes."""
    other: tuple[str, str, Mapping[str, object]] | None = None
    """A second way to say yes: its key, what it does in words, its arguments."""
    about: int | None = None
    """The experiment whose diff `d` opens first; None where there is none to read."""
    orders: tuple[Order, ...] = ()
    """What `y` sends where several are asked about, instead of the one verb."""


class Sheet(Pane):
    """One question over the screen that asked it."""

    DEFAULT_CSS = "Sheet { layer: sheet; }"

    class Closed(Message):
        """The sheet is gone. `said` is what to tell; `reads` the experiment whose diff is wanted instead; `is_yes`
        where it was carried out, or refused by the engine, and not by the person.
        """

        def __init__(self, said: str, reads: int | None = None, *, is_yes: bool = False) -> None:
            super().__init__()
            self.said, self.reads, self.is_yes = said, reads, is_yes

    def __init__(
        self,
        look: Theme,
        *,
        ask: Callable[[Scene], Question],
        fresh: Callable[[], Scene],
        send: Callable[[str, Mapping[str, object]], Awaitable[Answer]],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(look, id="sheet", heavy=True)
        self.over = "sheet"
        self.question = ask(fresh())
        self.notice = ""
        """Why the sheet was shown again."""
        self._ask, self._fresh, self._send, self._clock = ask, fresh, send, clock
        self._drawn = float("inf")
        self._scrolled = 0
        self._is_blinking = False
        self._is_waiting = False
        self._takes_keys = True
        """False from an answer on: a word arrives in one piece, and its other letters must not answer again."""

    def on_mount(self) -> None:
        """Start the half second when the sheet is on the screen."""
        self.call_after_refresh(self._draw_began)

    def fit_into(self, width: int, height: int) -> None:
        """Stand in the middle of a screen of that size."""
        wide = min(70, width - 4)
        tall = min(len(self._lines(wide - 2)) + 2, height - 2)
        self.place(Region((width - wide) // 2, max(1, (height - tall) // 2), wide, tall))
        self.paint()

    def head(self) -> tuple[str, str]:
        """Return the question."""
        return self.question.title, ""

    def body(self, width: int, height: int) -> list[Line]:
        """Return the facts, scrolled where there are too many; the answer lines stay."""
        lines = self._lines(width)
        over = max(0, len(lines) - height)
        self._scrolled = max(0, min(self._scrolled, over))
        facts, answers = lines[:-4], lines[-4:]
        return [*facts[self._scrolled : self._scrolled + height - 4], *answers]

    def press(self, key: str) -> None:
        """Take a key: the character of a printable one, else Textual's name."""
        if not self._takes_keys:
            return
        if key in ("up", "down"):
            self._scrolled += 1 if key == "down" else -1
            self.paint()
        elif key == "enter":
            self._blink()
        elif key == self.question.key and self.question.yes:
            self._say_yes(self.question.arguments)
        elif self.question.other and key == self.question.other[0]:
            self._say_yes(self.question.other[2])
        elif key == "d" and self.question.about is not None:
            self._close("", self.question.about)
        elif key in ("escape", "ctrl+c", "ctrl+q") or len(key) == 1:
            self._close("no: nothing was changed")

    def insert(self, text: str) -> None:
        """Take pasted text; a question without fields asks for none, and what it spells could be keys."""

    def _say_yes(self, arguments: Mapping[str, object]) -> None:
        """Confirm, from half a second after the sheet was drawn."""
        if self._is_armed():
            self._takes_keys = False
            self.run_worker(self._confirm(arguments), exclusive=True)

    async def _confirm(self, arguments: Mapping[str, object]) -> None:
        """Send the answer if the facts still hold, else show the new ones."""
        fresh = self._ask(self._fresh())
        if fresh.pins != self.question.pins:
            self._reload(fresh, f"{CHANGED}: please look again")
            return
        self._is_waiting = True
        self.paint()
        answer = await in_turn(self._send, self.question.orders or (Order("", self.question.verb, arguments),))
        self._is_waiting = False
        if answer.message.startswith(CHANGED):
            self._reload(self._ask(self._fresh()), answer.message)
        else:
            self._close(answer.message if answer.done else f"refused: {answer.message}", is_yes=True)

    def _reload(self, question: Question, notice: str) -> None:
        self.question, self.notice, self._drawn = question, notice, float("inf")
        self._takes_keys = True
        self.fit_into(*self.screen.size)
        self.call_after_refresh(self._draw_began)

    def _close(self, said: str, reads: int | None = None, *, is_yes: bool = False) -> None:
        self._takes_keys = False
        self.post_message(self.Closed(said, reads, is_yes=is_yes))

    def _draw_began(self) -> None:
        self._drawn = self._clock()
        self.set_timer(ARMED_S, self.paint)

    def _is_armed(self) -> bool:
        return self._clock() - self._drawn >= ARMED_S

    def _blink(self) -> None:
        self._is_blinking = True
        self.paint()
        self.set_timer(BLINK_S, self._calm)

    def _calm(self) -> None:
        self._is_blinking = False
        self.paint()

    def _facts(self, width: int, count: int | None = None) -> list[Line]:
        """Return the lines above the answers, up to those of the first `count` facts."""
        lines: list[Line] = [BLANK]
        if self.notice:
            lines += [(("  ", "text"), (part, "you")) for part in wrap(self.notice, width - 4)]
            lines.append(BLANK)
        for place, (label, text) in enumerate(self.question.facts[:count]):
            lines += self._fact(place, label, text, width)
        return lines

    def _lines(self, width: int) -> list[Line]:
        return [*self._facts(width), BLANK, self._answers(), self._hint(), BLANK]

    def _fact(self, place: int, label: str, text: str, width: int) -> list[Line]:
        """Return the lines of the fact at that place."""
        first, *rest = wrap(self.look.keyed(text) if label == UNDO else text, width - LABEL - 2)
        lines: list[Line] = [((f"  {label:<{LABEL - 2}}", "grey"), (first, "text"))]
        return [*lines, *(((" " * LABEL + part, "text"),) for part in rest)]

    def _answers(self) -> Line:
        if self._is_waiting:
            return (("     asked, waiting for the engine", "bold"),)
        role = "bold blink" if self._is_blinking else "bold" if self._is_armed() else "grey"
        yes = f"{self.question.key}  {self.question.yes}       " if self.question.yes else ""
        if self.question.other:
            yes += f"{self.question.other[0]}  {self.question.other[1]}       "
        diff = "       d  read the diff first" if self.question.about is not None else ""
        return (("     ", "text"), (f"{yes}n / esc  no{diff}", role))

    def _hint(self) -> Line:
        return (("     (enter does nothing here)", "grey"),)
