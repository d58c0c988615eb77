"""Stories of the overview: what is seen, and what the keys do."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.control import Answer, serve
from agentcore.project.checkup import Check
from tests.tui.driving import DARK, FakeEngine, crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui.options import ViewOptions
from tui.snapshot import rows
from tui.view import View


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with three experiments, one of them READY, and one run in progress."""
    lab = small_lab(tmp_path)
    lab.experiment("wt0", "MATRIX_LR 0.020 to 0.034", "drop", 1.7040)
    lab.experiment("wt1", "ROPE_BASE 10k to 20k", "crash", None, "ZeroDivisionError: division by zero")
    lab.make_ready("wt1", "WARMUP 0.05 to 0.02")
    number = lab.propose("wt0", "DEPTH 4 to 5")
    lab.measure(lab.screen(number), 0.61)
    return lab


async def test_the_first_screen_tells_how_the_lab_stands(lab: LabMaker) -> None:
    """Title, strip, one row per worktree, detail, plot, events and keys fit into 80x24."""
    async with sitting_at(lab) as person:
        assert "1 LAB  nanochat  trunk" in person.rows[0] and "1.7012" in person.rows[0]
        assert "! 1 needs you" in person.strip and "#3 is ready to merge" in person.strip
        assert "▸ TRAIN   61% 9s" in person.row(" wt0 ")
        assert "· IDLE" in person.row(" wt1 ") or "IDLE" in person.row(" wt1 ")
        assert "why    DEPTH 4 to 5" in person.text
        assert "progress: 3 experiments, 1 kept, best 1.6990" in person.text
        assert "READY gain +.0022" in person.text
        assert person.rows[-1].startswith(" ?help  enter:open") and person.rows[-1].rstrip().endswith("q:detach")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (100, 30), (140, 40), (160, 45), (250, 70)])
async def test_every_size_has_list_strip_and_straight_lines(lab: LabMaker, size: tuple[int, int]) -> None:
    """From 60x15 to 250x70 each screen fills the terminal exactly and keeps its title, strip and key line."""
    async with sitting_at(lab, size) as person:
        for key, name in (("2", "2 WORKTREE"), ("3", "3 QUEUE"), ("8", "8 EVENTS"), ("1", "1 LAB")):
            await person.press(key)
            assert name in person.rows[0]
            assert [] == crooked(person.rows, size[0])
            assert size[1] == len(person.rows)
            assert "needs you" in person.rows[1]
            assert "detach" in person.rows[-1]
        assert "wt0" in person.text and "wt1" in person.text


async def test_the_wide_screen_has_boxes_with_straight_sides(lab: LabMaker) -> None:
    """At 160x45 six framed panes stand in two columns, and every corner has its side below it."""
    async with sitting_at(lab, (160, 45)) as person:
        for title in ("worktrees", "wt0 #4, against", "progress:", "CPU: 2x AMD", "events", "merge queue"):
            assert f"─ {title}" in person.text or f"━ {title}" in person.text
        rows = person.rows
        for y, row in enumerate(rows[:-1]):
            for x, glyph in enumerate(row):
                if glyph in "┏┌┓┐" and not _is_plot(rows, y):
                    assert rows[y + 1][x] in "┃│", f"{title} at {x},{y}"


def _is_plot(rows: list[str], y: int) -> bool:
    """True for lines of the progress plot, which draws with the same glyphs."""
    start = next(index for index, row in enumerate(rows) if "progress:" in row)
    end = next(index for index, row in enumerate(rows) if "─ events" in row)
    return start < y < end


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 50), (50, 2)])
async def test_a_sliver_of_a_terminal_is_lived_through(tmp_path: Path, size: tuple[int, int]) -> None:
    """A pane that is dragged shut and opened again shows what it did before."""
    async with sitting_at(small_lab(tmp_path)) as person:
        before = person.text
        await person.resize(*size)
        await person.resize(80, 24)
        assert before == person.text


async def test_a_small_terminal_gets_one_sentence_and_the_screen_back(lab: LabMaker) -> None:
    """Under 60x15 the counts and the needed size are told; grown again the screen is as before."""
    async with sitting_at(lab) as person:
        before = person.text
        await person.resize(52, 12)
        assert "Needs 60x15, is 52x12" in " ".join(person.text.split())
        assert "1 run, 1 idle" in person.text
        await person.resize(80, 24)
        assert before == person.text


async def test_the_cursor_moves_and_rows_stay(lab: LabMaker) -> None:
    """`j` and `k`, `g` and `G` move the mark; the order of rows never changes."""
    async with sitting_at(lab) as person:
        assert person.row(" wt0 ").startswith(">")
        await person.press("j")
        assert person.row(" wt1 ").startswith(">") and not person.row(" wt0 ").startswith(">")
        await person.press("k")
        assert person.row(" wt0 ").startswith(">")
        await person.press("G", "j", "j")
        assert person.row(" wt1 ").startswith(">")
        await person.press("g")
        assert person.row(" wt0 ").startswith(">")


