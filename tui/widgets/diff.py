"""A change, hunk by hunk; opened in a moment however long it is.

The change is flattened to one entry per line; only visible lines are turned into cells, and source is highlighted in
blocks when a block is first shown. While the reader has scrolled away from the top, a newer diff waits (FROZEN), so
that nothing moves under their eyes.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from tui import format as fmt
from tui.highlight import highlight
from tui.lines import BLANK, Line, clip
from tui.theme import Theme
from tui.widgets.pane import TextPane

if TYPE_CHECKING:  # the diff module brings pygit2, which would delay the first paint by 80 ms
    from worktrees.diff import Diff, DiffLine, FileDiff

WORD = frozenset(string.ascii_letters + string.digits + "_.")

EDGE = 9
"""Cells of the upper edge that its titles leave to the line."""

BLOCK = 200
"""Lines that are highlighted together."""


@dataclass(frozen=True)
class Entry:
    """One line of the flattened change."""

    kind: str
    """file, hunk, note, gap, or the line's origin: blank, +, -."""
    text: str
    number: int | None = None
    path: str = ""
    twin: str | None = None
    """The text that this line replaces or is replaced by, where lines pair up."""


class DiffPane(TextPane):
    """The diff of a worktree or a candidate."""

    def __init__(self, look: Theme, *, id: str, numbered: bool = False) -> None:  # noqa: A002
        super().__init__(look, id=id)
        self.numbered = numbered
        self.title = ""
        self.aside = ""
        """What the title says at its right, e.g. the age of the last edit."""
        self.against = ""
        """The commit that the change is against; named where there is room."""
        self.empty = "no change yet: waiting for the first edit"
        self._diff: Diff | None = None
        self._waiting: list[Diff] = []
        self._entries: list[Entry] = []
        self._blocks: dict[int, list[Line]] = {}

    def show(self, diff: Diff | None, *, subject: str) -> None:
        """Show `diff` of `subject`. A newer diff of the same subject waits while the reader has scrolled."""
        if subject != self.title:
            self.title, self.top, self.left, self._waiting = subject, 0, 0, []
            self._take(diff)
        elif diff is not None and diff != (self._waiting[-1] if self._waiting else self._diff):
            if self.top and self._entries:
                self._waiting.append(diff)
            else:
                self._take(diff)
        self.paint()

    def follow(self) -> None:
        """Show the newest diff from its top."""
        if self._waiting:
            self._take(self._waiting[-1])
        self._waiting, self.top = [], 0
        self.paint()

    def hunk(self, step: int) -> None:
        """Scroll to the next (1) or previous (-1) hunk."""
        starts = [index for index, entry in enumerate(self._entries) if entry.kind == "hunk"]
        here = self.top + 1 if step > 0 else self.top  # at the top stands the file's name, its first hunk below
        beyond = [index for index in starts if (index > here if step > 0 else index < here)]
        if beyond:
            self.top = min(self.bottom(), beyond[0] if step > 0 else beyond[-1])
            self.paint()

    def head(self) -> tuple[str, str]:
        """Return the subject, and the size of the change or that it is frozen."""
        size = self._standing()
        base = f", against {fmt.short(self.against)}" if self.against else ""
        return self.title + (base if len(self.title + base + size) + EDGE <= self.size.width else ""), size

    def count(self) -> int:
        """Return the number of lines of the flattened change."""
        return max(1, len(self._entries))

    def text_of(self, index: int) -> str:
        """Return one line as it is searched: without its colours, which cost more than the search."""
        return self._entries[index].text if self._entries else ""

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        if not self._entries:
            return ((f" {self.empty}", "grey"),)
        entry = self._entries[index]
        match entry.kind:
            case "file":
                return ((f" {entry.text}", "bold"),)
            case "hunk":
                return ((f" {entry.text if self.numbered else _place(entry.text)}", "hunk"),)
            case "gap":
                return BLANK
            case "note":
                return ((f" {entry.text}", "grey"),)
        number = "" if entry.number is None else str(entry.number)
        margin = f" {entry.kind}{number:>5}  " if self.numbered else f" {entry.kind}  "
        if entry.kind == " ":
            return ((margin, "grey" if self.numbered else "text"), *_cut(self._source(index), self.left))
        role = "add" if entry.kind == "+" else "remove"
        spans = _marked(entry.text, entry.twin, role)
        return ((margin, role), *_cut(spans, self.left), (" " * width, role))

    def _take(self, diff: Diff | None) -> None:
        self._diff = diff
        self._entries = flatten(diff, single=not self.numbered) if diff else []
        self._blocks = {}
        self.top = min(self.top, self.bottom()) if self.size else 0

    def _standing(self) -> str:
        if self._waiting:
            return f"FROZEN, {len(self._waiting)} newer  F: follow"
        if not self._diff or not self._diff.files:
            return ""
        files = self._diff.files
        what = files[0].path.rpartition("/")[2] if len(files) == 1 else fmt.count(len(files), "file")
        aside = f", {self.aside}" if self.aside else ""
        return f"{fmt.change(self._diff.added, self._diff.removed)} {what}{aside}"

    def _source(self, index: int) -> Line:
        block = index // BLOCK
        if block not in self._blocks:
            entries = self._entries[block * BLOCK : (block + 1) * BLOCK]
            texts = [entry.text if entry.kind in " +" else "" for entry in entries]
            path = next((entry.path for entry in entries if entry.path), "")
            self._blocks[block] = highlight(texts, path)
        lines = self._blocks[block]
        place = index % BLOCK
        return lines[place] if place < len(lines) else ((self._entries[index].text, "text"),)


