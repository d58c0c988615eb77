"""How is a number written? One format everywhere, so that columns line up and nobody has to count zeros."""

from __future__ import annotations

import time

MISSING = "-"


def score(value: float | None) -> str:
    """Write a score with four decimals, without the zero below 1: `.9789`, `1.7012`."""
    return MISSING if value is None else _point(f"{value:.4f}")


def gain(value: float | None) -> str:
    """Write a gain with its sign: `+.0012`, `-.0004`, `0`; positive is better whatever the metric's direction.

    From 1 on with four digits in all, so that a metric in percent stays in its column: `+1.070`, `+12.50`.
    """
    if value is None:
        return MISSING
    text = f"{value:+.{max(0, 4 - _whole(value))}f}"
    return "0" if float(text) == 0 else _point(text)


def _whole(value: float) -> int:
    """Return how many digits stand before the point; none for what is smaller than 1."""
    return len(str(int(abs(value)))) if abs(value) >= 1 else 0


def sigmas(value: float | None) -> str:
    """Write a number of standard errors: `4.2`."""
    return MISSING if value is None else f"{value:.1f}"


def percent(value: float | None) -> str:
    """Write a number of percent: `98%`."""
    return MISSING if value is None else f"{value:.0f}%"


def share(value: float | None) -> str:
    """Write a fraction of 1 as percent: `61%`."""
    return MISSING if value is None else f"{int(100 * value)}%"


def bound(value: float) -> str:
    """Write the most that a fraction can be: `at most 4%`; a bound is never written as the nothing it is not."""
    return "under 1%" if value < 0.005 else f"at most {value:.0%}"


def memory(megabytes: float | None) -> str:
    """Write mebibytes in three digits at most: `44G`, `1.2G`, `812M`."""
    if megabytes is None:
        return MISSING
    if megabytes < 999.5:
        return f"{megabytes:.0f}M"
    gigabytes = megabytes / 1024
    return f"{gigabytes:.1f}G" if gigabytes < 9.95 else f"{gigabytes:.0f}G"


def size(number: int) -> str:
    """Write bytes on a disk: `0`, `12K`, `812M`, `1.2G`."""
    return f"{-(-number // 1024)}K" if 0 < number < 999.5 * 1024 else memory(number / 2**20) if number else "0"


def duration(seconds: float) -> str:
    """Write a length of time by its two largest units: `18s`, `1m58s`, `5h19m`, `2d3h`."""
    total = max(0, int(seconds))
    if total < 60:
        return f"{total}s"
    if total < 3600:
        return f"{total // 60}m{total % 60:02d}s"
    if total < 86400:
        return f"{total // 3600}h{total % 3600 // 60:02d}m"
    return f"{total // 86400}d{total % 86400 // 3600}h"


def age(seconds: float) -> str:
    """Write how long something waits, by one unit (`18s`, `14m`, `5h`), so that old rows stand still."""
    total = max(0, int(seconds))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if total >= length:
            return f"{total // length}{unit}"
    return f"{total}s"


def clock(at: float, *, seconds: bool = False) -> str:
    """Write a time of day in the local zone: `02:40`, `02:40:12`."""
    return time.strftime("%H:%M:%S" if seconds else "%H:%M", time.localtime(at))


def money(usd: float) -> str:
    """Write dollars in six characters at most: `$2.31`, `$14.20`, from a hundred on `$140`."""
    return f"${usd:.2f}" if usd < 99.995 else f"${usd:.0f}"


def tokens(number: int) -> str:
    """Write a number of tokens: `812`, `41k`, `1.2M`."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.0f}k" if number < 999_500 else f"{number / 1e6:.1f}M"


def rate(number: float) -> str:
    """Write how many there are in a second: `812`, `41.2k`, `1.59M`."""
    if number < 1000:
        return f"{number:.0f}"
    return f"{number / 1000:.1f}k" if number < 999_950 else f"{number / 1e6:.2f}M"


def short(commit: str) -> str:
    """Write a commit or tree by its first seven digits."""
    return commit[:7]


def count(number: int, noun: str) -> str:
    """Write a number of things: `1 line`, `2 lines`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def change(added: int, removed: int) -> str:
    """Write the size of a diff: `+2 -2`."""
    return f"+{added} -{removed}"


def _point(text: str) -> str:
    return text.replace("0.", ".", 1) if text.lstrip("+-").startswith("0.") else text


def marks(*, pinned: bool, forced: bool, simpler: bool, stacked: bool, wanted: bool = False) -> str:
    """Return what stands before an idea in the queue: forced, merged next, pinned, here for fewer lines, in a stack."""
    said = {"forced": forced, "wanted": wanted, "pinned": pinned, "simpler": simpler, "stack": stacked}
    return "".join(f"{word}: " for word, holds in said.items() if holds)
