"""What is a structural edit, and how does it find its place in the source?

An edit is a few steps, each at a text that occurs exactly once or at a node that the parser finds. All of its steps
fit, or nothing changes: an edit that was applied before, or that other edits left no place for, does not apply.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from agentcore.agents.constants import find, rewrite, split_lines

Step = Callable[[str], str | None]
"""From a source to the next one, or to None where it does not fit."""


@dataclass(frozen=True)
class Edit:
    """One idea that no constant of the file expresses."""

    name: str
    hypothesis: str
    """One line: what changes, and in parentheses why that should help."""
    directions: tuple[str, ...]
    steps: tuple[Step, ...]


def apply(edit: Edit, source: str) -> str | None:
    """Return the source with the edit, every other byte as it was; None where it does not apply."""
    result = _follow(edit.steps, source)
    return result if result is not None and _parses(result) else None


def fits(edit: Edit, source: str) -> bool:
    """Return True where an edit finds its places; whether the result parses, which takes far longer, is not tried."""
    return _follow(edit.steps, source) is not None


def _follow(steps: tuple[Step, ...], source: str) -> str | None:
    plain = source.replace("\r\n", "\n")
    from_windows = plain != source and plain.replace("\n", "\r\n") == source
    text: str | None = plain if from_windows else source
    try:
        for step in steps:
            text = step(text) if text is not None else None
    except SyntaxError:  # people and models edit the file too: what a step meets need not be what it was written for
        return None
    return text.replace("\n", "\r\n") if text is not None and from_windows else text


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def swap(old: str, new: str) -> Step:
    """Replace a text by another."""
    return lambda source: source.replace(old, new) if source.count(old) == 1 else None


def before(anchor: str, text: str) -> Step:
    """Insert a text before another; refused where the text is in the source already."""
    return _insert(anchor, text + anchor, text)


def after(anchor: str, text: str) -> Step:
    """Insert a text after another; refused where the text is in the source already."""
    return _insert(anchor, anchor + text, text)


def _insert(anchor: str, both: str, text: str) -> Step:
    return lambda source: source.replace(anchor, both) if source.count(anchor) == 1 and text not in source else None


def wrap(name: str, outer: str) -> Step:
    """Turn the one call of `name` into an argument of `outer`, whatever its own arguments are."""

    def step(source: str) -> str | None:
        if f"{outer}({name}(" in source or f"{name}(" not in source:
            return None
        found = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.Call) and _is(each.func, name)]
        if len(found) != 1:
            return None
        begin, end = _position(source, found[0])
        return f"{source[:begin]}{outer}({source[begin:end]}){source[end:]}"

    return step


def without(name: str) -> Step:
    """Remove a constant and the comment right above it."""

    def step(source: str) -> str | None:
        line = next((each.line for each in find(source) if each.name == name), None)
        if line is None:
            return None
        lines = split_lines(source)
        first = line - 1
        while first > 0 and lines[first - 1].startswith("#"):
            first -= 1
        return "".join(lines[:first] + lines[line:])

    return step


def at_least(name: str, value: float) -> Step:
    """Raise a constant that stands below `value`: what the edit changes must be in use."""

    def step(source: str) -> str | None:
        now = next((each.value for each in find(source) if each.name == name), None)
        if not isinstance(now, int | float):
            return None
        return rewrite(source, {name: value}) if now < value else source

    return step


def importing(module: str) -> Step:
    """Import a module of the standard library where that has not been done, after `import gc`."""
    line = f"import {module}\n"
    insert = after("import gc\n", line)
    return lambda source: source if f"\n{line}" in source else insert(source)


def _is(function: ast.expr, name: str) -> bool:
    owner, _, last = name.rpartition(".")
    if not owner:
        return isinstance(function, ast.Name) and function.id == name
    return isinstance(function, ast.Attribute) and function.attr == last and _is(function.value, owner)


def _position(source: str, node: ast.expr) -> tuple[int, int]:
    """Return where a node begins and ends, in characters."""
    assert node.end_lineno is not None and node.end_col_offset is not None, "ast.parse fills the positions in"
    lines = split_lines(source)

    def at(line: int, column: int) -> int:
        return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())

    return at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset)
