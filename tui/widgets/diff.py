"""A change, hunk by hunk; opened in a moment however long it is.

The change is flattened to one entry per line; only visible lines are turned into cells, and source is highlighted in
blocks when a block is first shown. While the reader has scrolled away, a newer diff waits (FROZEN), so that nothing
moves under their eyes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.cells import cell_len

from agentcore import format as fmt
from tui.highlight import highlight
from tui.hunks import Entry, Row, below, beside, flatten, marked
from tui.lines import BLANK, Line, clip, fill, window
from tui.theme import Theme
from tui.widgets.items import ItemsPane

if TYPE_CHECKING:
    from worktrees.diff import Diff

EDGE = 9
"""Cells of the upper edge that its titles leave to the line."""

BLOCK = 200
"""Lines that are highlighted together."""

TALLEST = 20
"""Lines that a wrapped line takes at most."""


class DiffPane(ItemsPane):
    """The diff of a worktree or a candidate."""

    def __init__(self, look: Theme, *, id: str, numbered: bool = False) -> None:  # noqa: A002
        super().__init__(look, id=id)
        self.numbered = numbered
        """It is read here: with line numbers, and frozen by any scrolling. A preview is frozen off its top only."""
        self.title = ""
        self.aside = ""
        """What the title says at its right, e.g. the age of the last edit."""
        self.against = ""
        """What the change is against; named where there is room."""
        self.empty = "no change yet: waiting for the first edit"
        self.is_live = False
        """It may change while it is read."""
        self.side_by_side = False
        self.diff: Diff | None = None
        self.broken: Mapping[str, str] | None = None
        """{path: the rule that its change breaks}; None where the rules are not known."""
        self._frozen = False
        self._waiting: list[tuple[Diff, Mapping[str, str] | None]] = []
        """Newer ones, with the rules that they break."""
        self._entries: list[Entry] = []
        self._rows: list[Row] = []
        self._blocks: dict[int, list[Line]] = {}

    def show(
        self, diff: Diff | None, *, subject: str, against: str = "", broken: Mapping[str, str] | None = None
    ) -> None:
        """Show `diff` of `subject`. A newer diff of the same subject waits while the reader has scrolled."""
        if (subject, against) != (self.title, self.against):
            self.against = against
            self.title, self.top, self.left, self._waiting, self._frozen = subject, 0, 0, [], False
            self._take(diff, broken)
        elif diff is not None and (diff, broken) != (self._waiting[-1] if self._waiting else (self.diff, self.broken)):
            if self._frozen and self._entries:
                self._waiting.append((diff, broken))
            else:
                self._take(diff, broken)
        self.paint()

    def scroll_by(self, lines: int) -> None:
        """Scroll, and stand still from then on."""
        self.top = max(0, min(self.bottom(), self.top + lines))
        self._freeze()
        self.paint()

    def follow(self) -> None:
        """Show the newest diff from its top."""
        if self._waiting:
            self._take(*self._waiting[-1])
        self._waiting, self._frozen, self.top = [], False, 0
        self.paint()

    def hunk(self, step: int) -> str:
        """Scroll to the next (1) or previous (-1) hunk; return what to say where there is none."""
        starts = [i for i, row in enumerate(self._rows) if self._entries[row[0] or 0].kind == "hunk"]
        here = self.item_at(self.top)[0] if self._rows else 0
        here += step > 0  # at the top stands the file's name, its first hunk below
        beyond = [index for index in starts if (index > here if step > 0 else index < here)]
        if not beyond:
            return f"there is no hunk {'below' if step > 0 else 'above'}"
        self.top = min(self.bottom(), self.line_of(beyond[0] if step > 0 else beyond[-1]))
        self._freeze()
        self.paint()
        return ""

    def split(self) -> None:
        """Show old and new side by side, or one below the other again; what stands at the top stays there."""
        first = self._rows[self.item_at(self.top)[0]] if self._rows else ()
        self.side_by_side, self.left = not self.side_by_side, 0
        self._arrange()
        kept = next((i for i, row in enumerate(self._rows) if set(first) & set(row) - {None}), 0)
        self.top = min(self.line_of(kept), self.bottom()) if self._rows else 0
        self.paint()

    def reached(self, item: int) -> None:
        """Show what a search has found, and stand still there."""
        self.reveal(item)
        self._frozen = True

    def head(self) -> tuple[str, str]:
        """Return the subject, and the size of the change or that it is frozen."""
        size = self._standing()
        base = f", against {self.against}" if self.against else ""
        return self.title + (base if len(self.title + base + size) + EDGE <= self.size.width else ""), size

    def total(self) -> int:
        """Return the number of rows."""
        return max(1, len(self._rows))

    def plain(self, item: int) -> str:
        """Return the text of a row's entries: without their colours, which cost more than the search."""
        row = self._rows[item] if self._rows else ()
        return "\n".join(self._entries[index].text for index in row if index is not None)

    def tall(self, item: int, width: int) -> int:
        """Return how many lines a row takes: its longest side."""
        row = self._rows[item] if self._rows else ()
        room = self._room(width, len(row))
        texts = [entry.text for index in row if index is not None and (entry := self._entries[index]).is_source]
        return min(TALLEST, max([1, *(-(-cell_len(text) // room) for text in texts)]))

    def part(self, item: int, part: int, width: int) -> Line:
        """Return one line."""
        if not self._rows:
            return ((f" {self.empty}", "grey"),)
        row = self._rows[item]
        first = next(self._entries[index] for index in row if index is not None)
        if first.kind in ("rule", "end"):
            return _edge(first, width)
        inside = width - 2 if first.boxed else width
        if not first.is_source:
            line = self._heading(first)
        elif len(row) == 1:
            line = self._side(row[0], part, inside, 1)
        else:
            half = (inside - 1) // 2
            left, right = self._side(row[0], part, half, 2), self._side(row[1], part, inside - 1 - half, 2)
            line = (*left, ("│", "frame"), *right)
        return (("│", "bad"), *fill(line, inside, "text"), ("│", "bad")) if first.boxed else line

    def footer(self, width: int) -> list[Line]:
        """Return what the change comes to, where it is read and not previewed."""
        if not (self.numbered and self.frame == "box" and self.diff and self.diff.files):
            return []
        hunks = sum(len(file.hunks) for file in self.diff.files)
        counts = f" {fmt.count(hunks, 'hunk')}, {fmt.count(len(self.diff.files), 'file')}."
        if self.broken is None:
            return [((counts, "grey"),)]
        rules = f" {fmt.count(len(self.broken), 'file')} outside of what may be edited." if self.broken else ""
        return [((counts, "grey"), (rules or " Nothing outside of what may be edited.", "bad" if rules else "grey"))]

    def _heading(self, entry: Entry) -> Line:
        match entry.kind:
            case "file":
                return ((f" {entry.text}", "bold"),)
            case "hunk":
                return ((f" {entry.text if self.numbered else _place(entry.text)}", "hunk"),)
            case "note":
                return ((f" {entry.text}", "grey"),)
        return BLANK

    def _side(self, index: int | None, part: int, width: int, sides: int) -> Line:
        """Return a line of a file in `width` cells, or the blank that faces an added or removed one."""
        if index is None:
            return ((" " * width, "text"),)
        entry = self._entries[index]
        number = "" if entry.number is None else str(entry.number)
        margin = f" {entry.kind}{number:>5}  " if self.numbered else f" {entry.kind}  "
        if part:
            margin = " " * len(margin)
        role = {"+": "add", "-": "remove"}.get(entry.kind, "text")
        spans = self._source(index) if entry.kind == " " else marked(entry.text, entry.twin, role)
        room = self._room(width, 1)
        spans = window(spans, self.left + part * room, room if sides > 1 or self.wrapped else 1 << 20)
        lead = "grey" if entry.kind == " " and self.numbered else role
        line = ((margin, lead), *spans)
        if sides > 1:
            return fill(line, width, role)
        return line if entry.kind == " " else (*line, (" " * width, role))

    def _room(self, width: int, sides: int) -> int:
        """Return the cells that a line's text has."""
        return max(10, ((width - 1) // 2 if sides == 2 else width) - (9 if self.numbered else 4))

    def _freeze(self) -> None:
        self._frozen = self.numbered or self.top > 0
        if not self._frozen and self._waiting:
            self._take(*self._waiting[-1])
            self._waiting = []

    def _take(self, diff: Diff | None, broken: Mapping[str, str] | None) -> None:
        self.diff, self.broken = diff, broken
        self._entries = flatten(diff, single=not self.numbered, broken=broken) if diff else []
        self._blocks = {}
        self._arrange()
        self.top = min(self.top, self.bottom()) if self.size else 0

    def _arrange(self) -> None:
        self._rows = beside(self._entries) if self.side_by_side else below(self._entries)
        self.relay()

    def _standing(self) -> str:
        if self._waiting:
            return f"FROZEN, {len(self._waiting)} newer  {self.look.keyed('{follow}: follow')}"
        if self._frozen and self.is_live:
            return self.look.keyed("FROZEN  {follow}: follow")
        if not self.diff or not self.diff.files:
            return ""
        files = self.diff.files
        what = files[0].path.rpartition("/")[2] if len(files) == 1 else fmt.count(len(files), "file")
        aside = f", {self.aside}" if self.aside else ""
        return f"{fmt.change(self.diff.added, self.diff.removed)} {what}{aside}"

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


def _edge(entry: Entry, width: int) -> Line:
    """Return the upper or the lower edge of the box around what breaks a rule."""
    if entry.kind == "end":
        return (("└" + "─" * (width - 2) + "┘", "bad"),)
    text = clip(f" {entry.text} ", width - 12)
    return (("┌─", "bad"), (" RULE", "bad"), (text, "bold"), ("─" * (width - 8 - cell_len(text)) + "┐", "bad"))


def _place(header: str) -> str:
    """Return a hunk's header without its line numbers, where it names the enclosing definition."""
    name = header.rpartition("@@")[2].strip()
    return f"@@ {name}" if name else header
