"""What does a key change in a line of text, and which part of the line is shown?

The keys are those of a shell: ctrl+u takes away what is left of the cursor, ctrl+w a word of it, ctrl+k what is right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.cells import cell_len

from tui.lines import Line, tame

MOVES = {"left": -1, "right": 1}
ENDS = {"home": 0.0, "ctrl+a": 0.0, "end": 1.0, "ctrl+e": 1.0}


@dataclass(frozen=True)
class TypedLine:
    """A text, and where its cursor stands."""

    text: str = ""
    at: int = 0
    """Characters left of the cursor."""
    is_whole: bool = False
    """All of it is selected: what is typed next takes its place, a cursor key keeps it."""

    def press(self, key: str, longest: int) -> TypedLine:
        """Return the line after a key: the character of a printable one, else Textual's name."""
        before, after = self.text[: self.at], self.text[self.at :]
        if len(key) == 1:
            return self.put(key, longest)
        if key in MOVES:
            return TypedLine(self.text, max(0, min(len(self.text), self.at + MOVES[key])))
        if key in ENDS:
            return TypedLine(self.text, round(ENDS[key] * len(self.text)))
        if self.is_whole and key in ("backspace", "delete", "ctrl+u", "ctrl+w", "ctrl+k"):
            return TypedLine()
        match key:
            case "backspace":
                return TypedLine(before[:-1] + after, max(0, self.at - 1))
            case "delete":
                return TypedLine(before + after[1:], self.at)
            case "ctrl+u":
                return TypedLine(after, 0)
            case "ctrl+k":
                return TypedLine(before, self.at)
            case "ctrl+w":
                kept = before[: len(before.rstrip()) - len(before.split()[-1])] if before.strip() else ""
                return TypedLine(kept + after, len(kept))
        return self

    def put(self, text: str, longest: int) -> TypedLine:
        """Return the line with `text` where the cursor is; what goes beyond `longest` characters is not taken."""
        own = TypedLine() if self.is_whole else self
        text = tame(" ".join(text.splitlines()))[: longest - len(own.text)]  # terminals paste CR for a line's end
        return TypedLine(own.text[: own.at] + text + own.text[own.at :], own.at + len(text))

    def select(self) -> TypedLine:
        """Return the line with all of it selected."""
        return replace(self, at=len(self.text), is_whole=bool(self.text))

    def shown(self, room: int) -> Line:
        """Return its cells, scrolled so that the cursor is within `room` of them."""
        before, here, after = self.text[: self.at], self.text[self.at : self.at + 1], self.text[self.at + 1 :]
        role = "blink" if self.is_whole else "text"
        return ((_end(before, room), role), (here or " ", "blink"), (after, "text"))


def _end(text: str, room: int) -> str:
    """Return as much of the end of `text` as fits into `room` cells."""
    start, used = len(text), 0
    while start and (used := used + cell_len(text[start - 1])) <= room:
        start -= 1
    return text[start:]
