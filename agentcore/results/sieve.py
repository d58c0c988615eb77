"""Which results does a person mean by a few words?

`wt2 keep gain>0.0005 rope`: every term must hold. A term is a worktree, an outcome, a number (`#84`), a comparison of
a column, or else a text that stands in the hypothesis, the reason or the agent's name.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import get_args

from agentcore.events import Outcome
from agentcore.results.rows import COLUMNS, ResultRow

Test = Callable[[ResultRow], bool]

NAMES: Mapping[str, str] = {
    **{each.name: each.name for each in COLUMNS},
    "val": "score",
    "z": "sigma",
    "σ": "sigma",
    "mem": "memory",
    "min": "minutes",
}
"""What a column may be called."""

COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
}

_COMPARISON = re.compile(r"([^\d<>=]+)([<>]=?|=)(.*)")


def sift(rows: Iterable[ResultRow], text: str) -> list[ResultRow]:
    """Return the rows for which every term of `text` holds, in their order."""
    tests = [test for term in text.lower().split() if (test := _test(term))]
    return [row for row in rows if all(test(row) for test in tests)]


def _test(term: str) -> Test | None:
    """Return what a term asks of a row; None where it is only half typed and asks nothing yet."""
    if term == "#":
        return None
    if number := re.fullmatch(r"#(\d+)", term):
        wanted = int(number[1])
        return lambda row: row.experiment == wanted
    if re.fullmatch(r"wt\d+", term):
        return lambda row: row.worktree == term
    if term in get_args(Outcome):
        return lambda row: row.outcome == term
    comparison = _COMPARISON.fullmatch(term)
    if comparison and comparison[1] in NAMES:
        return _compare(NAMES[comparison[1]], comparison[2], comparison[3])
    return lambda row: any(term in text.lower() for text in (row.hypothesis, row.reason, row.agent))


def _compare(name: str, sign: str, limit: str) -> Test | None:
    value = next(each.value for each in COLUMNS if each.name == name)
    try:
        number = float(limit)
    except ValueError:
        return None
    compare = COMPARED[sign]

    def test(row: ResultRow) -> bool:
        found = value(row)
        return found is not None and compare(found, number)

    return test
