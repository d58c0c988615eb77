"""Stories of screen 4: find an experiment, see where it stands, compare it, take it along."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentcore.engine.control import Answer, serve
from tests.tui.driving import FakeEngine, Person, crooked, sitting_at
from tests.tui.labs import BASELINE, LabMaker, small_lab
from tui.cli import main


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with one READY, one dropped, one crashed and one diverged experiment."""
    lab = small_lab(tmp_path)
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    lab.experiment("wt1", "MATRIX_LR 0.020 to 0.034", "drop", 1.7040)
    lab.experiment("wt0", "DEPTH 4 to 9", "crash", None, "CUDA out of memory at step 12")
    lab.experiment("wt1", "LR 0.08", "nan", None, "loss NaN at step 214")
    return lab


def numbers(person: Person) -> list[int]:
    """Return the listed experiments, from the top."""
    words = [row[2:].split() for row in person.rows]
    return [int(row[0]) for row in words if len(row) > 1 and row[0].isdecimal() and row[1] in ("wt0", "wt1")]


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 45), (250, 70)])
async def test_four_shows_every_outcome_as_glyph_and_word(lab: LabMaker, size: tuple[int, int]) -> None:
    """Newest first, at every size, and nothing sticks out."""
    async with sitting_at(lab, size) as person:
        await person.press("4")
        assert person.rows[0].startswith(" 4 RESULTS")
        for words in ("~ NAN", "x CRASH", "· DROP", "+ KEEP"):
            assert words in person.text
        assert [] == crooked(person.rows, size[0])


async def test_a_row_says_why_and_what_became_of_it(lab: LabMaker) -> None:
    """Below the table: the reason of the selected one; of a kept one its verdict in the queue."""
    async with sitting_at(lab) as person:
        await person.press("4")
        assert [4, 3, 2, 1] == numbers(person)
        assert "loss NaN at step 214" in person.text
        await person.press("G")
        assert "READY in the queue: gain +.0022 ±.0006 (3.7σ) by 3 fresh seeds" in person.text


async def test_the_selected_one_is_marked_in_the_plot(lab: LabMaker) -> None:
    """`#` stands where its score is; what has no score says so."""
    async with sitting_at(lab) as person:
        await person.press("4")
        assert "#4 is not in the plot" in person.text
        await person.press("j", "j")
        plot = person.rows[3:9]
        assert "#2 1.7040" in person.rows[2]
        assert [0] == [index for index, row in enumerate(plot) if "#" in row]


async def test_o_orders_by_the_next_column_and_capital_o_turns_it_round(lab: LabMaker) -> None:
    """By score the best is first; from its other end the worst; what has none stays last; the title names the order."""
    async with sitting_at(lab) as person:
        await person.press("4", "o")
        assert [1, 2, 4, 3] == numbers(person)
        assert "by score ▲" in person.rows[0]
        await person.press("O")
        assert [2, 1, 4, 3] == numbers(person)
        assert "by score ▼" in person.rows[0]


async def test_a_filter_takes_terms_and_esc_lists_all(lab: LabMaker) -> None:
    """Letter by letter; a filter that nothing matches says so."""
    async with sitting_at(lab) as person:
        await person.press("4", "/", *"wt0 depth", "enter")
        assert [3] == numbers(person)
        assert "1 of 4 with wt0 depth" in person.rows[0]
        await person.press("escape")
        assert [4, 3, 2, 1] == numbers(person)
        await person.press("/", *"gain>9")
        assert "no experiment matches gain>9; esc lists all" in person.text


async def test_the_cursor_stays_on_its_experiment(lab: LabMaker) -> None:
    """A new outcome stands above; the row under the cursor is the same."""
    async with sitting_at(lab) as person:
        await person.press("4", "j", "j")
        lab.experiment("wt0", "another", "drop", 1.7030)
        await person.until(lambda: numbers(person)[0] == 5)
        assert person.row("> ").split()[1] == "2"


