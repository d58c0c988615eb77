"""Stories of the queue screen's keys: what acts at once, what asks, and what says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.control import Answer, serve
from tests.tui.driving import FakeEngine, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui.options import ViewOptions
from tui.sheets.take_out import BECAUSE


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with one READY candidate."""
    lab = small_lab(tmp_path)
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    return lab


@pytest.mark.parametrize(("key", "held", "verb"), [("v", False, "verify"), ("p", False, "hold"), ("p", True, "unhold")])
async def test_a_key_that_harms_nothing_acts_at_once(lab: LabMaker, key: str, held: bool, verb: str) -> None:
    """The selected candidate is named, and the engine's answer stands in the strip."""
    engine = FakeEngine(Answer(0, "so be it"))
    if held:
        lab.tell(ev.CandidateMoved(1, "HELD", "held by you", "you"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("3", key)
        await person.sees("so be it")
    assert [(verb, {"experiment": 1})] == [(each.verb, each.arguments) for each in engine.commands]


async def test_x_asks_before_a_candidate_leaves_for_good(lab: LabMaker) -> None:
    """Only a deliberate `y` sends it, and what is recorded says that a key gave no reason."""
    engine = FakeEngine(Answer(0, "#1 has left the queue for good"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("3", "x")
        assert "Take wt0 #1 out of the queue?" in person.text
        await person.press("y")
        assert [] == engine.commands
        await person.moment(0.6)
        await person.press("y")
        await person.sees("#1 has left the queue for good")
    assert [("cancel", {"experiment": 1, "because": BECAUSE})] == [(c.verb, c.arguments) for c in engine.commands]


async def test_x_asks_before_a_merge_is_taken_back(lab: LabMaker) -> None:
    """On a merged candidate it is a revert, pinned to the trunk that was seen."""
    lab.merge(1)
    engine = FakeEngine(Answer(0, "took #1 back"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("3", "x")
        assert "Take wt0 #1 back from trunk?" in person.text
        await person.moment(0.6)
        await person.press("y")
        await person.sees("took #1 back")
    trunk = lab.state.trunk
    assert trunk
    expected = {"experiment": 1, "because": BECAUSE, "expect": {"trunk": trunk.commit}}
    assert [("revert", expected)] == [(each.verb, each.arguments) for each in engine.commands]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("v", "#1 is CANCELLED (it was taken out for good): verify is for"),
        ("p", "#1 is CANCELLED (it was taken out for good): hold is for"),
        ("x", "#1 is CANCELLED (it was taken out for good): cancel is for"),
    ],
)
async def test_a_key_that_cannot_act_says_why(lab: LabMaker, key: str, why: str) -> None:
    """State and reason, in the words of the command line."""
    lab.tell(ev.CandidateMoved(1, "CANCELLED", "no", "you"))
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("3", key)
        assert person.strip.startswith(why)


@pytest.mark.parametrize("key", ["v", "p", "x"])
async def test_a_key_without_a_candidate_says_so(tmp_path: Path, key: str) -> None:
    """Nothing is selected in an empty queue."""
    async with sitting_at(small_lab(tmp_path)) as person:
        await person.press("3", key)
        assert "no candidate is selected" == person.strip


@pytest.mark.parametrize("key", ["v", "p", "x"])
async def test_a_view_that_only_looks_decides_nothing(lab: LabMaker, key: str) -> None:
    """--readonly holds for these keys too."""
    async with sitting_at(lab, options=ViewOptions(readonly=True)) as person:
        await person.press("3", key)
        assert person.strip.startswith("read-only")


async def test_marks_stand_before_the_idea(lab: LabMaker) -> None:
    """A pinned and a forced candidate are known at a glance."""
    lab.tell(ev.ExperimentPinned(1, lab.state.candidates[1].landing, "you", ""))
    candidate = lab.state.candidates[1]
    lab.tell(ev.MergeIntended(1, candidate.trunk, candidate.landing, candidate.tree, "n", "you", "half the code"))
    lab.tell(ev.TrunkMoved(candidate.trunk, candidate.landing, candidate.tree, 1, "you", forced="half the code"))
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("3")
        assert "forced: pinned: WARMUP" in person.row("MERGED")
        assert "1 merged (1 forced)" in person.text


async def test_angle_brackets_move_a_candidate_and_r_confirms_it_again(lab: LabMaker) -> None:
    """At once; the first cannot go further, and what was measured on today's trunk needs no `r`."""
    lab.make_ready("wt1", "DEPTH 4 to 5")
    engine = FakeEngine(Answer(0, "so be it"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("3", "<")
        assert "#1 is the first of those that are READY already" == person.strip
        await person.press(">")
        await person.sees("so be it")
        await person.press("r")
        assert "reconfirm is for NOISE" in person.strip
    assert [("move", {"experiment": 1, "by": 1})] == [(each.verb, each.arguments) for each in engine.commands]
