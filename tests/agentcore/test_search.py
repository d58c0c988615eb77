"""The agent without a model: seeded, never the same twice, and readable by people and by itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import cast

import pytest

from agentcore.agents import NoProposal, Proposal
from agentcore.agents.constants import find, rewrite
from agentcore.agents.evidence import read
from agentcore.agents.search import SearchAgent
from agentcore.agents.structure import EDITS, apply
from agentcore.brief.text import Brief
from agentcore.events import Outcome
from agentcore.state import Experiment
from agentcore.worktree.workspace import Workspace
from tests import toy
from tests.agentcore.tales import calibrated

NANOCHAT = (Path(__file__).parents[2] / "nanochat" / "train.py").read_text(encoding="utf-8")
SECTIONS = {each.name: each.section for each in find(NANOCHAT)}
DIRECTIONS = ("architecture", "optimizer", "schedule", "initialisation", "data", "simplification", "efficiency")

Drawn = Callable[[str, int], list[Proposal]]


@dataclass(frozen=True)
class Folder:
    """What the search agent needs of a workspace."""

    folder: Path


def brief(
    experiments: Sequence[Experiment] = (),
    worktree: str = "wt0",
    direction: str = "",
    conflicts: tuple[int, ...] = (),
) -> Brief:
    """Return a brief that holds what the search agent reads of one."""
    return Brief(
        worktree=worktree,
        rules="",
        text="",
        edit=("train.py",),
        source={},
        experiments=tuple(experiments),
        conflicts=conflicts,
        direction=direction,
    )


def told(
    number: int,
    proposal: Proposal,
    outcome: Outcome | None = "drop",
    gain: float | None = 0.0,
    z: float | None = None,
) -> Experiment:
    """Return an experiment as a later brief tells it."""
    tale = calibrated()
    tale.propose("wt0", "t1")
    known = replace(tale.state.experiments[1], number=number, hypothesis=proposal.hypothesis, detail=proposal.detail)
    return replace(known, outcome=outcome, gain=gain, z=z)


def workspace(path: Path, source: str = toy.TRAIN) -> Workspace:
    """Return a worktree that holds this train.py."""
    path.mkdir(exist_ok=True)
    (path / "train.py").write_bytes(source.encode())
    return cast("Workspace", Folder(path))


def propose(
    path: Path,
    source: str = toy.TRAIN,
    *,
    seed: int = 1,
    experiments: Sequence[Experiment] = (),
    direction: str = "",
    conflicts: tuple[int, ...] = (),
) -> Proposal:
    """Let a new agent propose once."""
    asked = brief(experiments, direction=direction, conflicts=conflicts)
    return asyncio.run(SearchAgent(seed).propose(asked, workspace(path, source)))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """What agents of so many seeds propose for the shipped trainer in a direction; each is asked once."""
    path = tmp_path_factory.mktemp("drawn")

    @cache
    def one(direction: str, seed: int) -> Proposal:
        return propose(path, NANOCHAT, seed=seed, direction=direction)

    return lambda direction, count: [one(direction, seed) for seed in range(count)]


def share_of(edit: str, proposals: Sequence[Proposal]) -> float:
    """Return how often an edit is among proposals."""
    return sum(edit in each.detail["edits"] for each in proposals) / len(proposals)


async def many(path: Path, turns: int, source: str = toy.TRAIN, seed: int = 1, direction: str = "") -> list[Proposal]:
    """Let one agent propose again and again from the same base; every third proposal helps."""
    agent, experiments, proposals = SearchAgent(seed), list[Experiment](), list[Proposal]()
    for turn in range(turns):
        asked = brief(experiments, direction=direction)
        proposals.append(await agent.propose(asked, workspace(path, source)))
        outcome, gain = ("keep", 0.1) if turn % 3 == 0 else ("drop", -0.1)
        experiments.append(told(turn + 1, proposals[-1], outcome, gain))  # type: ignore[arg-type]
    return proposals


def test_the_same_seed_proposes_the_same(tmp_path: Path) -> None:
    """From the same results: a night can be repeated."""
    assert propose(tmp_path / "a", seed=7) == propose(tmp_path / "b", seed=7)


def test_another_seed_proposes_something_else(tmp_path: Path) -> None:
    """Of six seeds not all agree."""
    hypotheses = {propose(tmp_path, seed=seed).hypothesis for seed in range(6)}
    assert len(hypotheses) > 1


async def test_sixty_proposals_are_sixty_different_ones(tmp_path: Path) -> None:
    """Never the same constants twice."""
    proposals = await many(tmp_path, 60)
    assert 60 == len({tuple(sorted(each.detail["constants"].items())) for each in proposals})


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    """A new agent with the experiments of the old one in its brief repeats none of them."""
    proposals = await many(tmp_path, 12)
    experiments = [told(number, each) for number, each in enumerate(proposals, 1)]
    again = await SearchAgent(1).propose(brief(experiments), workspace(tmp_path))
    assert again.detail["constants"] not in [each.detail["constants"] for each in proposals]


async def test_two_worktrees_at_once_are_given_different_ideas(tmp_path: Path) -> None:
    """Neither is in the other's brief yet."""
    agent = SearchAgent(1)
    turns = [agent.propose(brief(worktree=name), workspace(tmp_path / name)) for name in ("wt0", "wt1", "wt0", "wt1")]
    chosen = [each.detail["constants"] for each in await asyncio.gather(*turns)]
    assert 4 == len({tuple(sorted(each.items())) for each in chosen})


