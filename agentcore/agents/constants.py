"""Which constants does a source file have, and how is one changed in place?

A constant is a module-level ``UPPER_CASE = literal``. Its range or choices may stand in the comment above it:
``(0.005 to 0.08)`` or ``(one of: relu2, gelu)``; without that, the literal's kind and size suggest them.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

Value = bool | int | float | str

_RANGE = re.compile(r"\(([-+.\deE]+) to ([-+.\deE]+)\)")
_CHOICES = re.compile(r"\(one of: ([^)]+)\)")
_HEADING = re.compile(r"# --- (\w+).* ---$")


@dataclass(frozen=True)
class Constant:
    """One constant, where it stands, and what the comment above it allows."""

    name: str
    value: Value
    line: int
    """1-based line of the literal."""
    start: int
    end: int
    """Byte columns of the literal in that line."""
    choices: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    section: str = ""
    """First word of the heading that it stands under: model for ``# --- Model ---``; empty without headings."""


@lru_cache(maxsize=32)  # one proposal asks for the constants of one source a dozen times
def find(source: str) -> tuple[Constant, ...]:
    """Return the constants of a Python file in order. Raises SyntaxError."""
    lines = split_lines(source)
    found = []
    try:
        tree = ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:  # a null byte, a thousand brackets
        raise SyntaxError(str(error)) from error
    for node in tree.body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or node.lineno != node.end_lineno:
            continue
        target, value = node.targets[0], _literal(node.value)
        if isinstance(target, ast.Name) and target.id.isupper() and value is not None:
            comment = lines[node.lineno - 2].strip() if node.lineno > 1 else ""
            constant = _constant(target.id, value, node.value, comment if comment.startswith("#") else "")
            found.append(replace(constant, section=_section(lines[: node.lineno - 1])))
    return tuple(found)


def rewrite(source: str, changes: Mapping[str, Value]) -> str:
    """Return the source with the literals of `changes` replaced and every other byte as it was."""
    lines = split_lines(source)
    for constant in reversed(find(source)):  # from the right, so that columns of a line with two stay true
        if constant.name in changes:
            line = lines[constant.line - 1].encode()
            literal = render(changes[constant.name]).encode()
            lines[constant.line - 1] = (line[: constant.start] + literal + line[constant.end :]).decode()
    return "".join(lines)


def render(value: Value) -> str:
    """Return a value as a literal, big integers in groups of three as in ``4_096``."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:_}" if isinstance(value, int) and not isinstance(value, bool) else repr(value)


def round_significant(value: float, digits: int = 2) -> float:
    """Return a value with so many significant digits: 0.0338471 is written, and thought of, as 0.034."""
    return 0.0 if value == 0 else round(value, digits - 1 - math.floor(math.log10(abs(value))))


def split_lines(source: str) -> list[str]:
    """Split where Python counts lines, ends kept: str.splitlines would also split at a form feed or a U+2028."""
    return list(io.StringIO(source, newline=""))


def _section(above: list[str]) -> str:
    headings = (_HEADING.match(line.rstrip()) for line in reversed(above))
    return next((heading[1].lower() for heading in headings if heading), "")


def _literal(node: ast.expr) -> Value | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str) else None


def _constant(name: str, value: Value, node: ast.expr, comment: str) -> Constant:
    assert node.end_col_offset is not None, "ast.parse fills the positions in"
    choices: tuple[Value, ...] = ()
    low = high = None
    try:
        if match := _CHOICES.search(comment):
            words = (word.strip().strip("\"'") for word in match[1].split(","))
            choices = tuple(_like(value, word) for word in words)
        elif match := _RANGE.search(comment):
            low, high = sorted((float(match[1]), float(match[2])))
    except ValueError:  # prose that only looks like a range
        choices, low, high = (), None, None
    return Constant(name, value, node.lineno, node.col_offset, node.end_col_offset, choices, low, high)


def _like(value: Value, word: str) -> Value:
    if isinstance(value, bool):
        return word == "True"
    return type(value)(word)
