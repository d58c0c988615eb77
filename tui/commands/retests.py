"""Trying trunk at the larger size: ask for it, or list what came of it."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import asdict

from agentcore import format as fmt
from agentcore.engine.control import Command
from agentcore.overview.observer import Observer
from agentcore.retest import due as rules
from agentcore.retest.verdicts import Gain, RetestRow, retest_rows
from tui.commands.decide import confirmed, send, would
from tui.commands.look import observe
from tui.exits import OK, REFUSED, Ending
from tui.output import print_json, print_table

SHOWN = 4
"""Experiments of a retest that are named; more are counted."""


def retest(arguments: Namespace) -> int:
    """Try trunk at the larger size now, against the trunk that was last verified; or list what retests have said."""
    observer = observe(arguments)
    if arguments.what == "stop":
        return _stop(observer, arguments)
    if arguments.what == "add":
        return _add(observer, arguments)
    rows = retest_rows(observer.state)
    if arguments.json:
        print_json("retests", time.time(), {"retests": [asdict(row) for row in rows]})
    elif not rows and observer.state.config and not observer.state.retest_settings.budget:
        print("No retest: this lab has no larger size ([retest] budget in lab.toml)")
    elif not rows:
        print("No retest yet. One is due after so many promotions ([retest] every), or now: nightlab retest")
    else:
        head = ["#", "WORD", "BASE", "TRUNK", "MERGES", "SMALL", "LARGE", "σ", "SPEED", "WHY"]
        print_table(head, [_cells(row) for row in rows], right="# SMALL LARGE σ")
    return OK


def _add(observer: Observer, arguments: Namespace) -> int:
    """Begin a retest, or with --dry-run say of what."""
    state = observer.state
    if not arguments.dry_run:
        return send(observer.paths, Command("retest"), arguments)
    if reason := rules.refusal(state):
        raise Ending(REFUSED, reason)
    steps, settings = rules.begin(state, "you").steps, state.retest_settings
    base, trunk = steps[0].commit, steps[-1].commit
    what = f"try trunk {fmt.short(trunk)} against {fmt.short(base)} at {settings.scale} times the size"
    runs = f"{2 * settings.seeds} runs at most, {settings.budget} each"
    return would("retest", f"{what}: {runs}", {"base": base, "trunk": trunk}, arguments)


def _stop(observer: Observer, arguments: Namespace) -> int:
    """Drop the retest that is open, after a question or with --yes."""
    retest = observer.state.retest
    if retest is None:
        raise Ending(REFUSED, "no retest is on its way")
    what = f"drop retest {retest.number} and end its runs; what they have used is lost"
    if arguments.dry_run:
        return would("retest", what, {"retest": retest.number}, arguments)
    if not arguments.yes and not confirmed(f"{what[0].upper()}{what[1:]}. Go on?"):
        return OK
    return send(observer.paths, Command("retest-stop"), arguments)


def _cells(row: RetestRow) -> list[str]:
    named = ", ".join(f"#{number}" for number in row.experiments[:SHOWN])
    more = len(row.experiments) - SHOWN
    return [
        str(row.number),
        row.word,
        fmt.short(row.base),
        fmt.short(row.trunk),
        named + (f" and {more} more" if more > 0 else ""),
        _gain(row.small),
        _gain(row.large),
        fmt.sigmas(row.large.z if row.large else None),
        _speed(row),
        row.text + (f"; {row.speed_text}" if row.speed_text else ""),
    ]


def _gain(known: Gain | None) -> str:
    return fmt.gain(known.gain if known else None)


def _speed(row: RetestRow) -> str:
    """Return the speed-up over the first baseline, or the word for why there is no number."""
    if row.faster_percent is None:
        return row.speed.lower() or fmt.MISSING
    return f"{'≥' if row.speed == 'BEYOND' else '+'}{fmt.percent(row.faster_percent)}"