async def test_screens_have_numbers_and_ways_back(lab: LabMaker) -> None:
    """1 2 3 8 open screens, `-` goes to the one before, `esc` one level up, enter opens the worktree."""
    async with sitting_at(lab) as person:
        ways = {"3": "3 QUEUE", "2": "2 WORKTREE", "minus": "3 QUEUE", "8": "8 EVENTS", "1": "1 LAB"}
        for key, name in ways.items():
            await person.press(key)
            assert person.rows[0].startswith(f" {name}")
        await person.press("enter")
        assert person.rows[0].startswith(" 2 WORKTREE  wt0")
        await person.press("escape")
        assert person.rows[0].startswith(" 1 LAB")
        await person.press("escape")
        assert "all work goes on" in person.strip


async def test_no_key_is_silent(lab: LabMaker) -> None:
    """A key without a meaning says so, and where to look."""
    async with sitting_at(lab) as person:
        await person.press("z")
        assert "z does nothing here; ? lists the keys" == person.strip
        await person.press("9")
        assert "9 does nothing here; ? lists the keys" == person.strip


async def test_news_appear_without_a_key(lab: LabMaker) -> None:
    """What the engine writes into the journal is on the screen a moment later."""
    async with sitting_at(lab) as person:
        lab.end_run(lab.state.experiments[4].run or 0, 1.6985)
        lab.decide(4, "keep", 1.6985)
        await person.sees("KEEP 1.6985, gain +.0027", hurried=False)
        assert "5 experiments" not in person.text and "progress: 4 experiments, 2 kept" in person.text


async def test_a_goes_to_what_needs_a_person(lab: LabMaker) -> None:
    """`a` opens the queue on the READY candidate and says what it is about."""
    async with sitting_at(lab) as person:
        await person.press("a")
        assert person.rows[0].startswith(" 3 QUEUE")
        assert "#3 is ready to merge" == person.strip
        assert person.row("READY").startswith("> READY")


