"""How does a report's evidence read as tables? The same ones in Markdown and in a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agentcore import format as fmt
from agentcore.queue.stacks import named
from agentcore.report.evidence import Evidence, Failed, Merged, NearMiss, Yield


@dataclass(frozen=True)
class Table:
    """Texts under titles. What stands in them may come from a model."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(facts: Evidence) -> tuple[Table, ...]:
    """Return those tables that have rows."""
    cost = facts.cost
    limit = fmt.money(cost.usd_limit) if cost.usd_limit else "none"
    spent = (
        ("models", fmt.money(cost.usd)),
        ("models, in all", f"{fmt.money(cost.usd_total)}, limit {limit}"),
        ("tokens", fmt.tokens(cost.tokens)),
        ("slots", f"{cost.slot_hours:.1f} hours, {fmt.share(cost.busy)} busy"),
        ("disk", fmt.memory(cost.disk_mb)),
    )
    merged = ("#", "change", "gain", "σ", "seeds", "tree", "merged", "larger size")
    yields = ("tried", "kept", "merged", "gain", "trained", "cost")
    found = (
        Table("Merged", merged, tuple(_merged(each) for each in facts.merged)),
        Table("Near misses", ("#", "change", "gain", "σ", "seeds"), tuple(_near(each) for each in facts.near_misses)),
        Table(
            "What did not work", ("end", "count", "commonest reasons", "among them"), tuple(map(_failed, facts.failed))
        ),
        Table("By agent", ("agent", *yields), _yields(facts.agents)),
        Table("By direction", ("direction", *yields), _yields(facts.directions)),
        Table(
            "Slots",
            ("slot", "worked", "busy"),
            tuple((each.slot, fmt.duration(each.busy_s), fmt.share(each.share)) for each in facts.slots),
        ),
        Table("Cost", ("what", "how much"), spent),
        Table("Faults survived", ("at", "what"), tuple((fmt.clock(each.at), each.text) for each in facts.faults)),
    )
    return tuple(table for table in found if table.rows)


def _merged(each: Merged) -> tuple[str, ...]:
    notes = [f"forced: {each.forced}"] if each.forced else []
    notes += [f"gain of {named(each.together)} together"] if each.together else []
    notes += ["taken back"] if each.taken_back else []
    return (
        f"#{each.experiment}",
        each.idea + (f" ({', '.join(notes)})" if notes else ""),
        _gain(each.gain, each.error),
        fmt.sigmas(each.z),
        str(each.seeds),
        fmt.short(each.tree),
        f"{fmt.clock(each.at)} by {each.by}",
        each.larger or "not tried yet",
    )


def _near(each: NearMiss) -> tuple[str, ...]:
    gain, seeds = _gain(each.gain, each.error), str(each.seeds)
    return f"#{each.experiment}", each.idea, gain, fmt.sigmas(each.z), seeds


def _failed(each: Failed) -> tuple[str, ...]:
    reasons = "; ".join(f"{count} × {reason}" for reason, count in each.reasons)
    return each.meaning, str(each.count), reasons, "; ".join(each.examples)


def _yields(each_of: Iterable[Yield]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            each.name,
            str(each.tried),
            str(each.kept),
            str(each.merged),
            fmt.gain(each.gain) if each.merged else fmt.MISSING,
            fmt.duration(each.run_s),
            fmt.money(each.usd) if each.usd else fmt.MISSING,
        )
        for each in each_of
    )


def _gain(gain: float | None, error: float | None) -> str:
    return fmt.gain(gain) + (f" ±{fmt.score(error)}" if error else "")