def test_a_hypothesis_says_what_changes(tmp_path: Path) -> None:
    """NAME old → new, one or two of them."""
    change = r"[A-Z_]+ \S+ → \S+"
    assert re.fullmatch(f"{change}(, {change})?", propose(tmp_path).hypothesis)


def test_a_hypothesis_says_the_truth(tmp_path: Path) -> None:
    """The file holds the values that the proposal remembers."""
    proposal = propose(tmp_path)
    values = {each.name: each.value for each in find((tmp_path / "train.py").read_text())}
    assert proposal.detail["constants"] == {name: values[name] for name in proposal.detail["constants"]}


def test_only_the_literals_change(tmp_path: Path) -> None:
    """Whatever the line ends: everything around the changed literals is as it was."""
    source = toy.TRAIN.replace("\n", "\r\n")
    proposal = propose(tmp_path, source)
    after = (tmp_path / "train.py").read_bytes().decode()
    changed = [(old, new) for old, new in zip(source.split("\r\n"), after.split("\r\n"), strict=True) if old != new]
    assert sorted(proposal.detail["changes"]) == sorted(old.split(" = ")[0] for old, _ in changed)


def test_a_text_without_choices_is_left_alone(tmp_path: Path) -> None:
    """The agent cannot know what else may stand there."""
    assert "BEHAVIOUR" not in propose(tmp_path).detail["constants"]


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        pytest.param("# (2 to 5)\nX = 3\n", {2, 4, 5}, id="whole numbers in a range"),
        pytest.param("# (32 to 96)\nX = 64\n", {32}, id="powers of two in a range"),
        pytest.param("# (one of: a, b, c)\nX = 'a'\n", {"b", "c"}, id="choices"),
        pytest.param("X = True\n", {False}, id="a truth"),
    ],
)
async def test_values_stay_where_the_comment_allows(tmp_path: Path, source: str, allowed: set[object]) -> None:
    """Every value that it ever proposes is one of those, until there is nothing new left."""
    agent, experiments, found = SearchAgent(1), list[Experiment](), set[object]()
    while len(experiments) < 20:
        try:
            proposal = await agent.propose(brief(experiments), workspace(tmp_path, source))
        except NoProposal:
            break
        found.add(proposal.detail["changes"]["X"])
        experiments.append(told(len(experiments) + 1, proposal))
    assert (allowed, len(allowed)) == (found, len(experiments))


async def test_a_float_stays_in_its_range(tmp_path: Path) -> None:
    """Rounding leads out of no range."""
    proposals = await many(tmp_path, 30, "# (0.9 to 0.999)\nX = 0.95\n# (0.1 to 1.0)\nY = 0.5\n")
    assert all(0.9 <= each.detail["constants"]["X"] <= 0.999 for each in proposals)


