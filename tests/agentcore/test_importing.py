"""An old night comes in as history: every row, or nothing; and no number of the lab ever has to do with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.brief import text as brief
from agentcore.brief.prompts import read as texts_of
from agentcore.brief.scrub import Scrubber
from agentcore.fold import apply
from agentcore.overview import Live, overview
from agentcore.project import importing
from agentcore.project.seed import prompts_folder
from agentcore.results.progress import progress
from agentcore.results.rows import results
from agentcore.state import LabState
from tests.tui.labs import LabMaker, small_lab

HEAD = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
NIGHT = HEAD + (
    "baseline\t0.997900\t44.0\tkeep\tbaseline\n"
    "bea057b\t0.986041\t43.9\tkeep\thalve the batch\n"
    "187e419\t0.987603\t60.2\tdiscard\tadd 5% warmup\n"
    "e05a87d\t0.000000\t0.0\tcrash\tbatch 131K (does not divide)\n"
)
PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "public_night_h100.tsv"


def bring(state: LabState, text: str, known: dict[str, str] | None = None) -> LabState:
    """Return the state after that text was imported."""
    event = importing.history(state, importing.read(text), "/old/results.tsv", "you", known or {}, Scrubber())
    return apply(state, ev.Entry(state.seq + 1, state.at + 1, event))


def test_every_row_is_read() -> None:
    """A discarded row is a drop, as everywhere else here; what crashed has no score."""
    rows = importing.read(NIGHT).rows
    assert [("keep", 0.9979), ("keep", 0.986041), ("drop", 0.987603), ("crash", None)] == [
        (row.outcome, row.score) for row in rows
    ]
    assert "4 rows: 2 keep, 1 drop, 1 crash" == importing.counted(rows)


def test_lines_of_windows_and_a_mark_at_the_beginning_do_not_matter() -> None:
    """Spreadsheets write both."""
    assert importing.read(NIGHT).rows == importing.read("\ufeff" + NIGHT.replace("\n", "\r\n")).rows


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("commit,val_bpb,memory_gb,status,description\n", "line 1: the columns must be commit"),
        (HEAD, "no row below its head"),
        (NIGHT + "abc\t0.9\t1\tkeep\n", "line 6: 4 columns and not 5"),
        (NIGHT + "abc\t0.9\t1\tkeep\ta\tb\n", "line 6: 6 columns and not 5"),
        (NIGHT + "abc\tlow\t1\tkeep\ta\n", "line 6: 'low' is no number"),
        (NIGHT + "abc\tnan\t1\tkeep\ta\n", "line 6: 'nan' is no number"),
        (NIGHT + "abc\t0.9\t-1\tkeep\ta\n", "line 6: '-1' is no size of memory"),
        (NIGHT + "abc\t0.9\t1\tkept\ta\n", "line 6: the status 'kept' is none of keep, discard, crash"),
        (NIGHT + "a b\t0.9\t1\tkeep\ta\n", "line 6: 'a b' is no commit"),
    ],
)
def test_one_bad_line_imports_nothing_and_is_named(text: str, words: str) -> None:
    """By its number, with what was found there."""
    with pytest.raises(importing.NotImported, match=words.replace("(", r"\(")):
        importing.read(text)


def test_a_file_that_is_no_text_names_the_line(tmp_path: Path) -> None:
    """A table of another encoding, or no table."""
    path = tmp_path / "results.tsv"
    path.write_bytes(HEAD.encode() + b"abc\t0.9\t1\tkeep\tcaf\xe9\n")
    with pytest.raises(importing.NotImported, match="line 2: no text in UTF-8"):
        importing.load(path)


def test_the_same_file_is_refused_and_a_grown_one_brings_its_new_rows() -> None:
    """The loop that writes it goes on; its old rows are not told twice."""
    state = bring(LabState(), NIGHT)
    with pytest.raises(importing.AllHere, match="this very file was imported already"):
        bring(state, NIGHT)
    with pytest.raises(importing.AllHere, match="all 3 rows were imported already"):
        bring(state, "\n".join(NIGHT.splitlines()[:4]))
    grown = bring(state, NIGHT + "4e6697f\t0.981201\t60.2\tkeep\twarmdown 0.5 to 0.7\n")
    assert [4, 1] == [len(night.rows) for night in grown.imports]
    assert "4e6697f" == grown.imports[1].rows[0].commit


def test_words_are_cleaned_and_commits_of_this_repository_are_named_whole() -> None:
    """A secret in a description stays outside, and so does what a terminal obeys."""
    text = HEAD + "bea057b\t0.9\t1\tkeep\tkey sk-ant-" + "a" * 30 + " \x1b]0;PWN\x07\n"
    row = bring(LabState(), text, {"bea057b": "b" * 40}).imports[0].rows[0]
    assert "b" * 40 == row.known_as
    assert "[secret left out]" in row.idea and "\x1b" not in row.idea and "\x07" not in row.idea


def test_a_gain_is_over_the_best_that_was_kept_before() -> None:
    """As the file's own authors compared: one run with one run."""
    gains = [gain for _, gain in importing.steps(importing.read(NIGHT).rows, lower_is_better=True)]
    assert [None, pytest.approx(0.011859), pytest.approx(-0.001562), None] == gains


