"""Stories of marked rows: the next action takes all of them, in the order of the list, and then nothing is marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.control import Answer, Command, serve
from tests.tui.driving import FakeEngine, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui.sheets.take_out import BECAUSE


class RefusingEngine(FakeEngine):
    """Does what it is asked, but for one worktree."""

    def __init__(self, refused: str) -> None:
        super().__init__()
        self.refused = refused

    async def __call__(self, command: Command) -> Answer:
        """Refuse where the command is about that worktree."""
        done = await super().__call__(command)
        return Answer(5, "not now") if command.arguments.get("worktree") == self.refused else done


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """Two worktrees, both in training."""
    lab = small_lab(tmp_path)
    for name in ("wt0", "wt1"):
        lab.screen(lab.propose(name, f"an idea of {name}"))
    return lab


async def test_x_stops_the_runs_of_all_that_are_marked(lab: LabMaker) -> None:
    """One sheet with a numbered list, one answer, the list's order; afterwards no row is marked."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("space", "j", "space", "x")
        assert "Stop the runs of 2 worktrees?" in person.text
        assert ("1             wt0: run" in person.text, "2             wt1: run" in person.text) == (True, True)
        await person.moment(0.6)
        await person.press("y")
        await person.sees("kill: wt0, wt1 done")
        assert "*" not in person.row("wt0")[:3] + person.row("wt1")[:3]
    assert ["wt0", "wt1"] == [each.arguments["worktree"] for each in engine.commands]


async def test_a_no_leaves_the_marks(lab: LabMaker) -> None:
    """Who only read the list marks nothing again."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("space", "j", "space", "x", "n")
        await person.sees("nothing was changed")
        assert ("*" in person.row("wt0")[:3], "*" in person.row("wt1")[:3]) == (True, True)
    assert [] == engine.commands


async def test_one_that_cannot_take_part_is_named_and_nothing_is_asked(tmp_path: Path) -> None:
    """The list would be refused at that place, so it is not offered."""
    lab = small_lab(tmp_path)
    lab.screen(lab.propose("wt0", "an idea"))
    async with sitting_at(lab) as person:
        await person.press("space", "j", "space", "x")
        assert "nothing trains in wt1 just now" == person.strip


async def test_p_pauses_all_that_are_marked_and_asks_nothing(lab: LabMaker) -> None:
    """Those that pause already are left out; where all do, they go on."""
    engine = FakeEngine()
    lab.tell(ev.WorktreePaused("wt0", "by you", "you"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("space", "j", "space", "p")
        await person.until(lambda: len(engine.commands) == 1)
        lab.tell(ev.WorktreePaused("wt1", "by you", "you"))
        await person.moment()
        await person.press("space", "k", "space", "p")
        await person.sees("resume: wt0, wt1 done")
    found = [(each.verb, each.arguments["worktree"]) for each in engine.commands]
    assert [("pause", "wt1"), ("resume", "wt0"), ("resume", "wt1")] == found


async def test_what_is_refused_ends_the_list_and_says_what_was_done(lab: LabMaker) -> None:
    """The first stands, the second is refused with its reason, the third is not asked for."""
    lab.tell(ev.WorktreeCreated("wt2", "cpu0", "search", lab.state.worktrees["wt0"].base, ""))
    engine = RefusingEngine("wt1")
    async with serve(lab.paths.socket, engine), sitting_at(lab, (160, 45)) as person:
        await person.press("space", "j", "space", "j", "space", "r")
        await person.sees("refused: wt1: not now; done before: wt0; not asked for: wt2")
    assert ["wt0", "wt1"] == [each.arguments["worktree"] for each in engine.commands]


async def test_capital_x_retires_all_that_are_marked(tmp_path: Path) -> None:
    """What holds for each of them stands once below the list; one with loose work has to be retired alone."""
    lab, engine = small_lab(tmp_path), FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("space", "j", "space", "X")
        assert ("Retire 2 worktrees?" in person.text, person.text.count("undo ")) == (True, 1)
        await person.moment(0.6)
        await person.press("y")
        await person.sees("retire: wt0, wt1 done")
        lab.edit("wt1", "WARMUP = 0.05", "WARMUP = 0.07")
        await person.press("space", "k", "space", "X")
        assert person.strip.startswith("wt1 holds work that is in no commit: retire it alone")
    assert [("retire", "wt0"), ("retire", "wt1")] == [(c.verb, c.arguments["worktree"]) for c in engine.commands]


async def test_i_tells_all_that_are_marked(lab: LabMaker) -> None:
    """One line, sent to each; an agent that reads no words is named instead."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("space", "j", "space", "i")
        assert person.strip.startswith("wt0 is worked by the search agent")
        lab.employ(wt0="anthropic", wt1="anthropic")
        await person.moment()
        await person.press("i")
        assert "tell wt0, wt1" in person.text
        await person.press(*"less", "enter")
        await person.sees("say: wt0, wt1 done")
    assert [("wt0", "less"), ("wt1", "less")] == [
        (each.arguments["worktree"], each.arguments["text"]) for each in engine.commands
    ]