async def test_m_goes_through_the_measures_and_l_changes_the_scale(lab: LabMaker) -> None:
    """Only through what was measured: no dollars were spent here."""
    async with sitting_at(lab) as person:
        await person.press("4", "M")
        assert "training seconds: 4 experiments" in person.text and " 20s " in person.rows[3]
        await person.press("M", "L")
        assert "peak memory (log)" in person.text
        await person.press("M")
        assert "progress (log)" in person.text


async def test_what_went_back_to_its_agent_has_no_run(lab: LabMaker) -> None:
    """It said "no run yet" of one that will never have any."""
    lab.decide(lab.propose("wt0", "does not fit"), "returned", None, "trunk moved")
    async with sitting_at(lab) as person:
        await person.press("4", "enter")
        await person.sees("outcome  returned: trunk moved")
        assert " no run" in [row.rstrip() for row in person.rows]


async def test_enter_opens_all_that_is_known(lab: LabMaker) -> None:
    """Facts, runs, curve beside trunk's, diff; `d` reads the diff alone, `esc` leads back step by step."""
    run = lab.state.experiments[1].run
    assert run is not None
    for step in range(1, 11):
        lab.measure(run, step / 10, 3.5 - step / 20)
    async with sitting_at(lab) as person:
        await person.press("4", "G", "enter")
        await person.sees("# idea 1")
        assert "EXPERIMENT  #1" in person.rows[0]
        assert "READY in the queue" in person.text
        await person.sees("at 100%: ")
        await person.press("d")
        assert person.rows[0].startswith(" DIFF")
        await person.press("escape")
        assert "EXPERIMENT" in person.rows[0]
        await person.press("escape")
        assert "4 RESULTS" in person.rows[0]


async def test_a_run_that_ended_before_its_first_step_has_no_curve_to_wait_for(lab: LabMaker) -> None:
    """It said "waiting for the first step" of a run that crashed while it started."""
    number = lab.propose("wt0", "import what is not there")
    run = lab.screen(number)
    async with sitting_at(lab) as person:
        await person.press("2", "tab", "tab")
        await person.sees("waiting for the first step")
        lab.end_run(run, None, "ModuleNotFoundError")
        lab.decide(number, "crash", None, "ModuleNotFoundError")
        await person.press("4")
        await person.sees(f" {number} wt0  x CRASH")
        await person.press("g", "enter")
        await person.sees(f"run {run} left no curve")


async def test_two_marked_ones_are_compared(lab: LabMaker) -> None:
    """Facts in two columns, both curves, and the change from the one's tree to the other's."""
    for number, loss in ((1, 3.1), (2, 3.3)):
        run = lab.state.experiments[number].run
        assert run is not None
        for step in range(1, 5):
            lab.measure(run, step / 4, loss)
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("4", "G", "space", "|")
        assert "1 marked: mark two experiments with space, then | compares them" == person.strip
        await person.press("k", "space", "|")
        await person.sees("+  # idea 2")
        assert "from #1 to #2" in person.text
        assert "-  # idea 1" in person.text
        assert "WARMUP 0.05 to 0.02" in person.row("idea  ") and "MATRIX_LR 0.020 to 0.034" in person.row("idea  ")
        await person.sees("#1 3.1000, #2 3.3000")