def test_nothing_of_the_lab_is_another_number_for_it(tmp_path: Path) -> None:
    """Pools, noise, trunk, queue, results, plot and overview stay what they were."""
    lab = small_lab(tmp_path)
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    before, after = lab.state, bring(lab.state, NIGHT)
    told = {"imports": (), "actions": before.actions, "recent": before.recent, "seq": before.seq, "at": before.at}
    assert before == replace(after, **told)  # type: ignore[arg-type]
    assert results(before) == results(after)
    assert progress(before) == progress(after)
    assert overview(before, Live(), 1.0) == overview(after, Live(), 1.0)


def told_in_a_brief(lab: LabMaker, state: LabState) -> str:
    """Return what a brief says of the time before this lab."""
    text = brief.write(state, "wt0", {"train.py": "x = 1\n"}, texts_of(lab.paths, prompts_folder())).text
    return text.split("Before this lab")[1].split("Ideas of yours")[0]


def test_agents_are_told_what_was_tried_before(tmp_path: Path) -> None:
    """What was kept, by its gain; what was not; what crashed. Without an import there is nothing."""
    lab = small_lab(tmp_path)
    assert "\nNothing.\n" in told_in_a_brief(lab, lab.state)
    lines = told_in_a_brief(lab, bring(lab.state, NIGHT)).splitlines()
    assert [
        "- keep, +.0119 by one run: halve the batch",
        "- keep: baseline",
        "- drop, -.0016 by one run: add 5% warmup",
        "- crash: batch 131K (does not divide)",
    ] == [line for line in lines if line.startswith("- ")]


def test_a_brief_lists_some_and_counts_the_rest(tmp_path: Path) -> None:
    """A night of two hundred failures must not fill a brief; the same idea stands there once."""
    lab = small_lab(tmp_path)
    rows = [f"{number:07x}\t0.99\t1\tdiscard\tidea number {number}\n" for number in range(200)]
    told = told_in_a_brief(lab, bring(lab.state, HEAD + "".join([*rows, *rows])))
    assert brief.OLD["drop"] == told.count("- drop: idea number ")
    assert "- drop: idea number 199" in told and "- and 175 more: drop" in told


@pytest.mark.skipif(not PUBLIC.exists(), reason="../shared/data with the published night is not here")
def test_the_published_night_comes_in_whole() -> None:
    """126 rows: the baseline and 22 more kept, 1 crash; its best score is .9697."""
    rows = importing.read(importing.load(PUBLIC)).rows
    assert {"keep": 23, "drop": 102, "crash": 1} == dict(Counter(row.outcome for row in rows))
    assert 0.969686 == min(row.score for row in rows if row.outcome == "keep" and row.score)
