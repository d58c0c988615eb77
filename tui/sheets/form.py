"""How is a question asked whose facts a person may change before the answer?

A form is a sheet whose first lines are fields: `j` `k` choose one, `h` `l` walk through its choices, `enter` edits it,
and only then are letters text. The first of them takes the place of what stood there; a value that cannot be is said to
be none and stays to be mended, `esc` puts the old one back. Every change arms the answer anew, so that a word that was
meant for a field cannot confirm anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from agentcore.engine.control import Answer
from tui.follow import Scene
from tui.lines import BLANK, Line, wrap
from tui.sheets.line import TypedLine
from tui.sheets.sheet import LABEL, Question, Sheet
from tui.theme import Theme

LONGEST = 200
"""Characters of a field."""


Check = Callable[[Scene, str], str]
"""From a value to what is wrong with it in a sentence, empty where nothing is."""


@dataclass(frozen=True)
class Field:
    """One line that can be changed."""

    name: str
    value: str
    choices: tuple[str, ...] = ()
    """What it can be; empty where it is text."""
    sends: bool = False
    """`enter` after its text is the answer: the name of what is meant was typed out."""
    check: Check = lambda scene, value: ""


Asking = Callable[[Scene, Mapping[str, str]], Question]
"""From the scene and the fields' values to the question. Its first facts are the fields, as they are shown."""


class Form(Sheet):
    """A sheet with fields."""

    def __init__(
        self,
        look: Theme,
        *,
        fields: tuple[Field, ...],
        ask: Asking,
        fresh: Callable[[], Scene],
        send: Callable[[str, Mapping[str, object]], Awaitable[Answer]],
        clock: Callable[[], float],
    ) -> None:
        self._fields = list(fields)
        self._chosen = 0
        self._typed = TypedLine() if fields[0].sends else None
        """The text of the field that is edited; None while none is."""
        self._follows = True
        """The chosen line is in view; False while one reads what stands below."""
        self._wrong = ""
        """Why that text cannot be the field's value."""
        super().__init__(look, ask=lambda scene: ask(scene, self._values()), fresh=fresh, send=send, clock=clock)

    def press(self, key: str) -> None:
        """Take a key: the character of a printable one, else Textual's name."""
        if not self._takes_keys:
            return
        self._follows = key not in ("pagedown", "pageup")
        if self._typed is not None:
            self._edit(key, self._typed)
        elif key in ("j", "down", "k", "up", "tab", "shift+tab"):
            step = 1 if key in ("j", "down", "tab") else -1
            self._chosen = (self._chosen + step) % len(self._fields)
            self.paint()
        elif key in ("h", "left", "l", "right", "enter"):
            self._change(-1 if key in ("h", "left") else 1, may_edit=key == "enter")
        elif key in ("pagedown", "pageup"):
            super().press("down" if key == "pagedown" else "up")
        elif key == self.question.key and not self.question.yes:
            self._refuse()
        else:
            super().press(key)

    def body(self, width: int, height: int) -> list[Line]:
        """Return the facts, scrolled so that the chosen line is among them."""
        if self._follows:
            before = self._facts(width, self._chosen)
            end = len(before) + len(self._fact(self._chosen, *self.question.facts[self._chosen], width))
            self._scrolled = min(len(before) if self._chosen else 0, max(self._scrolled, end - (height - 4)))
        return super().body(width, height)

    def insert(self, text: str) -> None:
        """Put pasted text into the field that is edited."""
        if self._typed is not None:
            self._typed = self._typed.put(text, LONGEST)
            self.paint()

    def _refuse(self) -> None:
        """Say why there is no yes to say: the lines can be changed, so it is no reason to throw them away."""
        self.notice = dict(self.question.facts).get("so", "it cannot be done like this")
        self.fit_into(*self.screen.size)
        self._blink()

    def _edit(self, key: str, typed: TypedLine) -> None:
        """Take a key into the field's text."""
        field = self._fields[self._chosen]
        if key in ("escape", "ctrl+c") and field.sends:
            self._close("no: nothing was changed")
        elif key in ("escape", "ctrl+c"):
            self._typed, self._wrong = None, ""
        elif key in ("enter", "tab"):
            self._take(field, typed.text.strip())
        else:
            self._typed = typed.press(key, LONGEST)
        self.fit_into(*self.screen.size)

    def _take(self, field: Field, value: str) -> None:
        """Let a field have what was typed, unless it cannot: then it stays to be typed anew."""
        self._wrong = field.check(self._fresh(), value)
        if self._wrong:
            self._typed = TypedLine(value).select()
            return
        self._set(value)
        if field.sends:
            self._answer()

    def _answer(self) -> None:
        """Send where the typed name is the right one, else let it be typed again."""
        if self.question.yes and self._is_armed():
            self._say_yes(self.question.arguments)
        else:
            self._typed = TypedLine()

    def _change(self, step: int, *, may_edit: bool) -> None:
        field = self._fields[self._chosen]
        if field.choices:
            place = field.choices.index(field.value) if field.value in field.choices else 0
            self._set(field.choices[(place + step) % len(field.choices)])
        elif may_edit:
            self._typed = TypedLine(field.value).select()
            self.paint()

    def _set(self, value: str) -> None:
        field = self._fields[self._chosen]
        drawn = self._drawn
        self._fields[self._chosen], self._typed = replace(field, value=value), None
        self._reload(self._ask(self._fresh()), "")
        if field.sends:
            self._drawn = drawn  # a whole name is no slip of the hand

    def _values(self) -> dict[str, str]:
        return {field.name: field.value for field in self._fields}

    def _fact(self, place: int, label: str, text: str, width: int) -> list[Line]:
        if place >= len(self._fields):
            return super()._fact(place, label, text, width)
        is_chosen = place == self._chosen
        start: Line = ((f"{'>' if is_chosen else ' '} {label:<{LABEL - 2}}", "bold" if is_chosen else "grey"),)
        if is_chosen and self._typed is not None:
            room = width - LABEL - 3
            said = wrap(self._wrong, width - LABEL - 2) if self._wrong else []
            return [(*start, *self._typed.shown(room)), *(((" " * LABEL + part, "you"),) for part in said)]
        first, *rest = wrap(text, width - LABEL - 2)
        return [(*start, (first, "text")), *(((" " * LABEL + part, "text"),) for part in rest)]

    def _hint(self) -> Line:
        if self._typed is None:
            return (("     j/k, enter  change a line   h/l  other choice", "grey"),)
        end = "enter  do it   esc  no" if self._fields[self._chosen].sends else "enter  done   esc  leave it as it was"
        return ((f"     {end}", "grey"),)

    def _answers(self) -> Line:
        return super()._answers() if self._typed is None or self._is_waiting else BLANK
