"""The agent without a model: seeded, never the same twice, and readable by people and by itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore.agents import NoProposal, Proposal
from agentcore.agents.constants import find
from agentcore.agents.search import SearchAgent
from agentcore.brief import Brief
from agentcore.events import Outcome
from agentcore.state import Experiment
from tests import toy
from tests.agentcore.tales import calibrated

NANOCHAT = Path(__file__).parents[2] / "nanochat" / "train.py"


def brief(experiments: Sequence[Experiment] = (), worktree: str = "wt0") -> Brief:
    """Return a brief that holds what the search agent reads of one."""
    return Brief(worktree, "", ("train.py",), {}, tuple(experiments))


def told(number: int, proposal: Proposal, outcome: Outcome | None = "drop", gain: float | None = 0.0) -> Experiment:
    """Return an experiment as a later brief tells it."""
    tale = calibrated()
    tale.propose("wt0", "t1")
    known = replace(tale.state.experiments[1], number=number, hypothesis=proposal.hypothesis, detail=proposal.detail)
    return replace(known, outcome=outcome, gain=gain)


def workspace(path: Path, source: str = toy.TRAIN) -> Path:
    """Return a worktree that holds this train.py."""
    path.mkdir(exist_ok=True)
    (path / "train.py").write_bytes(source.encode())
    return path


def propose(path: Path, source: str = toy.TRAIN, *, seed: int = 1, experiments: Sequence[Experiment] = ()) -> Proposal:
    """Let a new agent propose once."""
    return asyncio.run(SearchAgent(seed).propose(brief(experiments), workspace(path, source)))


async def many(path: Path, turns: int, source: str = toy.TRAIN, seed: int = 1) -> list[Proposal]:
    """Let one agent propose again and again from the same base; every third proposal helps."""
    agent, experiments, proposals = SearchAgent(seed), list[Experiment](), list[Proposal]()
    for turn in range(turns):
        proposals.append(await agent.propose(brief(experiments), workspace(path, source)))
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
    proposals = await many(tmp_path, 10, NANOCHAT.read_text(encoding="utf-8"))
    assert (10, True) == (len({each.hypothesis for each in proposals}), bool(find((tmp_path / "train.py").read_text())))
