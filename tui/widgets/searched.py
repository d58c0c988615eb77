"""Where is a word in a pane? Lists and texts are searched alike; what was found is marked in every line."""

from __future__ import annotations

from tui.lines import BLANK, Line

MARK = "blink"
"""The role that is laid over what was found."""

NOTHING = "nothing is looked for; / begins"


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

    def find(self, words: str) -> str:
        """Look for `words` from here on and return what to say of it; without words the search is over."""
        if not self.needle:
            self._at = self.begin()
        self.needle = words
        self.paint()
        return self._go(self._at - 1, 1) if words else ""

    def find_again(self, step: int) -> str:
        """Go to the next (1) or previous (-1) match, around the end; return what to say of it."""
        return self._go(self._at, step) if self.needle else NOTHING

    def _go(self, start: int, step: int) -> str:
        hits = [index for index in range(self.count()) if holds(self.text_of(index), self.needle)]
        if not hits:
            return f"{self.needle} is not in here"
        beyond = [hit for hit in hits if (hit > start if step > 0 else hit < start)]
        self._at = (beyond or hits)[0 if step > 0 else -1]
        self.reach(self._at)
        return f"{self.needle}: {hits.index(self._at) + 1} of {len(hits)}"


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
