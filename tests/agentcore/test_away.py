"""While nobody is there the engine holds what it was told: how long, for how much, and who merges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.away import limits as away
from agentcore.brief.spending import Usage
from agentcore.engine.bounds import Bounds
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import Command
from agentcore.plan import Limits, Promote, Propose, plan
from tests.agentcore.labs import desk
from tests.agentcore.tales import CONFIG, Tale, calibrated, gated, started


def gone(tale: Tale, merge: ev.AwayMerge = "gate", usd: float | None = None, until: float | None = None) -> Tale:
    """Leave the lab alone."""
    return tale.tell(ev.AwayStarted(until, usd, merge, "park", "ada"))


@pytest.mark.parametrize(
    ("before", "merge", "meanwhile"),
    [("me", "gate", "gate"), ("hold", "gate", "gate"), ("gate", "none", "me"), ("hold", "none", "hold")],
)
def test_the_merge_mode_is_another_one_meanwhile(before: str, merge: ev.AwayMerge, meanwhile: str) -> None:
    """And afterwards what it was, also where the limits were changed in between."""
    tale = gone(gone(calibrated(config=gated(mode=before)), merge), merge)
    assert meanwhile == tale.state.gate.mode
    tale.tell(ev.AwayEnded("ada came back", "ada"))
    assert (before, None) == (tale.state.gate.mode, tale.state.away)


def test_the_gate_merges_only_where_it_was_told_to() -> None:
    """READY waits for the person where merges were kept for them."""
    tale = calibrated(config=gated(mode="me"))
    number = tale.ready("wt0", "t1")
    assert Promote(number) not in gone(tale, "none").plan()
    assert Promote(number) in gone(tale, "gate").plan()


def test_an_engine_that_starts_meanwhile_keeps_the_mode() -> None:
    """lab.toml's holds again once the person is back."""
    tale = gone(calibrated(config=gated(mode="me")), "gate").tell(started(pid=2), gated(mode="me"))
    assert "gate" == tale.state.gate.mode
    tale.tell(ev.AwayEnded("ada came back", "ada"))
    assert "me" == tale.state.gate.mode


def test_a_lab_without_a_sandbox_stays_on_hold() -> None:
    """Nothing may move its trunk, whoever is away."""
    tale = gone(calibrated(), "gate").tell(gated(mode="hold"))
    assert "hold" == tale.state.gate.mode


def test_money_that_is_used_ends_proposals_and_nothing_else() -> None:
    """What was spent before does not count; the limit is one event with its name."""
    tale = calibrated()
    tale.tell(ev.TokensUsed("wt0", "m", Usage(), 7.0))
    gone(tale, usd=2.0).tell(ev.TokensUsed("wt0", "m", Usage(), 1.5))
    assert (Propose("wt0") in tale.plan(), away.due(tale.state, 0.0)) == (True, None)
    tale.tell(ev.TokensUsed("wt0", "m", Usage(), 0.5))
    due = away.due(tale.state, 0.0)
    assert due == ev.AwayLimitReached("usd", "$2.00 of the $2.00 for away mode are used")
    tale.tell(due)
    assert (None, "", []) == (away.due(tale.state, 0.0), away.over(tale.state), tale.plan())


async def test_the_engine_ends_new_runs_at_the_hour(tmp_path: Path) -> None:
    """Current ones go on, the mode is as before, and so it stays until the person is back."""
    async with desk(tmp_path / "lab") as at:
        counter = Counter(at.lab, lambda reason, now: None)
        now = at.lab.clock()
        answer = await counter.handle(Command("away", "ada", {"until": now + 40, "usd": 3, "merge": "gate"}))
        assert (0, "gate") == (answer.code, at.lab.state.gate.mode)
        bounds = Bounds(at.lab, Limits(), None)
        bounds.look()
        assert not bounds.limits.stopping
        while at.lab.clock() < now + 40:
            pass
        bounds.look()
        bounds.look()
        assert ([ev.AwayLimitReached], True, "me", []) == (
            [type(each) for each in at.told(ev.AwayLimitReached)],
            bounds.limits.stopping,
            at.lab.state.gate.mode,
            plan(at.lab.state, bounds.limits),
        )
        assert (await counter.handle(Command("back", "ada"))).done
        bounds.look()
        assert not bounds.limits.stopping
        assert 5 == (await counter.handle(Command("back", "ada"))).code


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ({"until": 50.0}, 5, "over already"),
        ({"usd": -1}, 5, "no budget"),
        ({"usd": float("nan")}, 5, "no budget"),
        ({"merge": "me"}, 2, "'me': it is one of gate, none"),
        ({"questions": "answer"}, 2, "it is one of park, wait"),
        ({"until": "soon"}, 2, "could not convert"),
    ],
)
async def test_what_cannot_be_held_is_refused(
    tmp_path: Path, arguments: dict[str, object], code: int, why: str
) -> None:
    """With the reason, and nobody is away."""
    async with desk(tmp_path / "lab") as at:
        answer = await Counter(at.lab, lambda reason, now: None).handle(Command("away", "ada", arguments))
        assert (code, True, None) == (answer.code, why in answer.message, at.lab.state.away)


def test_a_lab_without_a_sandbox_is_not_left_to_the_gate() -> None:
    """It says so instead of beginning a night without merges."""
    bare = Tale().tell(replace(started(), walls="none"), CONFIG)
    assert "without a sandbox" in away.refusal(bare.state, 0.0, None, None, "gate")
    assert "" == away.refusal(bare.state, 0.0, None, None, "none")