def flatten(diff: Diff, *, single: bool) -> list[Entry]:
    """Return the entries of `diff`; with `single` the name of an only file is left to the title."""
    entries: list[Entry] = []
    for file in diff.files:
        if entries:
            entries.append(Entry("gap", ""))
        if not (single and len(diff.files) == 1):
            entries.append(Entry("file", f"{file.path}  {fmt.change(file.added, file.removed)}"))
        entries += _hunks(file)
    return entries


def _hunks(file: FileDiff) -> list[Entry]:
    if file.binary:
        return [Entry("note", "binary file")]
    entries: list[Entry] = []
    for hunk in file.hunks:
        if entries:
            entries.append(Entry("gap", ""))
        entries.append(Entry("hunk", clip(hunk.header, 200)))
        twins = _twins(hunk.lines)
        entries += [
            Entry(line.origin, line.text, line.new or line.old, file.path, twins.get(index))
            for index, line in enumerate(hunk.lines)
        ]
    return entries


def _twins(lines: tuple[DiffLine, ...]) -> dict[int, str]:
    """Pair removed with added lines where as many of one follow as many of the other."""
    twins: dict[int, str] = {}
    index = 0
    while index < len(lines):
        start = index
        while index < len(lines) and lines[index].origin == "-":
            index += 1
        middle = index
        while index < len(lines) and lines[index].origin == "+":
            index += 1
        if middle - start == index - middle:
            for old, new in zip(range(start, middle), range(middle, index), strict=True):
                twins[old], twins[new] = lines[new].text, lines[old].text
        if index == start:
            index += 1
    return twins


def _marked(text: str, twin: str | None, role: str) -> Line:
    """Return a changed line with the part that differs from its twin made prominent, unless that is most of it."""
    if twin is None:
        return ((text, role),)
    start = _alike(text, twin)
    room = min(len(text), len(twin)) - start
    end = min(room, _alike(text[::-1], twin[::-1]))
    while start and text[start - 1] in WORD:  # whole words and numbers, not the digits that differ
        start -= 1
    while end and text[len(text) - end] in WORD:
        end -= 1
    middle = text[start : len(text) - end]
    if not middle or len(middle) > 2 * len(text.strip()) // 3:
        return ((text, role),)
    tail = text[len(text) - end :] if end else ""
    return ((text[:start], role), (middle, f"{role}-changed"), (tail, role))


def _alike(one: str, other: str) -> int:
    """Return how many characters are the same from the start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _cut(line: Line, columns: int) -> Line:
    """Return `line` without its first `columns` characters."""
    if not columns:
        return line
    result = []
    for text, role in line:
        if columns < len(text):
            result.append((text[columns:], role))
        columns = max(0, columns - len(text))
    return tuple(result)


def _place(header: str) -> str:
    """Return a hunk's header without its line numbers, where it names the enclosing definition."""
    name = header.rpartition("@@")[2].strip()
    return f"@@ {name}" if name else header