async def test_what_helped_is_tried_further(tmp_path: Path) -> None:
    """A rate near 0.4 gains, everything else loses: the second half of a night is nearer to it than the first."""
    agent, experiments, distances = SearchAgent(3), list[Experiment](), list[float]()
    for turn in range(40):
        proposal = await agent.propose(brief(experiments), workspace(tmp_path, "# (0.01 to 1.0)\nRATE = 0.1\n"))
        distance = abs(proposal.detail["constants"]["RATE"] - 0.4)
        distances.append(distance)
        experiments.append(told(turn + 1, proposal, "drop", 0.3 - distance))
    assert sum(distances[20:]) < sum(distances[:20])


@pytest.mark.parametrize(
    "detail",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"changes": {"GONE": 1}}, id="a constant that is no more"),
        pytest.param({"changes": {"RATE": 5.0}}, id="a value outside of today's range"),
        pytest.param({"changes": {"RATE": 0.0}}, id="a zero where the scale is logarithmic"),
        pytest.param({"changes": {"RATE": -1.0}}, id="a negative value likewise"),
        pytest.param({"changes": {"RATE": "fast"}}, id="a text where a number is now"),
        pytest.param({"changes": {"DEPTH": 2.5}}, id="a fraction where a whole number is now"),
        pytest.param({"changes": {"DEPTH": True}}, id="a truth where a number is now"),
        pytest.param({"changes": {"RATE": 0.2}, "constants": {"RATE": 0.2}}, id="fewer constants than today"),
    ],
)
@pytest.mark.parametrize(("outcome", "gain"), [("drop", -0.1), ("crash", None), (None, None)])
def test_no_history_stops_it(tmp_path: Path, detail: dict[str, object], outcome: Outcome, gain: float | None) -> None:
    """The file was edited by people and other agents since: what does not fit is not learned from."""
    past = told(1, Proposal("past", detail), outcome, gain)
    assert propose(tmp_path, experiments=[past]).hypothesis


@pytest.mark.parametrize(
    ("source", "why"),
    [
        pytest.param("X = (\n", "does not parse", id="no Python"),
        pytest.param("X = 1\0\n", "does not parse", id="a null byte"),
        pytest.param("def main(): ...\n", "no constants", id="no constants"),
        pytest.param("X = 'a'\n", "no constants", id="only a text without choices"),
        pytest.param("# (0.0 to 0.0)\nX = 0.0\n", "nothing new", id="a range of one"),
    ],
)
def test_nothing_to_propose_is_said(tmp_path: Path, source: str, why: str) -> None:
    """The reason goes into the journal; the engine lives on."""
    with pytest.raises(NoProposal, match=why):
        propose(tmp_path, source)


def test_prose_that_looks_like_a_range_stops_nobody(tmp_path: Path) -> None:
    """A comment is no programme."""
    assert propose(tmp_path, "# Layers (one of: a few)\nX = 4\n").detail["changes"]["X"] != 4


async def test_the_shipped_trainer_can_be_searched(tmp_path: Path) -> None:
    """Ten proposals for nanochat: every one parses and differs."""
    proposals = await many(tmp_path, 10, NANOCHAT)
    assert (10, True) == (len({each.hypothesis for each in proposals}), bool(find((tmp_path / "train.py").read_text())))


async def test_a_long_night_never_proposes_the_same_file_twice(tmp_path: Path) -> None:
    """Constants and edits, from the same base."""
    agent, experiments, files = SearchAgent(1), list[Experiment](), set[str]()
    for turn in range(30):
        proposal = await agent.propose(brief(experiments), workspace(tmp_path, NANOCHAT))
        files.add((tmp_path / "train.py").read_text())
        experiments.append(told(turn + 1, proposal))
    assert (30, True) == (len(files), any(each.detail["edits"] for each in experiments))


