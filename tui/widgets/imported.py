"""Old nights that were imported, as a list, and what is known of the selected row in a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentcore import format as fmt
from agentcore.events import OldRow
from agentcore.project.importing import counted, steps
from agentcore.state import Import, LabState
from tui.lines import BLANK, Line, fit, flush, wrap
from tui.theme import OUTCOMES, Theme
from tui.widgets.keyed import KeyedList
from tui.widgets.pane import Pane

COMMIT, OUTCOME, SCORE, GAIN, MEMORY = 8, 7, 6, 7, 4
"""Cells of the columns."""

NOT_OURS = "measured elsewhere, by one run: history, and part of no number of this lab"


@dataclass(frozen=True)
class OldItem:
    """A row of an old night, by its place among all that were imported."""

    place: int
    night: Import
    row: OldRow
    gain: float | None
    """Over the best that was kept before it in its own file."""


def items(state: LabState) -> tuple[OldItem, ...]:
    """Return every imported row, in the order of the files."""
    lower = state.config.lower_is_better if state.config else True
    rows = ((night, *step) for night in state.imports for step in steps(night.rows, lower_is_better=lower))
    return tuple(OldItem(place, *each) for place, each in enumerate(rows, 1))


class ImportedList(KeyedList[OldItem]):
    """The rows with a cursor; only visible ones are built."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="imported", heavy=True)
        self.nights: Sequence[Import] = ()
        self.sought = ""
        """What was looked for."""

    def key(self, row: OldItem) -> int:
        """Return its place."""
        return row.place

    def head(self) -> tuple[str, str]:
        """Return what it is, and of how many files."""
        sought = f" with {self.sought}" if self.sought else ""
        return fmt.count(len(self.rows), "imported row") + sought, fmt.count(len(self.nights), "file")

    def header(self, width: int) -> list[Line]:
        """Return the column titles."""
        cells = [fit("COMMIT", COMMIT), fit("OUTCOME", OUTCOME), flush("VAL", SCORE), flush("GAIN", GAIN)]
        return [((" ".join([" ", *cells, flush("MEM", MEMORY), "IDEA"]), "grey"),)]

    def item(self, index: int, width: int) -> Line:
        """Return the line of one row."""
        item = self.rows[index]
        glyph, role, _ = OUTCOMES[item.row.outcome]
        line: Line = (
            (self.sign(index, item.place), "bold"),
            (f"{fit(item.row.commit, COMMIT)} ", "text" if item.row.known_as else "grey"),
            (fit(f"{glyph} {item.row.outcome.upper()}", OUTCOME), role),
            (f" {flush(fmt.score(item.row.score), SCORE)} {flush(fmt.gain(item.gain), GAIN)} ", "text"),
            (f"{flush(fmt.memory(item.row.memory_gb * 1024 or None), MEMORY)} ", "text"),
            (item.row.idea, "text"),
        )
        return self.lit(index, line, width)

    def body(self, width: int, height: int) -> list[Line]:
        """Return the list, or why it is empty."""
        if not self.rows:
            empty = f"no row holds {self.sought}; esc lists all" if self.sought else "nothing was imported yet"
            return [BLANK, *(((f" {part}", "text"),) for part in wrap(empty, width - 2))]
        return super().body(width, height)


class OldPane(Pane):
    """All of a row's words, where it comes from, and that it is not a measurement of this lab."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="detail", frame="rule")
        self.item: OldItem | None = None

    def head(self) -> tuple[str, str]:
        """Return the commit, and when it was imported."""
        return (self.item.row.commit, f"imported {fmt.clock(self.item.night.at)}") if self.item else ("", "")

    def body(self, width: int, height: int) -> list[Line]:
        """Return the lines: that it is no measurement stands always first."""
        if self.item is None:
            return []
        night = self.item.night
        texts = [NOT_OURS, self.item.row.idea, f"{night.source}: {counted(night.rows)}"]
        lines = [part for text in texts for part in wrap(text, width - 2)]
        return [((f" {part}", "text"),) for part in lines[:height]]
