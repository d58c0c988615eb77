"""What came of the experiments: rows, orders, filters, and the forms in which they leave the lab."""

from __future__ import annotations

import json

import pytest

from agentcore.results import file as results_file
from agentcore.results.facts import facts, side_by_side
from agentcore.results.measures import MEASURES, progress_of
from agentcore.results.rows import COLUMNS, Results, became, column, follow, ordered, results
from agentcore.results.sieve import sift
from tests.agentcore.tales import Tale, calibrated


def three() -> Tale:
    """Return a lab with one experiment kept, one dropped (by wt1) and one crashed."""
    tale = calibrated()
    tale.keep("wt0", "t1", 0.8)
    dropped = tale.propose("wt1", "t2", "DEPTH 4 → 5, deeper", lines=(7, 2))
    tale.screen(dropped, 1.2)
    tale.decide(dropped, "drop", 1.2, -1.0)
    crashed = tale.propose("wt0", "t3", "embed LR | 0.8\nmore")
    tale.screen(crashed, None)
    return tale.decide(crashed, "crash")


def test_an_experiment_without_an_outcome_has_no_row() -> None:
    """Rows stand in the order of the outcomes, not of the proposals."""
    tale = calibrated()
    first, second = tale.propose("wt0", "t1"), tale.propose("wt1", "t2")
    tale.propose("wt0", "t3")
    tale.decide(second, "duplicate").decide(first, "duplicate")
    assert [second, first] == [row.experiment for row in results(tale.state)]


def test_following_makes_only_new_rows_and_comes_to_the_same() -> None:
    """Step by step as all at once; without a new outcome it is the same object, known rows stay."""
    whole = three()
    known, state = Results(), Tale()
    for entry in whole.entries:
        state.tell(entry.event)
        before, known = known, follow(known, state.state)
        assert all(a is b for a, b in zip(before.rows, known.rows, strict=False))
    assert [row.experiment for row in results(whole.state)] == [row.experiment for row in known.rows]
    assert known is follow(known, whole.state)


@pytest.mark.parametrize(
    ("name", "lower", "numbers"),
    [
        ("time", True, [3, 2, 1]),
        ("score", True, [1, 2, 3]),
        ("score", False, [2, 1, 3]),
        ("gain", True, [1, 2, 3]),
        ("lines", True, [3, 1, 2]),
    ],
)
def test_what_is_most_worth_reading_comes_first(name: str, lower: bool, numbers: list[int]) -> None:
    """The best score whatever the metric's direction; the crash, which has none, last; equal ones newest first."""
    rows = ordered(results(three().state), column(name), lower_is_better=lower)
    assert numbers == [row.experiment for row in rows]


def test_what_has_no_value_stays_last_when_reversed() -> None:
    """The worst gain first, and the crash still at the end."""
    rows = ordered(results(three().state), column("gain"), reverse=True)
    assert [2, 1, 3] == [row.experiment for row in rows]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [1, 2, 3]),
        ("wt1", [2]),
        ("KEEP", [1]),
        ("#3", [3]),
        ("gain>0.0005", [1]),
        ("score>=1.2", [2]),
        ("σ<0", [2]),
        ("lines=5", [2]),
        ("gain>", [1, 2, 3]),
        ("gain>big", [1, 2, 3]),
        ("wt0 rate", [1]),
        ("wt0 deeper", []),
        ("search", [1, 2, 3]),
        ("mood>3", []),
    ],
)
def test_every_term_must_hold(text: str, numbers: list[int]) -> None:
    """A worktree, an outcome, a number, a comparison, a word; half a comparison asks nothing yet."""
    assert numbers == [row.experiment for row in sift(results(three().state), text)]


def test_the_five_columns_and_nothing_else() -> None:
    """As autoresearch's scripts read them: one line each, no tab or line break out of a hypothesis."""
    state = three().state
    assert (
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
        "c1\t0.800000\t0.1\tkeep\tRATE 0.1 → 0.2\n"
        "c2\t1.200000\t0.1\tdiscard\tDEPTH 4 → 5, deeper\n"
        "c3\t0.000000\t0.1\tcrash\tembed LR | 0.8 more\n"
    ) == results_file.tsv(results(state), state)


def test_json_holds_everything_with_the_state_of_the_candidate() -> None:
    """Also what became of it after its outcome."""
    tale = three()
    found = json.loads(results_file.as_json(results(tale.state), tale.state))
    rows = found["experiments"]
    assert ("nightlab.results/1", ["NEW", None, None]) == (found["schema"], [row["candidate"] for row in rows])
    assert (1.2, 7, "t2") == (rows[1]["score"], rows[1]["added"], rows[1]["tree"])


def test_a_hypothesis_cannot_break_the_markdown() -> None:
    """A bar in it is no new cell: each line has as many as the head."""
    state = three().state
    lines = results_file.markdown(results(state), state).splitlines()
    assert {len(results_file.TITLES) + 1} == {line.replace("\\|", "").count("|") for line in lines}


def test_what_a_kept_one_became_is_told_with_its_numbers() -> None:
    """The verdict of fresh seeds, its error, and how many seeds."""
    tale = calibrated()
    tale.ready("wt0", "t1", 0.2)
    assert "READY in the queue: gain +.2000 ±.1000 (2.0σ) by 2 fresh seeds" == became(tale.state, 1)
    assert "" == became(three().state, 2)


def test_another_measure_has_its_own_course() -> None:
    """Training seconds of what has a score; the crash has no point."""
    seconds = MEASURES[0]
    course = progress_of(results(three().state), seconds)
    assert [(1, 1.0), (2, 1.0)] == [(point.experiment, point.score) for point in course.points]


def test_facts_stand_side_by_side_by_their_labels() -> None:
    """A run that only one of them has stands beside nothing."""
    tale = three()
    tale.rebase(1, "t9").confirm(1, {1: 0.8})
    rows = side_by_side(facts(tale.state, 1), facts(tale.state, 2))
    assert ("idea", "RATE 0.1 → 0.2", "DEPTH 4 → 5, deeper") == rows[0]
    confirm = next(row for row in rows if row[0] == "confirm")
    assert confirm[1].startswith("run 7, seed 1 on cpu0: .8000") and confirm[2] == ""


def test_the_columns_have_the_names_of_the_command_line() -> None:
    """What `--sort` takes is what `o` goes through."""
    from tui.cli import COMMANDS

    sort = next(a for entry in COMMANDS for a in entry.arguments if entry.name == "results" and "--sort" in a.names)
    assert tuple(each.name for each in COLUMNS) == sort.options["choices"]
