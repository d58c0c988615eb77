"""Which moment does a person mean by `08:00`, `2h` or an ISO date?"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from tui.exits import USAGE, Ending


def moment(text: str, now: float, *, is_past: bool = False) -> float:
    """Return the Unix time that `text` names: ``08:00`` (the next one), ``90m`` or ``2h`` from `now`, or ISO 8601.

    With `is_past` the last ``08:00``, and so long before `now`. Raises Ending for anything else.
    """
    way = -1 if is_past else 1
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text):
        return now + way * float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
    here = datetime.fromtimestamp(now).astimezone()
    if match := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text):
        then = here.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)
        lies_right = then <= here if is_past else then > here
        return (then if lies_right else then + timedelta(days=way)).timestamp()
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise Ending(USAGE, f"{text!r} is no time: write 08:00, 90m, 2h or 2026-03-14T08:00") from None
