"""What does a lab without experiments offer? To import the results.tsv that lies in its folder."""

from __future__ import annotations

from pathlib import Path

from agentcore import format as fmt
from agentcore.project import importing
from agentcore.state import Import, LabState
from tui.live import stamp


class Offer:
    """The rows of the file that are not here yet, looked at while screen 4 is empty."""

    def __init__(self, root: Path) -> None:
        self.rows = 0
        self.fault = ""
        """Why the file cannot be imported."""
        self._path = root / importing.NAME
        self._text = ""
        self._looked: tuple[tuple[int, int] | None, tuple[Import, ...]] | None = None

    def look(self, state: LabState) -> None:
        """Read the file, where it was written or something was imported since; never for a lab with experiments."""
        if state.counts.decided:
            self.rows = 0
            return
        looked = stamp(self._path), state.imports
        if looked == self._looked:
            return
        self._looked, self.rows, self.fault = looked, 0, ""
        if looked[0] is None:
            return
        try:
            self._text = importing.load(self._path)
            self.rows = len(importing.fresh(state, importing.read(self._text)))
        except importing.AllHere:
            return
        except importing.NotImported as error:
            self.fault = str(error)

    @property
    def words(self) -> str:
        """The sentence; empty where there is nothing to offer."""
        if self.fault:
            return f"{importing.NAME} cannot be imported: {self.fault}."
        return f"{importing.NAME} found: enter imports {fmt.count(self.rows, 'row')}." if self.rows else ""

    @property
    def arguments(self) -> dict[str, object]:
        """What the engine needs to import them."""
        return {"source": str(self._path), "text": self._text}
