"""With which exit codes and in which words does a command end?"""

from __future__ import annotations

OK = 0
FAILED = 1
USAGE = 2
NO_LAB = 3
PRECONDITION = 4
REFUSED = 5
UNREACHABLE = 7
LIMIT = 8
NEEDS_PERSON = 9


class Ending(Exception):
    """A command ends here, with a sentence for the person and a code for the script."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