def test_an_edit_is_named_and_told(tmp_path: Path) -> None:
    """The detail has its name, the hypothesis what it is, and the file is the edited one."""
    proposal = next(
        each for each in (propose(tmp_path, NANOCHAT, seed=seed) for seed in range(24)) if each.detail["edits"]
    )
    (name,) = proposal.detail["edits"]
    expected = (EDITS[name].hypothesis, apply(EDITS[name], NANOCHAT))
    assert expected == (proposal.hypothesis, (tmp_path / "train.py").read_text())


def test_a_project_of_its_own_gets_constants_alone(tmp_path: Path) -> None:
    """The edits are written for the shipped trainer."""
    assert [] == [each for seed in range(20) for each in propose(tmp_path, seed=seed).detail["edits"]]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_direction_keeps_to_its_edits(drawn: Drawn, direction: str) -> None:
    """Every edit that it proposes belongs to it, and it has some."""
    used = [name for each in drawn(direction, 12) for name in each.detail["edits"]]
    assert {True} == {direction in EDITS[name].directions for name in used}


@pytest.mark.parametrize(
    ("direction", "section"),
    [("architecture", "model"), ("optimizer", "optimizer"), ("schedule", "schedule"), ("data", "batches")],
)
def test_a_direction_keeps_to_its_section(drawn: Drawn, direction: str, section: str) -> None:
    """The headings of train.py say which constants are whose."""
    used = {name for each in drawn(direction, 12) for name in each.detail["changes"]}
    assert {section} == {SECTIONS[name] for name in used}


def test_initialisation_is_about_standard_deviations(drawn: Drawn) -> None:
    """They stand among the constants of the model, and are not the architecture's."""
    used = {name for each in drawn("initialisation", 16) for name in each.detail["changes"]}
    other = {name for each in drawn("architecture", 16) for name in each.detail["changes"]}
    assert ({"EMBEDDING_STD", "HEAD_STD", "MATRIX_STD"}, set()) == (used, used & other)


def test_a_simplification_switches_constants_off(drawn: Drawn) -> None:
    """To the value at which their part is gone."""
    used = [each.detail["changes"] for each in drawn("simplification", 12)]
    assert [{"QK_NORM": False}, {"SOFT_CAP": 0.0}] == sorted(
        {tuple(each.items()): each for each in used if len(each) == 1}.values(), key=str
    )


def test_efficiency_makes_a_token_cheaper(drawn: Drawn) -> None:
    """Sizes go down, never up."""
    before = {each.name: each.value for each in find(NANOCHAT)}
    used = [each.detail["changes"] for each in drawn("efficiency", 16)]
    sizes = ("DEPTH", "MLP_RATIO", "SHORT_WINDOW", "NEWTON_SCHULZ_STEPS", "SEQUENCE")
    assert {True} == {each[name] < before[name] for each in used for name in sizes if name in each}


def test_wild_changes_two_or_three_things(drawn: Drawn) -> None:
    """Of any kind."""
    counts = {len(each.detail["changes"]) + len(each.detail["edits"]) for each in drawn("wild", 12)}
    assert {2, 3} == counts


def test_a_direction_that_nobody_knows_restricts_nothing(tmp_path: Path) -> None:
    """A researcher may write one of their own."""
    assert propose(tmp_path / "a", NANOCHAT) == propose(tmp_path / "b", NANOCHAT, direction="music")


@pytest.mark.parametrize("direction", [*DIRECTIONS, "wild"])
def test_a_file_without_sections_is_searched_in_every_direction(tmp_path: Path, direction: str) -> None:
    """All of its constants belong to each."""
    assert propose(tmp_path, direction=direction).detail["changes"]


async def test_an_exhausted_direction_gives_way_to_all_others(tmp_path: Path) -> None:
    """A slot never waits because one direction is at its end."""
    proposals = await many(tmp_path, 14, NANOCHAT, direction="simplification")
    used = [set(each.detail["edits"]) for each in proposals]
    simple = {name for name, edit in EDITS.items() if "simplification" in edit.directions}
    assert (True, True) == (used[0] <= simple, any(not each <= simple or not each for each in used[-3:]))


