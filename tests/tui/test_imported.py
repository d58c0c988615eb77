"""Stories of an old night: an empty lab offers it, screen 4 opens it, and its changes can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.control import Answer, serve
from tests.agentcore.test_importing import NIGHT
from tests.tui.driving import FakeEngine, crooked, sitting_at
from tests.tui.labs import SOURCE, LabMaker, small_lab


def import_night(lab: LabMaker) -> None:
    """Tell of three rows, the second of a commit that the repository has."""
    trunk = lab.state.trunk
    assert trunk
    commit = lab.commit(SOURCE.replace("DEPTH = 4", "DEPTH = 5"), trunk.commit, "one deeper")
    rows = (
        ev.OldRow("baseline", "keep", 0.9979, 44.0, "baseline"),
        ev.OldRow(commit[:7], "keep", 0.9860, 43.9, "one layer more", commit),
        ev.OldRow("e05a87d", "crash", None, 0.0, "batch [131K]"),
    )
    lab.tell(ev.HistoryImported("/old/results.tsv", "d", "val_bpb", rows, "you"))


async def test_an_empty_lab_offers_the_file_that_lies_in_it(tmp_path: Path) -> None:
    """`enter` imports it through the engine, with its whole text."""
    lab = small_lab(tmp_path)
    (tmp_path / "results.tsv").write_text(NIGHT)
    engine = FakeEngine(Answer(0, "imported 4 rows"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("4")
        assert "results.tsv found: enter imports 4 rows." in person.text
        await person.press("enter")
        await person.sees("imported 4 rows")
    sent = {"source": str(tmp_path / "results.tsv"), "text": NIGHT}
    assert [("import", sent)] == [(each.verb, each.arguments) for each in engine.commands]


async def test_what_cannot_be_imported_says_why(tmp_path: Path) -> None:
    """A broken file is named with its line; without an engine the key says so."""
    lab = small_lab(tmp_path, alive=False)
    (tmp_path / "results.tsv").write_text(NIGHT + "abc\t0.9\n")
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("4")
        assert "results.tsv cannot be imported: results.tsv, line 6: 2 columns" in person.text
        (tmp_path / "results.tsv").write_text(NIGHT)
        await person.moment()
        await person.press("enter")
        assert person.strip.startswith("the engine is not running")


async def test_nothing_is_offered_twice_or_beside_experiments(tmp_path: Path) -> None:
    """What is here is only counted; a lab with experiments of its own does not look for the file."""
    lab = small_lab(tmp_path)
    import_night(lab)
    async with sitting_at(lab) as person:
        await person.press("4")
        assert "3 rows of before this lab: I shows them." in person.text
        (tmp_path / "results.tsv").write_text(NIGHT)
        lab.experiment("wt1", "MATRIX_LR 0.020 to 0.034", "drop", 1.7040)
        await person.sees("MATRIX_LR")
        assert "I: 3 rows of before" in person.rows[0]
        assert "results.tsv found" not in person.text


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 45)])
async def test_capital_i_shows_what_was_imported(tmp_path: Path, size: tuple[int, int]) -> None:
    """As glyph and word, with gain, marked as no measurement; `esc` leads back to the results."""
    lab = small_lab(tmp_path)
    import_night(lab)
    async with sitting_at(lab, size) as person:
        await person.press("4", "I")
        assert person.rows[0].startswith(" IMPORTED")
        for words in ("+ KEEP", "x CRASH", "+.0119", "batch [131K]", "measured elsewhere"):
            assert words in person.text
        assert [] == crooked(person.rows, size[0])
        await person.press("escape")
        assert person.rows[0].startswith(" 4 RESULTS")


async def test_the_change_of_a_commit_that_is_here_is_shown(tmp_path: Path) -> None:
    """And of any other is said that it is not."""
    lab = small_lab(tmp_path)
    import_night(lab)
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("4", "I")
        assert "this repository has no such commit" in person.text
        await person.press("j")
        await person.sees("DEPTH = 5")


async def test_rows_are_found_and_taken_along(tmp_path: Path) -> None:
    """`/` lists what holds a word, `esc` all again, `E` `t` writes what is listed."""
    lab = small_lab(tmp_path)
    import_night(lab)
    async with sitting_at(lab) as person:
        await person.press("4", "I", "/", *"crash", "enter")
        assert "batch [131K]" in person.text and "one layer more" not in person.text
        await person.press("E", "t")
        await person.until(lambda: any(lab.paths.exports.glob("imported-*.tsv")))
        await person.press("escape")
        assert "one layer more" in person.text
    written = next(lab.paths.exports.glob("imported-*.tsv")).read_text()
    assert "COMMIT\tOUTCOME\tSCORE\tMEMORY_GB\tIDEA\ne05a87d\tcrash\t\t0\tbatch [131K]\n" == written


async def test_without_an_import_the_key_says_how(tmp_path: Path) -> None:
    """By the command that brings one."""
    async with sitting_at(small_lab(tmp_path)) as person:
        await person.press("4", "I")
        assert person.strip.startswith("nothing was imported: nightlab import results.tsv")
