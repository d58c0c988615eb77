"""An old night from a shell: through the engine or under its lock; all or nothing; apart from our own numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentcore.engine.lab import folded
from agentcore.engine.lock import locked
from tests.agentcore.test_importing import HEAD, NIGHT
from tests.test_past_cli import said
from tests.test_verbs_cli import shell
from tests.tui.labs import SOURCE, LabMaker, small_lab


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with one experiment and a results.tsv one of whose commits its repository has."""
    lab = small_lab(tmp_path)
    lab.experiment("wt0", "MATRIX_LR 0.020 to 0.034", "drop", 1.7040)
    trunk = lab.state.trunk
    assert trunk
    commit = lab.commit(SOURCE.replace("DEPTH = 4", "DEPTH = 5"), trunk.commit, "one deeper")
    lab.repo.references.create("refs/heads/old", commit)
    (tmp_path / "results.tsv").write_text(NIGHT.replace("bea057b", commit[:7]))
    return lab


def test_where_no_engine_runs_it_is_written_under_the_engines_lock(
    lab: LabMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said beforehand by a dry run; done once; a second time refused with 5."""
    file = str(lab.paths.root / "results.tsv")
    words = "4 rows: 2 keep, 1 drop, 1 crash; this repository has the commits of 1\n"
    assert (0, f"would import {words}", "") == said(lab, capsys, "import", file, "--dry-run")
    assert () == folded(lab.paths).imports
    assert (0, f"imported {words}", "") == said(lab, capsys, "import", file)
    code, _, why = said(lab, capsys, "import", file)
    assert 5 == code and "this very file was imported already" in why and "nothing was imported" in why
    assert [(file, 4)] == [(night.source, len(night.rows)) for night in folded(lab.paths).imports]
    assert 0 == said(lab, capsys, "audit", "verify")[0]


def test_while_an_engine_comes_or_goes_nothing_is_written(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """It holds the lock and does not answer yet: 7."""
    with locked(lab.paths.lock):
        code, _, why = said(lab, capsys, "import", str(lab.paths.root / "results.tsv"))
    assert 7 == code and "try again" in why
    assert () == folded(lab.paths).imports


def test_a_bad_line_imports_nothing(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """Its number and what was found; code 5. A file that is not there: the same."""
    bad = lab.paths.root / "bad.tsv"
    bad.write_text(NIGHT + "abc\t0.9\t1\tkeep\n")
    code, _, why = said(lab, capsys, "import", str(bad))
    assert 5 == code and "bad.tsv, line 6: 4 columns and not 5" in why
    assert 5 == said(lab, capsys, "import", str(lab.paths.root / "none.tsv"))[0]
    assert () == folded(lab.paths).imports


def test_a_lab_that_was_just_made_takes_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before its first engine: the journal begins with it."""
    lab = LabMaker(tmp_path)
    lab.journal.close()
    for name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "audit.key", "audit.head"):
        (lab.paths.dot / name).unlink(missing_ok=True)
    (tmp_path / "old.tsv").write_text(HEAD + "abc\t0.9\t1\tkeep\ta\n")
    assert (0, 1) == (said(lab, capsys, "import", str(tmp_path / "old.tsv"))[0], folded(lab.paths).seq)


def test_results_tell_it_apart(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """Below ours, under its own heading; for programs in a field of its own; never among the five columns."""
    said(lab, capsys, "import", str(lab.paths.root / "results.tsv"))
    _, table, _ = said(lab, capsys, "results")
    ours, theirs = table.split("\n\n")
    assert 2 == len(ours.splitlines())
    assert theirs.startswith("imported from ") and "history, not measured here" in theirs
    assert "add 5% warmup" in theirs
    body = json.loads(said(lab, capsys, "results", "--json")[1])
    assert (1, [4]) == (len(body["experiments"]), [len(night["rows"]) for night in body["imported"]])
    assert 2 == len(said(lab, capsys, "results", "--tsv")[1].splitlines())
    kept = json.loads(said(lab, capsys, "results", "--kept", "--json")[1])["imported"][0]["rows"]
    assert ["keep", "keep"] == [row["outcome"] for row in kept]
    assert "imported" not in said(lab, capsys, "results", "--since", "2020-01-01")[1]


def test_the_change_of_a_commit_that_is_here_can_be_read(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """Of any other the command says what it takes."""
    said(lab, capsys, "import", str(lab.paths.root / "results.tsv"))
    here = next(row.commit for night in folded(lab.paths).imports for row in night.rows if row.known_as)
    code, diff, _ = said(lab, capsys, "diff", here)
    assert 0 == code and "-DEPTH = 4" in diff and "+DEPTH = 5" in diff
    assert 2 == said(lab, capsys, "diff", "187e419")[0]


def test_an_event_tells_of_it(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """Who, how many, from where."""
    said(lab, capsys, "import", str(lab.paths.root / "results.tsv"))
    last = said(lab, capsys, "events", "--lines", "1")[1]
    assert "IMPORT    4 rows: 2 keep, 1 drop, 1 crash of " in last


async def test_an_engine_that_runs_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It can be taken back and done again; a second time it is refused."""
    (tmp_path / "old.tsv").write_text(NIGHT)
    async with shell(tmp_path / "lab", capsys) as at:
        body = json.loads((await at.run("import", str(tmp_path / "old.tsv"), "--json")).out)
        assert ("nightlab.import/1", 4, 2, 1, 1, 0) == (
            body["schema"], body["rows"], body["keep"], body["drop"], body["crash"], body["linked"],
        )  # fmt: skip
        imported = at.at.lab.state.imports
        assert 4 == len(imported[0].rows)
        assert "import of 4 rows from " in (await at.run("undo", "--list")).out
        assert (await at.run("undo")).out.startswith("took the import of 4 rows from ")
        assert () == at.at.lab.state.imports
        assert "taken back" in (await at.run("events", "--lines", "2")).out
        assert (await at.run("redo")).out.startswith("again: import of 4 rows")
        assert [each.rows for each in imported] == [each.rows for each in at.at.lab.state.imports]
        assert 5 == (await at.run("import", str(tmp_path / "old.tsv"))).code
