"""With which exit codes and in which words does a command end?"""

from __future__ import annotations

from agentcore.engine.codes import (
    FAILED,
    LIMIT,
    NEEDS_PERSON,
    NO_LAB,
    OK,
    PRECONDITION,
    REFUSED,
    UNREACHABLE,
    USAGE,
)


class Ending(Exception):
    """A command ends here, with a sentence for the person and a code for the script."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
