"""Which role does each part of a source line have?

Only strings, numbers, comments and keywords are told apart, quietly: in a diff colour belongs to what changed. Pygments
is imported when the first source line is shown, not before the first paint.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.lines import Line


def highlight(lines: Sequence[str], path: str) -> list[Line]:
    """Return `lines` (adjacent, of the file `path`) as spans; they are read together, so that docstrings are known."""
    if not path.endswith(".py"):
        return [((text, "text"),) for text in lines]
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]
    from pygments.token import Comment, Keyword, Literal, Operator  # type: ignore[import-untyped]

    roles = ((Comment, "comment"), (Literal, "literal"), (Keyword, "keyword"), (Operator.Word, "keyword"))
    result: list[list[tuple[str, str]]] = [[]]
    for kind, text in PythonLexer(ensurenl=False, stripnl=False).get_tokens("\n".join(lines)):
        role = next((role for family, role in roles if kind in family), "text")
        first, *rest = text.split("\n")
        result[-1].append((first, role))
        result += [[(part, role)] for part in rest]
    return [tuple(span for span in line if span[0]) for line in result[: len(lines)]]
