"""With which exit code does what was asked for end? The engine answers with them, and commands end with them."""

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
