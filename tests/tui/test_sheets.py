"""Stories of the merge and undo sheets: nothing typed by mistake reaches trunk."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.control import Answer, serve
from tests.tui.driving import FakeEngine, sitting_at
from tests.tui.labs import LabMaker, small_lab

QUESTION = "Merge wt0 #1 into trunk?"


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with one READY candidate."""
    lab = small_lab(tmp_path)
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    return lab


async def test_y_merges_exactly_what_the_sheet_named(lab: LabMaker) -> None:
    """After half a second `y` sends the candidate together with the commits that were shown."""
    engine = FakeEngine(Answer(0, "merged #1: trunk is now 1234567"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("m")
        candidate, trunk = lab.state.candidates[1], lab.state.trunk
        assert trunk and QUESTION in person.text
        assert f"{trunk.commit[:7]} to {candidate.landing[:7]}" in person.text
        assert candidate.tree[:7] in person.text
        await person.moment(0.6)
        await person.press("y")
        await person.sees("merged #1: trunk is now 1234567")
        assert QUESTION not in person.text
    expect = {"trunk": trunk.commit, "landing": candidate.landing}
    assert [("merge", {"experiment": 1, "expect": expect})] == [(c.verb, c.arguments) for c in engine.commands]


async def test_enter_does_nothing_and_stays(lab: LabMaker) -> None:
    """`enter`, even repeated, neither answers nor closes the sheet."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("m")
        await person.moment(1)
        await person.press("enter", "enter", "enter")
        assert QUESTION in person.text
    assert [] == engine.commands


async def test_an_early_y_does_not_count(lab: LabMaker) -> None:
    """`my` typed in one go opens the sheet and leaves it open; only a later `y` is an answer."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("m", "y", "y")
        assert QUESTION in person.text
        assert [] == engine.commands
        await person.moment(0.6)
        await person.press("y")
        await person.until(lambda: bool(engine.commands))


async def test_a_word_typed_into_the_wrong_pane_is_a_no(lab: LabMaker) -> None:
    """`mypy .` opens the sheet, its early `y` is nothing, its `p` closes it; trunk is not touched."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("m", "y", "p")
        assert QUESTION not in person.text
        assert "no: nothing was changed" == person.strip
    assert [] == engine.commands


@pytest.mark.parametrize("key", ["n", "escape", "x", "space", "m", "Y", "ctrl+c"])
async def test_every_other_key_means_no(lab: LabMaker, key: str) -> None:
    """`n`, `esc`, `ctrl+c` and any printable key that is not listed close the sheet, and nothing else."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("m")
        await person.moment(1)
        await person.press(key)
        await person.until(lambda: QUESTION not in person.text)
    assert [] == engine.commands


async def test_facts_that_changed_are_shown_again_before_anything_is_sent(lab: LabMaker) -> None:
    """When trunk moved under the open sheet, `y` is refused and the sheet says how it is now."""
    engine = FakeEngine()
    lab.make_ready("wt1", "DEPTH 4 to 5", 1.6980)
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("m")
        assert QUESTION in person.text
        lab.merge(2, by="gate")
        await person.moment(1)
        await person.press("y")
        await person.sees("changed while you read")
        assert "STALE" in person.text
        assert "y  merge" not in person.text
        await person.moment(1)
        await person.press("y")
        assert [] == engine.commands


async def test_a_refusal_of_the_engine_reloads_the_sheet(lab: LabMaker) -> None:
    """Where only the engine knows that facts changed, its sentence stands in the sheet."""
    engine = FakeEngine(Answer(5, "changed while you read: trunk is no longer abcdef0"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("m")
        await person.moment(1)
        await person.press("y")
        await person.sees("changed while you read: trunk is no longer abcdef0")
        assert QUESTION in person.text


async def test_an_engine_that_does_not_answer_is_told(lab: LabMaker) -> None:
    """Without a listener on the socket the sheet closes and the strip says why nothing happened."""
    async with sitting_at(lab) as person:
        await person.press("m")
        await person.moment(1)
        await person.press("y")
        await person.sees("refused: the engine does not answer")


async def test_d_reads_the_diff_first(lab: LabMaker) -> None:
    """`d` in the sheet opens the candidate's change instead of answering."""
    async with sitting_at(lab) as person:
        await person.press("m", "d")
        await person.sees("# idea 1")
        assert person.rows[0].startswith(" DIFF  wt0 #1")


async def test_the_queue_merges_the_selected_candidate_and_no_other(lab: LabMaker) -> None:
    """On screen 3 `m` means the line under the cursor, also when another one is READY."""
    number = lab.experiment("wt1", "DEPTH 4 to 5", "keep", 1.6990)
    async with sitting_at(lab) as person:
        await person.press("3", "j", "m")
        assert f"wt1 #{number} is not READY: the queue has not confirmed it yet" == person.strip


async def test_undo_names_what_it_takes_back(lab: LabMaker) -> None:
    """`u` asks by name, and sends the trunk that the person saw."""
    lab.merge(1)
    engine = FakeEngine(Answer(0, "trunk is back"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("u")
        assert "Undo the merge of wt0 #1?" in person.text
        await person.moment(1)
        await person.press("y")
        await person.sees("trunk is back")
        trunk = lab.state.trunk
    assert trunk
    expect = {"trunk": trunk.commit, "action": lab.state.actions[-1].seq}
    assert [("undo", {"expect": expect})] == [(c.verb, c.arguments) for c in engine.commands]


async def test_undo_with_nothing_done_says_so(lab: LabMaker) -> None:
    """`u` and `U` before any action are explained."""
    async with sitting_at(lab) as person:
        await person.press("u")
        assert "nothing to undo: see nightlab undo --list" == person.strip
        await person.press("U")
        assert "nothing to redo: that is possible only right after an undo" == person.strip


async def test_undo_of_what_harms_nothing_acts_at_once(lab: LabMaker) -> None:
    """A pause is taken back without a question, and named by the engine's answer."""
    lab.tell(ev.WorktreePaused("wt0", "by you", "you"))
    engine = FakeEngine(Answer(0, "took the pause of wt0 back: wt0 goes on"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("u")
        await person.sees("took the pause of wt0 back: wt0 goes on")
    expect = {"action": lab.state.actions[-1].seq}
    assert [("undo", {"expect": expect})] == [(c.verb, c.arguments) for c in engine.commands]


@pytest.mark.parametrize(("word", "sent"), [("any", 0), ("ny", 0), ("yn", 1), ("yy", 1)])
async def test_only_the_first_letter_of_a_word_answers(lab: LabMaker, word: str, sent: int) -> None:
    """A word that arrives in one piece answers once: the `y` of `any` comes too late, a `n` after the `y` as well."""
    engine = FakeEngine(Answer(0, "merged #1"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("m")
        await person.moment(1)
        await person.type_at_once(*word)
        await person.sees("merged #1" if sent else "no: nothing was changed")
    assert sent == len(engine.commands)


async def test_enter_twice_sends_a_message_once(lab: LabMaker) -> None:
    """A key that repeats says nothing twice to an agent."""
    lab.employ(wt0="claude")
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("i")
        await person.type_at_once("h", "i", "enter", "enter")
        await person.until(lambda: bool(engine.commands))
        await person.moment()
    assert [("say", "hi")] == [(each.verb, each.arguments["text"]) for each in engine.commands]


async def test_d_opens_the_diff_of_what_is_asked_about(lab: LabMaker) -> None:
    """The palette lifts the rule of a candidate that is not under the cursor: its diff is read, no other one."""
    lab.experiment("wt1", "too good", "keep", 1.2)
    lab.tell(ev.CandidateMoved(2, "BLOCKED", "the gain is too good", "engine"))
    async with sitting_at(lab) as person:
        await person.press(":", *"lift", "enter")
        assert "Lift the rule for wt1 #2?" in person.text
        await person.press("d")
        assert "wt1 #2" in person.rows[0]


async def test_the_answer_line_is_grey_until_it_counts(lab: LabMaker) -> None:
    """The sheet shows by its answer line whether `y` would count already."""
    async with sitting_at(lab) as person:
        await person.press("m")
        sheet = person.view.screen.query_one("Sheet")
        grey = sheet._answers()[1][1]  # type: ignore[attr-defined]
        await person.moment(1)
        assert ("grey", "bold") == (grey, sheet._answers()[1][1])  # type: ignore[attr-defined]


@pytest.mark.parametrize(("key", "how"), [("g", {"after_runs": True}), ("k", {"now": True})])
async def test_stopping_the_lab_asks_how(lab: LabMaker, key: str, how: dict[str, bool]) -> None:
    """`Q` asks; after half a second `g` waits for the runs and `k` kills them."""
    engine = FakeEngine(Answer(0, "the engine leaves"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("Q")
        assert "Stop the lab?" in person.text
        await person.moment(0.6)
        await person.press(key)
        await person.sees("the engine leaves")
    assert [("stop", how)] == [(each.verb, each.arguments) for each in engine.commands]


@pytest.mark.parametrize("keys", [["Q", "Q"], ["Q", "y"], ["Q", "escape"], ["Q", "g"]])
async def test_nothing_typed_in_haste_stops_the_lab(lab: LabMaker, keys: list[str]) -> None:
    """Not the key that asks, not a yes of other sheets, not an answer before half a second."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press(*keys)
        assert [] == engine.commands