async def test_v_verifies_the_selected_candidate(lab: LabMaker) -> None:
    """As in the queue; on a row without a candidate the key says why not."""
    engine = FakeEngine(Answer(0, "so be it"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("4", "v")
        assert "no candidate is selected" == person.strip
        await person.press("G", "v")
        await person.sees("so be it")
    assert [("verify", {"experiment": 1})] == [(each.verb, each.arguments) for each in engine.commands]


async def test_m_asks_about_the_selected_candidate(lab: LabMaker) -> None:
    """And about no other one."""
    async with sitting_at(lab) as person:
        await person.press("4", "m")
        assert person.strip.startswith("nothing to merge yet")
        await person.press("G", "m")
        assert "Merge wt0 #1 into trunk?" in person.text


async def test_files_of_the_screen_are_what_the_command_prints(
    lab: LabMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """One source for both: five columns as `results --tsv`, everything as `results --json`."""
    async with sitting_at(lab) as person:
        await person.press("4", "E", "t")
        assert person.strip.startswith("written: .lab/exports/results-")
        await person.press("E", "j")
        written = {path.suffix: path.read_text() for path in lab.paths.exports.iterdir()}
        shown = numbers(person)
    assert 0 == main(["results", "--tsv", "--lab", str(lab.paths.root)])
    assert capsys.readouterr().out == written[".tsv"]
    assert 0 == main(["results", "--json", "--sort", "time", "--lab", str(lab.paths.root)])
    printed = json.loads(capsys.readouterr().out)["experiments"]
    assert printed == json.loads(written[".json"])["experiments"]
    assert shown == [row["experiment"] for row in printed]


async def test_the_plot_is_written_as_a_picture(lab: LabMaker) -> None:
    """Of screens 4 and 7; the library for it is waited for in a thread."""
    pytest.importorskip("matplotlib.figure", reason="matplotlib (the extra report) is not installed here")
    async with sitting_at(lab) as person:
        await person.press("4", "E", "p")
        await person.sees("written: .lab/exports/results-")
        await person.press("7")
        await person.until(lambda: person.view.reading.report is not None)
        await person.press("E", "p")
        await person.sees("written: .lab/exports/report-")
    assert {b"\x89PNG"} == {path.read_bytes()[:4] for path in lab.paths.exports.iterdir()}


async def test_without_the_plotter_the_extra_is_named(lab: LabMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what can be written without it."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # as where it is not installed
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("4", "E", "p")
        await person.sees("a PNG needs matplotlib: pip install 'nightlab[report]'")
    assert not lab.paths.exports.exists()


def test_the_command_takes_a_time_and_an_order(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """`--since` leaves out what was decided before, `--sort` puts the best first."""
    decided = lab.state.experiments[2].decided
    assert decided is not None
    since = datetime.fromtimestamp(decided, UTC).isoformat()
    assert 0 == main(["results", "--since", since, "--sort", "gain", "--lab", str(lab.paths.root)])
    assert ["#", "2", "4", "3"] == [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert 2 == main(["results", "--since", "soon", "--lab", str(lab.paths.root)])
    assert "'soon' is no time" in capsys.readouterr().err


async def test_a_tick_without_news_makes_no_row_anew(tmp_path: Path) -> None:
    """The table is the same object as before; `G` and half pages reach all of it."""
    lab = small_lab(tmp_path)
    for number in range(60):
        lab.decide(lab.propose(f"wt{number % 2}", f"idea {number}", source=f"# {number}\n"), "drop", BASELINE)
    async with sitting_at(lab) as person:
        await person.press("4")
        screen = person.view.screen_of("results")
        before = screen.table.rows  # type: ignore[attr-defined]
        await person.moment()
        assert before is screen.table.rows  # type: ignore[attr-defined]
        await person.press("G")
        assert ("1", 1) == (person.row("> ").split()[1], numbers(person)[-1])
        await person.press("g", "ctrl+d")
        assert "55" == person.row(">").split()[1]


async def test_an_empty_lab_says_what_comes(tmp_path: Path) -> None:
    """Before the first outcome the table is a sentence, and the keys say that there is nothing."""
    async with sitting_at(small_lab(tmp_path)) as person:
        await person.press("4")
        assert "No experiments yet." in person.text
        await person.press("enter")
        assert "there is no experiment to open" == person.strip


async def test_the_smallest_terminal_still_counts_the_experiments(lab: LabMaker) -> None:
    """Not by outcome, for which there is no room, instead of saying nothing."""
    async with sitting_at(lab, (60, 15)) as person:
        await person.press("4")
        assert " experiments   by time" in person.rows[0]
