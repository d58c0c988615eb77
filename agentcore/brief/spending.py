"""What does a model cost? Tokens as the server counts them, dollars by the table in prices.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FAMILY = "claude-"
"""A model of this family without a price of its own costs what the dearest one does, until somebody adds its price."""

_PRICES = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Usage:
    """Tokens of one model turn, or of many; cache writes by how long they are kept."""

    input: int = 0
    """Read and not cached."""
    cache_write: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    output: int = 0

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.input + self.cache_write + self.cache_write_1h + self.cache_read + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cache_write + other.cache_write,
            self.cache_write_1h + other.cache_write_1h,
            self.cache_read + other.cache_read,
            self.output + other.output,
        )


@dataclass(frozen=True)
class Spending:
    """What was spent: by a proposal, a worktree, an agent, or the lab."""

    usage: Usage = Usage()
    usd: float = 0.0
    turns: int = 0

    def __add__(self, other: Spending) -> Spending:
        return Spending(self.usage + other.usage, self.usd + other.usd, self.turns + other.turns)


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    cache_write_1h: float

    def of(self, usage: Usage) -> float:
        """Return what `usage` costs in dollars."""
        read = self.input * usage.input + self.cache_read * usage.cache_read
        written = self.cache_write * usage.cache_write + self.cache_write_1h * usage.cache_write_1h
        return (read + written + self.output * usage.output) / 1e6


def price_of(model: str, override: Mapping[str, float] | None = None) -> Price | None:
    """Return the price of a model; None where nobody knows it, as for a server of one's own.

    `override` is lab.toml's; what it leaves out follows from `input` and `output` by the usual factors.
    """
    if override:
        return _completed(override)
    known = _table()
    names = [name for name in known if model == name or model.startswith(f"{name}-")]
    if names:
        return known[max(names, key=len)]
    return max(known.values(), key=lambda price: price.output) if model.startswith(FAMILY) else None


def _completed(override: Mapping[str, float]) -> Price:
    read = override.get("input", 0.0)
    return Price(
        input=read,
        output=override.get("output", 0.0),
        cache_read=override.get("cache_read", 0.1 * read),
        cache_write=override.get("cache_write", 1.25 * read),
        cache_write_1h=override.get("cache_write_1h", 2.0 * read),
    )


@cache
def _table() -> dict[str, Price]:
    rows = tomllib.loads(_PRICES.read_text(encoding="utf-8"))
    return {name: Price(**row) for name, row in rows.items()}
