"""The real engine, queue, journal and git over ideas of known effect: what it claims is what is true."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from agentcore.fold import fold
from agentcore.journal.rows import Reader
from agentcore.state import LabState
from agentcore.synthetic import night, project
from agentcore.synthetic.truth import idea_of, ledger, steps
from agentcore.synthetic.world import World, true_gain
from worktrees.layout import LabPaths
from worktrees.repository import TRUNK, Repository

WORLD = World(seed=2, helps=0.3, places=24)
"""Ideas that help are common and places few: many merges, some conflicts, in a small lab."""


def work(paths: LabPaths, world: World, experiments: int) -> LabState:
    """Let the lab go on until it has so many experiments."""
    return asyncio.run(night.work(paths, world, experiments=experiments))


def replayed(paths: LabPaths) -> LabState:
    """Return the state that follows from the journal."""
    with closing(Reader(paths.journal)) as reader:
        return fold(reader.after(0))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """A lab after 120 experiments in WORLD."""
    paths = project.make(tmp_path_factory.mktemp("synthetic") / "lab", WORLD)
    work(paths, WORLD, 120)
    return paths


@pytest.fixture(scope="module")
def state(lab: LabPaths) -> LabState:
    """What its journal says."""
    return replayed(lab)


@contextmanager
def new(folder: Path, world: World) -> Iterator[LabPaths]:
    """Make a lab for one test."""
    yield project.make(folder / "lab", world)


def test_what_is_claimed_is_true(state: LabState) -> None:
    """The sum of the verdicts is the gain of trunk within its noise, and nothing false was promoted."""
    found = ledger(state, WORLD)
    assert found.promoted >= 6
    assert found.claimed / found.true_gain == pytest.approx(1.0, abs=0.1)
    assert found.false <= 1
    assert found.expected < found.claimed


def test_the_ledger_adds_up_to_the_worlds_own_number(state: LabState) -> None:
    """What the promotions did one by one is what the last trunk is worth."""
    ideas = frozenset(idea_of(state, merge.experiment) for merge in state.merges)
    assert sum(steps(state, WORLD)) == pytest.approx(true_gain(WORLD, ideas))


def test_a_replay_of_the_journal_is_the_same_lab(lab: LabPaths, tmp_path: Path) -> None:
    """The state that the engine held at the end is what anybody reads from its journal."""
    with new(tmp_path, WORLD) as paths:
        assert work(paths, WORLD, 30) == replayed(paths)


def test_a_lab_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    """Virtual time does not run backwards, and no idea is proposed a second time unless it was in conflict."""
    with new(tmp_path, WORLD) as paths:
        first = work(paths, WORLD, 15)
        again = work(paths, WORLD, 30)
    assert first.at <= again.at
    fresh = [each for each in again.experiments.values() if "rework_of" not in each.detail]
    assert len(fresh) == len({each.detail["idea"] for each in fresh})


def test_trunk_was_always_a_tree_that_was_measured(lab: LabPaths, state: LabState) -> None:
    """Every commit of trunk holds a tree with a pool of runs, and exactly the ideas that were promoted so far."""
    repository, ideas = Repository(lab.root), set[int]()
    for merge in state.merges:
        ideas.add(idea_of(state, merge.experiment))
        assert repository.parent_of(merge.new) == merge.old
        assert len(state.pools[repository.tree_of(merge.new)]) >= state.gate.confirm_seeds
        assert ideas == project.ideas_in(repository.read(merge.new, project.RECIPE).decode())
    assert repository.resolve(TRUNK) == state.merges[-1].new


def test_stacks_claim_what_is_true_and_land_as_trees_that_were_measured(tmp_path: Path) -> None:
    """Where wins come faster than they can be confirmed one by one: each move of trunk is to a tree with runs."""
    world = World(seed=2, helps=0.5, help_sigma=5.0)
    with new(tmp_path, world) as paths:
        state = asyncio.run(night.work(paths, world, experiments=40, slot_count=32))
    found, repository = ledger(state, world), Repository(paths.root)
    assert found.stacked >= 4
    assert found.claimed / found.true_gain == pytest.approx(1.0, abs=0.1)
    for merge in state.merges:
        assert len(state.pools[repository.tree_of(merge.new)]) >= state.gate.confirm_seeds
        assert idea_of(state, merge.experiment) in project.ideas_in(
            repository.read(merge.commit, project.RECIPE).decode()
        )


def test_ideas_in_one_place_meet_as_real_edits_do(state: LabState) -> None:
    """Some experiments did not fit on the trunk that moved under them; their idea came again, or was dropped."""
    returned = [each for each in state.experiments.values() if each.outcome == "returned"]
    conflicts = [each for each in state.candidates.values() if each.reason.startswith("conflict")]
    reworked = [each for each in state.experiments.values() if "rework_of" in each.detail]
    assert returned or conflicts
    assert reworked


def test_slots_are_busy_and_never_shared(state: LabState) -> None:
    """Runs overlap on all slots, no slot has two at a time, and virtual time is that of a real lab."""
    busy_s = 0.0
    for slot in state.slots:
        own = sorted((run.started, run.ended or 0.0) for run in state.runs.values() if run.slot == slot.name)
        assert all(ended <= started for (_, ended), (started, _) in pairwise(own))
        busy_s += sum(ended - started for started, ended in own)
    assert busy_s / (len(state.slots) * (state.at - night.EPOCH)) > 0.9


def test_a_null_world_promotes_about_nothing(tmp_path: Path) -> None:
    """Of 120 ideas that do exactly nothing, hardly one gets through screening and confirmation."""
    world = World(helps=0.0, harm_sigma=0.0)
    with new(tmp_path, world) as paths:
        found = ledger(work(paths, world, 120), world)
    assert 120 == found.screened
    assert found.promoted <= 2
