"""The form of away mode: within which limits does the lab work alone?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import cast

from agentcore import format as fmt
from agentcore.away import limits as away
from agentcore.events import AwayTell
from agentcore.state import LabState
from tui.exits import Ending
from tui.follow import Scene
from tui.moments import moment
from tui.sheets.form import Asking, Field
from tui.sheets.sheet import Question
from worktrees.layout import LabPaths
from worktrees.project import Limits, ProjectError, load

TITLE = "Away mode"
MORNING = "08:00"
MERGES = {"gate": "by the gate", "none": "none, keep all for me"}
QUESTIONS = {"park": "park the question, the agent takes another idea", "wait": "wait for me"}
NO_LIMIT = "no limit"
CLOCK_S = 60.0
"""How far the clock may be behind the journal's newest entry."""


def fields(scene: Scene) -> tuple[Field, ...]:
    """Return the lines that can be changed, with what most people want."""
    cost = scene.overview.cost
    left = f"{max(0.0, cost.usd_limit - cost.usd):.2f}" if cost.usd_limit else ""
    merge = "none" if scene.state.engine and scene.state.engine.walls == "none" else "gate"
    return (
        Field("until", MORNING, check=_until_wrong),
        Field("usd", left, check=_usd_wrong),
        Field("merge", merge, tuple(MERGES)),
        Field("questions", "park", tuple(QUESTIONS)),
        Field("tell", "stopped", tuple(away.TELLS)),
    )


def asking(paths: LabPaths) -> Asking:
    """Return what asks, with the facts of this lab and this machine."""
    return lambda scene, values: question(scene, values, paths)


def question(scene: Scene, values: Mapping[str, str], paths: LabPaths) -> Question:
    """Return what is asked before a person leaves the lab alone."""
    state = scene.state
    until, usd = _until(values["until"], scene.now), _usd(values["usd"])  # the fields take nothing else
    reason = away.refusal(state, scene.now, until, usd, values["merge"])
    money = NO_LIMIT if usd is None else f"{fmt.money(usd)} more"
    facts = [
        ("until", NO_LIMIT if until is None else f"{values['until']}  ({fmt.duration(until - scene.now)})"),
        ("spend at most", money + _spent(scene)),
        ("merges", MERGES[values["merge"]]),
        ("questions", QUESTIONS[values["questions"]]),
        ("tell me", away.TELLS[cast("AwayTell", values["tell"])]),
        *_fixed(state, paths),
        ("Checked:", checked(scene, paths, os.environ)),
    ]
    if reason:
        return Question(TITLE, (*facts, ("so", reason)), "", ("none",))
    chosen = {name: values[name] for name in ("merge", "questions", "tell")}
    arguments = {"until": until, "usd": usd, **chosen}
    return Question(TITLE, tuple(facts), "start", tuple(values.values()), "away", arguments)


def checked(scene: Scene, paths: LabPaths, env: Mapping[str, str]) -> str:
    """Return what was looked at just now: would the lab live through the night?"""
    state, engine = scene.state, scene.state.engine
    inside = "in tmux" if env.get("TMUX") else "in screen" if env.get("STY") else "not in tmux: logout ends this view"
    own = engine is not None and engine.pid != os.getpid()
    process = f"the engine is process {engine.pid} of its own" if engine and own else "the engine is this process"
    free = f"{shutil.disk_usage(paths.dot).free / 1e9:.0f}G free"
    sane = scene.now >= state.at - CLOCK_S
    clock = "clock is sane" if sane else f"the clock is {fmt.duration(state.at - scene.now)} behind the journal"
    parts = [inside, process, free, _key(state), clock]
    if engine and engine.walls == "reduced":
        parts.append("the sandbox is reduced: it works only while a view is open")
    return ", ".join(parts)


def _key(state: LabState) -> str:
    if state.barred:
        return "key: " + "; ".join(f"{name} is barred ({each.word})" for name, each in sorted(state.barred.items()))
    if state.agents and state.agents.model:
        return "key works" if state.spent.usage.tokens else "key not tried yet"
    return "no key: no model is asked"


def _until(value: str, now: float) -> float | None:
    """Raises Ending."""
    return moment(value, now) if value else None


def _usd(value: str) -> float | None:
    """Raises ValueError."""
    return float(value.removeprefix("$")) if value else None


def _until_wrong(scene: Scene, value: str) -> str:
    try:
        until = _until(value, scene.now)
    except Ending as ending:
        return str(ending)
    return away.refusal(scene.state, scene.now, until, None, "none")


def _usd_wrong(scene: Scene, value: str) -> str:
    try:
        usd = _usd(value)
    except ValueError:
        return f"{value!r} is no sum of dollars: write 25 or 25.80, or nothing for no limit"
    return away.refusal(scene.state, scene.now, None, usd, "none")


def _spent(scene: Scene) -> str:
    cost = scene.overview.cost
    of = f" of {fmt.money(cost.usd_limit)}" if cost.usd_limit else ""
    return f"  ({fmt.money(cost.usd)}{of} used)" if cost.usd or cost.usd_limit else ""


def _fixed(state: LabState, paths: LabPaths) -> list[tuple[str, str]]:
    """Return what holds besides and is changed in lab.toml."""
    retest, limits = state.retest_settings, _limits(paths)
    every = f"trunk after every {fmt.count(retest.every, 'merge')}, at {retest.scale} times the size"
    facts = [("retest", every if retest.budget and retest.every else "none by itself")]
    if limits:
        facts += [
            ("crashes", f"{limits.crashes_in_a_row} in a row: park the agent"),
            ("disk floor", f"{limits.disk_floor_gb:g}G: no new runs until there is room"),
        ]
    return facts


def _limits(paths: LabPaths) -> Limits | None:
    try:
        return load(paths.config).limits
    except ProjectError:  # the engine has said so when it started, or will
        return None
