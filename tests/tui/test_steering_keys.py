"""Stories of steering: stopping a run and pausing all are asked about, and the sheet says what becomes of the work."""

from __future__ import annotations

from pathlib import Path

from agentcore import events as ev
from agentcore.engine.control import Answer, serve
from tests.tui.driving import FakeEngine, sitting_at
from tests.tui.labs import small_lab


async def test_x_stops_exactly_the_run_that_the_sheet_named(tmp_path: Path) -> None:
    """It says that a killed run is lost, and `y` sends its number."""
    lab = small_lab(tmp_path)
    lab.screen(lab.propose("wt0", "WARMUP 0.05 to 0.02"))
    engine = FakeEngine(Answer(0, "run 7 in wt0 ends"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("x")
        assert "Stop the run of wt0?" in person.text
        assert "cannot be undone: a killed run is lost" in person.text
        assert "#1 is cancelled, its agent is told" in person.text
        await person.moment(0.6)
        await person.press("y")
        await person.sees("run 7 in wt0 ends")
    assert [("kill", {"worktree": "wt0", "expect": {"run": 7}})] == [(c.verb, c.arguments) for c in engine.commands]


async def test_x_where_nothing_runs_says_so(tmp_path: Path) -> None:
    """No sheet opens."""
    async with sitting_at(small_lab(tmp_path)) as person:
        await person.press("2", "x")
        assert "nothing trains in wt0 just now" == person.strip


async def test_a_run_that_ended_under_the_sheet_is_not_killed(tmp_path: Path) -> None:
    """`y` shows that nothing runs any more."""
    lab = small_lab(tmp_path)
    run = lab.screen(lab.propose("wt0", "WARMUP 0.05 to 0.02"))
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("x")
        lab.end_run(run, 1.7)
        await person.moment()
        await person.press("y")
        assert ("changed while you read" in person.text, "nothing trains in wt0" in person.text) == (True, True)
    assert [] == engine.commands


async def test_the_sheet_says_that_a_killed_seed_is_run_again(tmp_path: Path) -> None:
    """Nothing is left out of a confirmation by hand."""
    lab = small_lab(tmp_path)
    trunk = lab.state.trunk
    assert trunk
    lab.start_run("baseline", None, trunk.commit, "cpu0", 9)
    async with sitting_at(lab) as person:
        await person.press("x")
        assert "no seed is left out by hand" in " ".join(person.text.replace("┃", " ").split())


async def test_capital_p_pauses_all_and_then_lets_all_go_on(tmp_path: Path) -> None:
    """One sheet each time, and who is paused already is counted apart."""
    lab = small_lab(tmp_path)
    engine = FakeEngine(Answer(0, "so be it"))
    lab.tell(ev.WorktreePaused("wt1", "by you", "you"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("P")
        assert "wt0; 1 is paused already" in person.text
        await person.moment(0.6)
        await person.press("y")
        await person.sees("so be it")
        lab.tell(ev.WorktreePaused("wt0", "by you", "you", all=True))
        await person.moment()
        await person.press("P")
        assert "Resume all 2 worktrees?" in person.text
        await person.press("n")
    assert [("pause", {"all": True})] == [(each.verb, each.arguments) for each in engine.commands]


async def test_a_asks_who_asked_and_i_answers(tmp_path: Path) -> None:
    """The strip names the question, `a` goes to its worktree, and one line answers it."""
    lab = small_lab(tmp_path)
    lab.employ(wt1="anthropic")
    lab.think("wt1")
    lab.tell(ev.QuestionAsked("wt1", "raise device batch to 128?", "anthropic"))
    engine = FakeEngine(Answer(0, "told wt1"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        assert 'wt1 asks: "raise device batch to 128?"' in person.strip
        assert "! ASK" in person.text
        await person.press("a", "i", *"yes", "enter")
        await person.sees("told wt1")
    assert [("say", {"worktree": "wt1", "text": "yes"})] == [(each.verb, each.arguments) for each in engine.commands]


async def test_retiring_asks_for_the_name_where_work_is_in_no_commit(tmp_path: Path) -> None:
    """`X` and the typed name; another name retires nothing."""
    lab = small_lab(tmp_path)
    lab.edit("wt0", "WARMUP = 0.05", "WARMUP = 0.07")
    engine = FakeEngine(Answer(0, "wt0 is retired"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("X", *"wt9", "enter")
        assert ("'wt9' is not wt0" in person.text, engine.commands) == (True, [])
        await person.moment(0.6)
        await person.press(*"wt0", "enter")
        await person.sees("wt0 is retired")
        lab.edit("wt0", "WARMUP = 0.07", "WARMUP = 0.05")
        await person.press("X")
        assert "all of it is in a commit" in person.text
        await person.press("n")
    assert [("retire", {"worktree": "wt0", "named": True})] == [(c.verb, c.arguments) for c in engine.commands]


async def test_c_asks_how_many_worktrees(tmp_path: Path) -> None:
    """It says their names and that they take turns."""
    engine = FakeEngine(Answer(0, "made wt2 and wt3"))
    lab = small_lab(tmp_path)
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("c", "l")
        assert ("wt2, wt3 on trunk" in person.text, "4 worktrees for 2 slots" in person.text) == (True, True)
        await person.moment(0.6)
        await person.press("y")
        await person.sees("made wt2 and wt3")
    assert [("new", {"count": 2, "direction": ""})] == [(each.verb, each.arguments) for each in engine.commands]