def test_widths_and_heads_fit(drawn: Drawn) -> None:
    """A width that its heads do not fill would only crash."""
    details = [each.detail["constants"] for each in drawn("architecture", 24)]
    assert {0} == {each["WIDTH"] % each["HEAD_DIM"] for each in details}


def past(
    edit: str, outcome: Outcome | None, *, gain: float | None = None, z: float | None = None, number: int = 1
) -> Experiment:
    """Return an experiment with an edit on another base."""
    return told(number, Proposal("past", {"edits": [edit], "changes": {}}), outcome, gain, z)


def test_an_edit_that_was_kept_elsewhere_is_tried_more(tmp_path: Path) -> None:
    """What one worktree found is worth a try on the base of another."""
    kept = [past("head-bias", "keep", gain=0.1, z=3.0, number=number) for number in range(1, 9)]
    proposals = [propose(tmp_path, NANOCHAT, seed=seed, experiments=kept) for seed in range(60)]
    assert share_of("head-bias", proposals) > share_of("z-loss", proposals)


@pytest.mark.parametrize("outcome", ["drop", "crash", None])
def test_an_edit_that_failed_elsewhere_is_hardly_tried(tmp_path: Path, outcome: Outcome | None) -> None:
    """Nor one that is running just now."""
    failed = [past(name, outcome, gain=-0.1) for name in EDITS if name != "z-loss"]
    used = {
        name
        for each in (propose(tmp_path, NANOCHAT, seed=seed, experiments=failed) for seed in range(16))
        for name in each.detail["edits"]
    }
    assert "z-loss" in used and len(used) < 8


def test_a_conflicting_edit_is_applied_to_todays_source(tmp_path: Path) -> None:
    """Its place is found anew; the proposal names the experiment that it replaces."""
    today = rewrite(NANOCHAT, {"DEPTH": 6})
    conflict = replace(past("mlp-swiglu", "keep", gain=0.1), number=7)
    proposal = propose(tmp_path, today, experiments=[conflict], conflicts=(7,))
    expected = (f"{EDITS['mlp-swiglu'].hypothesis} (#7 again)", 7, apply(EDITS["mlp-swiglu"], today))
    assert expected == (proposal.hypothesis, proposal.rework_of, (tmp_path / "train.py").read_text())


def test_a_conflicting_edit_that_is_on_trunk_is_left(tmp_path: Path) -> None:
    """Another worktree had it merged: there is nothing to write again."""
    today = apply(EDITS["mlp-swiglu"], NANOCHAT)
    assert today is not None
    conflict = replace(past("mlp-swiglu", "keep", gain=0.1), number=7)
    assert None is propose(tmp_path, today, experiments=[conflict], conflicts=(7,)).rework_of


@pytest.mark.parametrize(
    ("hypothesis", "lines", "changes"),
    [
        pytest.param("RATE 0.1 → 0.4", 1, {"RATE": 0.4}, id="as the agent writes it"),
        pytest.param("raise RATE from 0.1 to 0.4: faster.", 1, {"RATE": 0.4}, id="in words"),
        pytest.param("RATE 0.1 -> 0.4, BATCH 4_096 -> 1_024", 2, {"RATE": 0.4, "BATCH": 1024}, id="two"),
        pytest.param('WINDOWS "L" → "SL"', 1, {"WINDOWS": "SL"}, id="a text"),
        pytest.param("QK_NORM True → False.", 1, {"QK_NORM": False}, id="a truth"),
        pytest.param("RATE 0.1 → 0.4 with SwiGLU", 9, None, id="more lines than that"),
        pytest.param("RATE 0.1 → 1.2.3", 1, None, id="no number"),
        pytest.param("a better MLP", 1, None, id="no constant"),
    ],
)
def test_a_models_hypothesis_tells_its_changes(hypothesis: str, lines: int, changes: dict[str, object] | None) -> None:
    """Where it is all that the diff can hold; then the search learns from that experiment too."""
    experiment = replace(told(1, Proposal(hypothesis)), added=lines, removed=lines)
    assert ([changes] if changes else []) == [trial.changes for trial in read([experiment])]
