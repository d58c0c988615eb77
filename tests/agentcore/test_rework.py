"""What trunk moves under is measured again, and what collides with it is written again: a bounded number of times."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agentcore import events as ev
from agentcore.agents.constants import find
from agentcore.agents.search import SearchAgent
from agentcore.brief.text import Brief
from agentcore.engine import launch
from agentcore.plan import Limits, Rebase, Record
from agentcore.queue import promoter
from agentcore.queue.judging import reworks
from agentcore.worktree.workspace import Workspace
from tests import toy
from tests.agentcore.labs import desk
from tests.agentcore.tales import CONFIG, Tale, calibrated
from tests.agentcore.test_promoter import FASTER, FASTEST, merge
from tests.engines import state_of


def test_the_search_agent_applies_a_conflicts_changes_to_todays_source(tmp_path: Path) -> None:
    """Its proposal is exactly those changes, says whose they are, and names the experiment that it replaces."""
    lab = toy.make(tmp_path / "lab")
    launch.run_engine(lab, Limits(experiments=1))
    first = replace(state_of(lab).experiments[1], detail={"changes": {"RATE": 0.5}, "constants": {}})
    (tmp_path / "train.py").write_text(toy.TRAIN.replace("RATE = 0.1", "RATE = 0.2"))
    brief = Brief("wt0", "", "", ("train.py",), {}, (first,), conflicts=(1,))
    workspace = cast("Workspace", SimpleNamespace(folder=tmp_path))  # all that this agent needs of one
    proposal = asyncio.run(SearchAgent(seed=1).propose(brief, workspace))
    edited = {each.name: each.value for each in find((tmp_path / "train.py").read_text())}
    assert ("RATE 0.2 → 0.5 (#1 again)", 1, 0.5) == (proposal.hypothesis, proposal.rework_of, edited["RATE"])


# --- Confirmed again because trunk moved ---


def outdated(times: int) -> Tale:
    """Return a lab where trunk moved by hand under so many confirmations of its one candidate."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    for each in range(times):
        tale.rebase(number, f"t1{each}")
        trunk = tale.state.trunk
        assert trunk is not None
        tale.tell(ev.TrunkMoved(trunk.commit, f"h{each}", f"t9{each}", None, "hand"))
        tale.pool(f"t9{each}", {1: 1.0, 2: 1.2, 3: 1.1})
    return tale


@pytest.mark.parametrize("times", [1, 2])
def test_a_candidate_is_confirmed_again_twice(times: int) -> None:
    """Trunk moved while it was measured."""
    assert Rebase(1) in outdated(times).plan(stopping=False, experiments=1)


def test_a_third_time_it_is_noise() -> None:
    """Without a bound a busy lab would measure the same idea for ever; the reason says so."""
    reason = "trunk moved under 3 confirmations ([gate] max_reconfirm)"
    told = outdated(3).plan(experiments=1)
    assert [Record(ev.CandidateMoved(1, "NOISE", reason, "engine"))] == [
        each for each in told if isinstance(each, Rebase | Record)
    ]


def test_a_candidate_that_comes_back_to_the_queue_begins_anew() -> None:
    """A person released it, say."""
    tale = outdated(3).tell(ev.CandidateMoved(1, "NEW", "again", "you"))
    assert 0 == tale.state.candidates[1].confirmations


def test_confirmations_by_another_harness_do_not_count() -> None:
    """They were no fault of the candidate, and say nothing any more."""
    tale = outdated(3).tell(replace(CONFIG, harness="another"))
    assert ("STALE", 0) == (tale.state.candidates[1].state, tale.state.candidates[1].confirmations)


# --- Written again because it collides ---


@pytest.mark.parametrize(("named", "times"), [(None, 0), (1, 1), (7, 0), (2, 0), ("#1", 0)])
def test_an_agents_reworks_are_counted(named: object, times: int) -> None:
    """By the candidate that its proposal names; what is no earlier candidate is none."""
    tale = calibrated()
    tale.keep("wt0", "t1")
    number = tale.propose("wt0", "t2", detail={} if named is None else {"rework_of": named})
    assert times == reworks(tale.state, number)


async def collided(tmp_path: Path, rework_of: int | None) -> dict[int, str]:
    """Return the queue after #1 was merged and #2, another value of its constant, was replayed on it."""
    async with desk(tmp_path / "lab") as at:
        await at.work({"wt0": [FASTER], "wt1": [FASTEST]})
        state, second = at.lab.state, at.lab.state.experiments[2]
        detail = {} if rework_of is None else {"rework_of": rework_of}
        at.lab.state = replace(state, experiments=state.experiments.set(2, replace(second, detail=detail)))
        await merge(at)
        await promoter.rebase(at.lab, 2)
        return at.states()


async def test_a_conflict_goes_back_to_its_agent(tmp_path: Path) -> None:
    """Once."""
    assert {1: "MERGED", 2: "CONFLICT"} == await collided(tmp_path, None)


async def test_a_rework_that_collides_again_is_rejected(tmp_path: Path) -> None:
    """Its agent has had its chance."""
    assert {1: "MERGED", 2: "REJECTED"} == await collided(tmp_path, 1)
