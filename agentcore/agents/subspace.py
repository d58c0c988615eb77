"""What may the search agent change in a worktree that looks in one direction?

A direction is a part of the constants, perhaps with narrower values, and of the structural edits. The sections of
nightlab's own train.py and the names of its constants say which. Elsewhere, and for a direction that is not in this
table (a researcher may write others), everything may change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agentcore.agents.constants import Constant, Value
from agentcore.agents.structure import Edit

_SECTIONS = {"architecture": "model", "optimizer": "optimizer", "schedule": "schedule", "data": "batches"}
_START = ("EMBEDDING_STD", "HEAD_STD", "MATRIX_STD")
_CHEAPER_BELOW = ("DEPTH", "MLP_RATIO", "SHORT_WINDOW", "NEWTON_SCHULZ_STEPS", "SEQUENCE")
"""Each is fewer FLOPs, or on a GPU less time, for a token."""
_CHEAPER_LATER = ("WINDOWS",)
"""Choices that become cheaper from the first to the last."""
_SPEED = ("MICRO_BATCH", "HEAD_DIM")
"""The same FLOPs for a token, in larger or smaller pieces."""


@dataclass(frozen=True)
class Space:
    """What may change, and how many changes a proposal has."""

    constants: Mapping[str, Constant]
    edits: Mapping[str, Edit]
    is_wild: bool = False
    """Two or three changes at once, of any kind; otherwise one edit, or one or two constants."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that can be drawn; a constant is upper case, an edit lower."""
        return (*self.constants, *self.edits)


def restrict(direction: str, constants: Mapping[str, Constant], edits: Mapping[str, Edit]) -> Space:
    """Return the part of the space that belongs to a direction."""
    if direction == "wild":
        return Space(constants, edits, is_wild=True)
    if direction not in (*_SECTIONS, "initialisation", "simplification", "efficiency"):
        return Space(constants, edits)
    allowed = {name: edit for name, edit in edits.items() if direction in edit.directions}
    if not any(each.section in _SECTIONS.values() for each in constants.values()):
        return Space(constants, allowed)
    narrowed = ((name, _narrow(direction, constant)) for name, constant in constants.items())
    return Space({name: constant for name, constant in narrowed if constant is not None}, allowed)


def _narrow(direction: str, constant: Constant) -> Constant | None:
    """Return a constant as it may be changed in a direction, None where it may not be."""
    if direction == "simplification":
        off = _off(constant)
        return None if off is None or off == constant.value else replace(constant, choices=(off,))
    if direction == "efficiency":
        return _cheaper(constant)
    if constant.name in _START:
        return constant if direction == "initialisation" else None
    return constant if _SECTIONS.get(direction) == constant.section else None


def _off(constant: Constant) -> Value | None:
    """Return the value that switches a part off: False, the first choice, the zero at which a range begins."""
    if isinstance(constant.value, bool):
        return False
    if constant.choices:
        return constant.choices[0]
    return type(constant.value)(0) if constant.low == 0 else None


def _cheaper(constant: Constant) -> Constant | None:
    if constant.name in _CHEAPER_LATER and constant.value in constant.choices:
        later = constant.choices[constant.choices.index(constant.value) + 1 :]
        return replace(constant, choices=later) if later else None
    if constant.name in _CHEAPER_BELOW and isinstance(constant.value, int | float):
        low = constant.value / 4 if constant.low is None else constant.low
        return replace(constant, low=low, high=float(constant.value)) if low < constant.value else None
    return constant if constant.name in _SPEED else None


def can_train(values: Mapping[str, Value]) -> bool:
    """Return False where constants of nightlab's own train.py contradict each other: heads that do not fill a width."""
    width, head = values.get("WIDTH"), values.get("HEAD_DIM")
    return not (isinstance(width, int) and isinstance(head, int) and head > 0 and width % head)
