"""Where is a word in a pane? Lists and texts are searched alike; what was found is marked in every line."""

from __future__ import annotations

from collections.abc import Callable

from tui.lines import BLANK, Line

MARK = "blink"
"""The role that is laid over what was found."""


class Searched:
    """What a pane has whose lines can be searched."""

    needle: str
    """What is looked for; empty for nothing."""
    _at = 0

    def count(self) -> int:
        """Return how many lines there are."""
        return 0

    def text_of(self, index: int) -> str:
        """Return one line as it is searched."""
        return ""

    def paint(self) -> None:
        """Show what has changed."""

    def reach(self, index: int) -> None:
        """Bring one line into view."""

    def begin(self) -> int:
        """Return the line from which a search begins."""
        return 0

    def find(self, needle: str) -> bool:
        """Look for `needle` from here on; an empty one ends the search. True where it is found."""
        if not self.needle:
            self._at = self.begin()
        self.needle = needle
        self.paint()
        return not needle or self._go(self._at - 1, 1)

    def again(self, step: int) -> bool:
        """Go to the next (1) or previous (-1) match, around the end. True where there is one."""
        return bool(self.needle) and self._go(self._at, step)

    def _go(self, start: int, step: int) -> bool:
        found = next_match(self.count(), self.text_of, self.needle, start, step)
        if found is None:
            return False
        self._at = found
        self.reach(found)
        return True


def next_match(count: int, text_of: Callable[[int], str], needle: str, start: int, step: int) -> int | None:
    """Return the line after `start` (before it where `step` is -1) that holds `needle`, around the end."""
    for distance in range(1, count + 1):
        index = (start + step * distance) % count
        if holds(text_of(index), needle):
            return index
    return None


def holds(text: str, needle: str) -> bool:
    """Tell whether `needle` is in `text`; a capital letter in it makes capitals count."""
    return needle in (text if _is_strict(needle) else text.lower())


def mark(line: Line, needle: str) -> Line:
    """Return `line` with every occurrence of `needle` marked, also where it lies in several spans."""
    text = "".join(part for part, _ in line)
    seen = text if _is_strict(needle) else text.lower()
    if len(seen) != len(text) or needle not in seen:  # some letters grow when lowered: rather no mark than a wrong one
        return line
    hits: set[int] = set()
    at = seen.find(needle)
    while at >= 0:
        hits.update(range(at, at + len(needle)))
        at = seen.find(needle, at + len(needle))
    marked: list[tuple[str, str]] = []
    start = 0
    for part, role in line:
        cut = 0
        for index in range(1, len(part) + 1):
            if index == len(part) or ((start + index) in hits) != ((start + cut) in hits):
                marked.append((part[cut:index], f"{role} {MARK}" if start + cut in hits else role))
                cut = index
        start += len(part)
    return tuple(marked) or BLANK


def _is_strict(needle: str) -> bool:
    return needle != needle.lower()
