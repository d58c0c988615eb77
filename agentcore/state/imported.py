"""What is known of an old night that was imported?"""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.events import OldRow


@dataclass(frozen=True)
class Import:
    """The rows that one file brought. No pool, noise, trunk, gain or claim ever looks at them."""

    source: str
    digest: str
    metric: str
    rows: tuple[OldRow, ...]
    by: str
    at: float
