"""How are the numbers of an upright axis written, so that no two of them read the same?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Writer = Callable[[float], str]

SCORE: Writer = "{:.4f}".format
FINER_SCORES: tuple[Writer, ...] = ("{:.5f}".format, "{:.6f}".format)
"""With more digits, for a range so narrow that four are not enough."""


def labels(values: Sequence[float], write: Writer, finer: Sequence[Writer] = ()) -> list[str]:
    """Return the numbers by the first of the writers that tells all of them apart; by the last of them what still
    reads as the number above it is left out.
    """
    names: list[str] = []
    for writer in (write, *finer):
        names = [writer(value) for value in values]
        if len(set(names)) == len(names):
            return names
    return ["" if place and name == names[place - 1] else name for place, name in enumerate(names)]