async def test_what_was_not_told_is_offered_again(lab: LabMaker) -> None:
    """To the worktrees that it did not reach, and to no other."""
    lab.employ(wt0="anthropic", wt1="anthropic")
    async with serve(lab.paths.socket, RefusingEngine("wt1")), sitting_at(lab) as person:
        await person.press("space", "j", "space", "i", *"less", "enter")
        await person.until(lambda: bool(person.view.sender.unsent))
    assert {"wt1": "less"} == person.view.sender.unsent


async def test_m_on_the_lab_screen_merges_what_the_marked_worktrees_have(lab: LabMaker) -> None:
    """Each worktree's own candidate; one without is named."""
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    async with sitting_at(lab) as person:
        await person.press("space", "j", "space", "m")
        assert person.strip.startswith("wt1 has nothing to merge")
        lab.make_ready("wt1", "DEPTH 4 to 5")
        await person.moment()
        await person.press("m")
        assert "Merge 2 candidates into trunk, in this order?" in person.text


async def test_candidates_are_taken_out_together(lab: LabMaker) -> None:
    """A candidate leaves the queue, a merge is taken back; only the first of the merges pins trunk."""
    first, second = lab.make_ready("wt0", "one"), lab.make_ready("wt1", "two")
    lab.merge(second)
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("3", "space", "j", "space", "x")
        assert "Take 2 out of the queue, or back from trunk?" in person.text
        await person.moment(0.6)
        await person.press("y")
        await person.sees(f"cancel: #{first}, #{second} done")
    trunk = lab.state.trunk
    assert trunk
    assert [
        ("cancel", {"experiment": first, "because": BECAUSE}),
        ("revert", {"experiment": second, "because": BECAUSE, "expect": {"trunk": trunk.commit}}),
    ] == [(each.verb, each.arguments) for each in engine.commands]


@pytest.mark.parametrize(("key", "verb"), [("v", "verify"), ("p", "hold")])
async def test_a_key_that_harms_nothing_takes_all_marked_candidates(lab: LabMaker, key: str, verb: str) -> None:
    """At once, one after the other."""
    numbers = [lab.make_ready("wt0", "one"), lab.make_ready("wt1", "two")]
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("3", "space", "j", "space", key)
        await person.sees(f"{verb}: #{numbers[0]}, #{numbers[1]} done")
    assert [(verb, number) for number in numbers] == [(c.verb, c.arguments["experiment"]) for c in engine.commands]


async def test_results_name_the_marked_one_that_is_no_candidate(lab: LabMaker) -> None:
    """`m` and `v` take all that are marked there, or none."""
    ready = lab.make_ready("wt0", "one")
    dropped = lab.experiment("wt1", "two", "drop", 1.7040)
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("4", "space", "j", "space", "m")
        assert f"wt1 #{dropped} is not in the queue" == person.strip
        await person.press("k", "space", "m")
        assert f"Merge wt0 #{ready} into trunk?" in person.text


async def test_marked_ideas_are_dropped_together(lab: LabMaker) -> None:
    """On screen 6, where `space` marks ideas."""
    lab.tell(ev.IdeaAdded(1, "tie the embeddings", "ada"))
    lab.tell(ev.IdeaAdded(2, "value embeddings", "ada"))
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("6", "tab", "tab", "space", "j", "space", "x")
        await person.sees("drop-idea: idea 2, idea 1 done")
    assert [2, 1] == [each.arguments["idea"] for each in engine.commands]
