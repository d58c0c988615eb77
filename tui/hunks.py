"""Which lines does a change have on the screen, one below the other or side by side?

A file that may not be changed at all comes first, in a box that names the rule: nothing else about the change counts
before that is put right.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from agentcore import format as fmt
from tui.lines import Line, clip

if TYPE_CHECKING:  # the diff module brings pygit2, which would delay the first paint by 80 ms
    from worktrees.diff import Diff, DiffLine, FileDiff

WORD = frozenset(string.ascii_letters + string.digits + "_.")


@dataclass(frozen=True)
class Entry:
    """One line of the flattened change."""

    kind: str
    """rule, end (the edges of a box), file, hunk, note, gap, or the line's origin: blank, +, -."""
    text: str
    number: int | None = None
    path: str = ""
    twin: str | None = None
    """The text that this line replaces or is replaced by, where lines pair up."""
    boxed: bool = False
    """It stands in the box of a broken rule."""

    @property
    def is_source(self) -> bool:
        """True for a line of a file, which has a side."""
        return self.kind in (" ", "+", "-")


Row = tuple[int | None, ...]
"""The entries that stand in one row, by their index: one, or those of the left and the right side."""


def flatten(diff: Diff, *, single: bool, broken: Mapping[str, str] | None = None) -> list[Entry]:
    """Return the entries of `diff`; with `single` the name of an only file is left to the title.

    `broken`: {path: the rule that its change breaks, in words}.
    """
    broken = broken or {}
    entries: list[Entry] = []
    for file in sorted(diff.files, key=lambda file: file.path not in broken):
        rule = broken.get(file.path)
        if entries:
            entries.append(Entry("gap", ""))
        if rule:
            entries.append(Entry("rule", rule, path=file.path, boxed=True))
        if rule or not (single and len(diff.files) == 1):
            size = fmt.change(file.added, file.removed)
            entries.append(Entry("file", f"{file.path}  {size}", boxed=bool(rule)))
        entries += _hunks(file, bool(rule))
        if rule:
            entries.append(Entry("end", "", boxed=True))
    return entries


def below(entries: Sequence[Entry]) -> list[Row]:
    """Return one row for each entry."""
    return [(index,) for index in range(len(entries))]


def beside(entries: Sequence[Entry]) -> list[Row]:
    """Return rows with the old lines at the left and the new ones at the right; a changed line faces its change."""
    rows: list[Row] = []
    index = 0
    while index < len(entries):
        if entries[index].kind not in ("+", "-"):
            rows.append((index, index) if entries[index].kind == " " else (index,))
            index += 1
            continue
        middle = _after(entries, index, "-")
        end = _after(entries, middle, "+")
        for offset in range(max(middle - index, end - middle)):
            left, right = index + offset, middle + offset
            rows.append((left if left < middle else None, right if right < end else None))
        index = end
    return rows


def marked(text: str, twin: str | None, role: str) -> Line:
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


def _after(entries: Sequence[Entry], index: int, kind: str) -> int:
    while index < len(entries) and entries[index].kind == kind:
        index += 1
    return index


def _hunks(file: FileDiff, boxed: bool) -> list[Entry]:
    if file.binary:
        return [Entry("note", "binary file", boxed=boxed)]
    entries: list[Entry] = []
    for hunk in file.hunks:
        if entries:
            entries.append(Entry("gap", "", boxed=boxed))
        entries.append(Entry("hunk", clip(hunk.header, 200), boxed=boxed))
        twins = _twins(hunk.lines)
        entries += [
            Entry(line.origin, line.text, line.new or line.old, file.path, twins.get(index), boxed)
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
