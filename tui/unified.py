"""How is a change written as text, for a terminal without a view and for the clipboard?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worktrees.diff import Diff


def unified(diff: Diff) -> str:
    """Return the change as a unified diff."""
    lines = []
    for file in diff.files:
        lines += [f"--- {file.path}", f"+++ {file.path}"]
        for hunk in file.hunks:
            lines.append(hunk.header)
            lines += [f"{line.origin}{line.text}" for line in hunk.lines]
    return "".join(f"{line}\n" for line in lines)
