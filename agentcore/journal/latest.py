"""How is it that what follows from an immutable map is worked out once, however many ask for it?

A state's tables are never changed, only replaced: where a function is asked about the same objects as the last time,
its answer is the same too. One answer is kept for each function, with the objects that it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def latest(function: Callable[P, R]) -> Callable[P, R]:
    """Keep the function's latest answer and return it while the arguments (by position) are the very same objects."""
    kept: tuple[tuple[object, ...], R] | None = None

    @wraps(function)
    def ask(*arguments: P.args, **named: P.kwargs) -> R:
        nonlocal kept
        assert not named, "arguments are compared by position"
        known = kept  # one reading: a thread may ask beside us
        if known is not None and all(a is b for a, b in zip(known[0], arguments, strict=True)):
            return known[1]
        answer = function(*arguments, **named)
        kept = arguments, answer
        return answer

    return ask