async def test_p_pauses_and_resumes(lab: LabMaker) -> None:
    """`p` asks the engine to pause the selected worktree; when it is paused, `p` resumes it."""
    engine = FakeEngine(Answer(0, "wt0 pauses after its run"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("p")
        await person.sees("wt0 pauses after its run")
        lab.tell(ev.WorktreePaused("wt0", "by you", "you"))
        await person.sees("PAUSE by you")
        await person.press("p")
        await person.until(lambda: len(engine.commands) == 2)
    assert [("pause", {"worktree": "wt0"}), ("resume", {"worktree": "wt0"})] == [
        (command.verb, command.arguments) for command in engine.commands
    ]


async def test_a_dead_engine_is_told_and_changes_are_refused_with_a_reason(tmp_path: Path) -> None:
    """Without an engine the strip says what to do, rows say as of when they are, and no key pretends to work."""
    lab = small_lab(tmp_path, alive=False)
    async with sitting_at(lab) as person:
        assert "The engine is not running (last sign" in person.strip and "nightlab start" in person.strip
        assert "as of" in person.row(" wt0 ")
        for key in "mpu":
            await person.press(key)
            assert "the engine is not running, so nothing can be changed. Start it: nightlab start" == person.strip


async def test_old_measurements_are_not_shown_as_of_now(lab: LabMaker) -> None:
    """Device figures are shown while they are taken; a minute later the pane says since when they are not."""
    lab.paths.devices.write_text(f'[{{"slot": "cpu0", "at": {lab.now}, "utilisation": 87.0, "memory_mb": 512.0}}]')
    async with sitting_at(lab, (160, 45)) as person:
        await person.moment()
        assert "87%" in person.row("▸ TRAIN") and "87%  512M" in person.row("││ cpu0")
        await person.moment(120)
        assert "not measured since" in person.row("││ cpu0")


async def test_readonly_views_change_nothing(lab: LabMaker) -> None:
    """With --readonly every changing key says so."""
    async with sitting_at(lab, options=ViewOptions(readonly=True)) as person:
        for key in "mpu":
            await person.press(key)
            assert person.strip.startswith("read-only")


async def test_m_without_a_winner_says_why(tmp_path: Path) -> None:
    """`m` opens no sheet where nothing is READY; the sentence names the reason."""
    lab = small_lab(tmp_path)
    async with sitting_at(lab) as person:
        await person.press("m")
        assert person.strip.startswith("nothing to merge yet")
        number = lab.experiment("wt0", "idea", "keep", 1.6990)
        lab.rebase(number)
        lab.confirm(number, (1.6991,))
        await person.until(lambda: bool(person.view.scene.overview.queue))
        await person.press("m")
        assert "wt0 #1 is not READY: its fresh seeds train now (1/3)" == person.strip


async def test_a_lab_without_a_journal_tells_what_comes(tmp_path: Path) -> None:
    """Before the engine has written anything the steps are listed; nothing has to be pressed."""
    lab = LabMaker(tmp_path)
    lab.paths.journal.unlink()
    async with sitting_at(lab) as person:
        assert "no trunk number yet" in person.rows[0]
        assert "First run" in person.text and "[todo]  engine" in person.text
        await person.press("j", "m", "enter", "2")
        assert "there is no worktree yet" == person.strip


async def test_the_first_run_lists_what_this_machine_has(tmp_path: Path) -> None:
    """What is there, what is to do and what need not be done: only what is to do counts as missing."""
    lab = LabMaker(tmp_path)
    lab.paths.journal.unlink()
    found = (
        Check("ok", "gpus", "8x H100 80G"),
        Check("warn", "key", "none is set", "export one"),
        Check("todo", "disk", "2 GB free (floor 50 GB)", "make room"),
        Check("warn", "tmux", "not inside tmux"),
    )
    view = View(lab.paths, ViewOptions(), DARK, clock=lambda: lab.now, examine=lambda: found)
    async with view.run_test(size=(80, 24)) as pilot:
        while view.checks is None:
            await pilot.pause(0.01)
        await pilot.pause()
        text = "\n".join(rows(view))
    assert "First run: 2 of 5 ready" in text
    for line in (
        "[ok]    GPUs        8x H100",
        "[note]  model key   none is set. Export",
        "[todo]  disk        2 GB free",
    ):
        assert line in text
    assert "not inside tmux" not in text


async def test_calibration_is_shown_before_there_is_a_number(tmp_path: Path) -> None:
    """While trunk is trained for its own number, the title counts the runs."""
    lab = LabMaker(tmp_path)
    lab.begin()
    lab.create_trunk()
    lab.create_worktrees()
    lab.calibrate(2)
    async with sitting_at(lab) as person:
        assert "trunk has no number yet: calibration 2 of 6" in person.rows[0]
        assert "σ" not in person.rows[0]
        lab.calibrate(6)
        await person.until(lambda: "trunk " in person.rows[0] and "1.7012" in person.rows[0])


async def test_a_damaged_journal_is_a_sentence(lab: LabMaker) -> None:
    """A journal that cannot be read is told in the strip; the last known screen stays."""
    async with sitting_at(lab) as person:
        person.view.follower.observer._reader.close()
        lab.paths.journal.write_bytes(b"this is no database" * 100)
        for more in ("-wal", "-shm"):
            lab.paths.journal.with_name(lab.paths.journal.name + more).unlink(missing_ok=True)
        await person.sees("cannot read")
        assert "wt0" in person.text and "Traceback" not in person.text


async def test_a_saved_file_is_in_the_diff_pane_at_once(lab: LabMaker) -> None:
    """What an agent writes into its worktree is seen live, with nothing pressed."""
    lab.decide(4, "drop", 1.7040)
    async with sitting_at(lab, (160, 45)) as person:
        await person.sees("no change yet")
        lab.edit("wt0", "DEPTH = 4", "DEPTH = 5")
        await person.sees("+  DEPTH = 5", hurried=False)
        assert "+1 -1 train.py" in person.row("wt0 live diff")


async def test_q_leaves_and_the_lab_goes_on(
    lab: LabMaker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`q` closes only the view; the last lines say how to come back and how to stop, as it is typed here."""
    from tui.app import farewell

    async with sitting_at(lab) as person:
        await person.press("q")
    assert 0 == farewell(person.view)
    elsewhere = f"Return: nightlab --lab {lab.paths.root}\nStop:   nightlab stop --lab {lab.paths.root}\n"
    assert f"Detached. 2 worktrees go on.\n{elsewhere}" in capsys.readouterr().out
    monkeypatch.chdir(lab.paths.root)
    farewell(person.view)
    assert "Return: nightlab\nStop:   nightlab stop\n" in capsys.readouterr().out


@pytest.mark.parametrize("stage", ["evaluate", "holdout"])
async def test_a_run_of_trunk_that_is_scored_says_so(lab: LabMaker, stage: str) -> None:
    """Its training is over: there is no share of it left to show."""
    assert lab.state.trunk
    trunk = lab.state.trunk
    lab.tell(ev.RunStarted(99, "baseline", None, trunk.commit, trunk.tree, 9, 1, "cpu1"))
    lab.measure(99, 0.99, stage=stage)
    async with sitting_at(lab) as person:
        assert "▸ BASE    scoring" in person.row(" wt1 ")
