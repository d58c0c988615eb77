"""What can happen to a report of the time in which nobody was there?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportWritten:
    """What happened since `since` (Unix time) was written to files, once for each absence; or why it could not be."""

    since: float
    path: str
    """The Markdown, from the lab's root on; the JSON lies beside it. Empty where nothing could be written."""
    reason: str = ""
