"""How do agents compare, in text? Two tables of one line per agent: what it found, and what that took."""

from __future__ import annotations

from collections.abc import Sequence

from agentcore import format as fmt
from agentcore.results.comparison import AgentRecord, caveats
from tui.output import print_table

FOUND = ("AGENT", "ASKED", "DECIDED", "KEPT", "CONFIRMED", "NOT", "OPEN", "RATE", "95%", "GAIN", "MEAN", "EXPECTED")
TOOK = ("AGENT", "CRASHED", "UNCOUNTED", "RUNS", "COST", "TOKENS", "$/GAIN", "THINK", "TRUNK AT", "WORKED")
LEGEND = "confirmed: passed fresh seeds, of all that a run was spent on; gains are theirs, never of screening runs"


def print_comparison(records: Sequence[AgentRecord]) -> None:
    """Print the tables, and below them what keeps them from being a fair race."""
    if not records:
        print("No agent has proposed anything yet.")
        return
    print_table(FOUND, [_found(each) for each in records], right=" ".join(FOUND[1:]))
    print()
    print_table(TOOK, [_took(each) for each in records], right=" ".join(TOOK[1:]))
    print(f"\n{LEGEND}")
    for line in caveats(records):
        print(f"! {line}")


def _found(each: AgentRecord) -> list[str]:
    return [
        _name(each),
        str(each.asked),
        str(each.decided),
        str(each.kept),
        f"{each.confirmed} of {each.ran}",
        str(each.unconfirmed),
        str(each.open),
        fmt.MISSING if each.rate is None else f"{each.rate:.0%}",
        "-".join(f"{bound:.0%}" for bound in each.interval) if each.interval else fmt.MISSING,
        _gain(each.gain, each.gain_error) if each.confirmed else fmt.MISSING,
        _gain(each.mean_gain, each.mean_error),
        fmt.gain(each.expected if each.confirmed else None),
    ]


def _took(each: AgentRecord) -> list[str]:
    return [
        _name(each),
        str(each.crashed),
        str(each.uncounted),
        fmt.duration(each.run_s),
        _dollars(each.usd),
        _tokens(each.tokens),
        _dollars(each.usd_per_gain),
        fmt.MISSING if each.think_s is None else fmt.duration(each.think_s),
        fmt.sigmas(each.trunk_at),
        fmt.MISSING
        if each.first is None or each.last is None
        else f"{fmt.clock(each.first)} +{fmt.duration(each.last - each.first)}",
    ]


def _name(each: AgentRecord) -> str:
    return f"{each.agent} ({each.model})" if each.model else each.agent


def _gain(value: float | None, error: float | None) -> str:
    return fmt.gain(value) if error is None else f"{fmt.gain(value)} ±{fmt.score(error)}"


def _dollars(usd: float | None) -> str:
    return fmt.MISSING if usd is None else f"${usd:.2f}"


def _tokens(count: int) -> str:
    if not count:
        return fmt.MISSING
    return f"{count / 1e6:.1f}M" if count >= 999_500 else f"{count / 1e3:.1f}k" if count >= 1000 else str(count)
