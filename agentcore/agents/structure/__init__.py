"""Which structural edits does the search agent know? Ideas for nightlab's own train.py that are no constant of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from agentcore.agents.structure.edit import Edit, apply, fits
from agentcore.agents.structure.model import MODEL
from agentcore.agents.structure.training import TRAINING

__all__ = ["EDITS", "Edit", "applicable", "apply"]

EDITS: dict[str, Edit] = {edit.name: edit for edit in (*MODEL, *TRAINING)}
"""{name: the edit}. An experiment remembers an edit by its name, so a name keeps its meaning for ever."""


@lru_cache(maxsize=64)
def applicable(source: str) -> Mapping[str, Edit]:
    """Return the edits that have a place in a source, by name. To try them all takes 0.2 s, and a trunk stands long."""
    return MappingProxyType({name: edit for name, edit in EDITS.items() if fits(edit, source)})
