"""A brief says what an agent needs to know, in the researcher's words and the journal's numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore import brief as briefs
from agentcore.brief import HISTORY, BriefError, read_texts
from agentcore.seed import prompts_folder
from tests.agentcore.tales import Tale, calibrated

SOURCE = {"train.py": "RATE = 0.1\n"}
TEXTS = {"brief": "$worktree|$edit|$trunk|$direction|$program", "program": "Lower it.\n", "direction": "Go wide.\n"}


def text(tale: Tale, template: str = "$history", **texts: str) -> str:
    """Render one template for wt0."""
    return briefs.write(tale.state, "wt0", SOURCE, {**TEXTS, "brief": template, **texts}).text


def test_the_researchers_words_and_trunks_number_are_in_it() -> None:
    """Worktree, editable files, trunk's mean over its runs, noise, direction, program."""
    number = "c0, val_bpb 1.1000 over 3 runs, noise σ 0.1000 (2 degrees of freedom)"
    assert f"wt0|train.py|{number}|Go wide.|Lower it." == text(calibrated(), TEXTS["brief"])


def test_an_empty_direction_says_so() -> None:
    """The template has no hole."""
    assert "None: go where the results point." == text(calibrated(), "$direction", direction=" \n")


def test_the_source_is_in_it() -> None:
    """As a fenced block under its path."""
    assert "### train.py\n\n```python\nRATE = 0.1\n```" == text(calibrated(), "$source")


def test_nothing_tried_says_so() -> None:
    """At the beginning."""
    assert "Nothing has been tried yet." == text(calibrated())


def test_every_worktrees_results_are_told() -> None:
    """Agents talk to each other through their briefs."""
    tale = calibrated()
    tale.decide(tale.propose("wt1", "t1", "DEPTH 4 → 3"), "drop", 1.2, -0.6)
    assert "- #1 wt1 drop: DEPTH 4 → 3; gain -0.1000 (-0.6σ)" == text(tale)


def test_a_kept_experiment_has_its_place_in_the_queue() -> None:
    """A near miss can be strengthened or combined."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1").judge(number, "NOISE")
    assert text(tale).endswith("(2.0σ), queue: NOISE")


def test_a_crash_is_told_with_its_reason() -> None:
    """So that nobody repeats it."""
    from agentcore import events as ev

    tale = calibrated()
    number = tale.propose("wt0", "t1", "WIDTH 64 → 48")
    tale.tell(ev.ExperimentDecided(number, "crash", None, None, None, "RuntimeError: shapes do not fit"))
    assert "- #1 wt0 crash: WIDTH 64 → 48; RuntimeError: shapes do not fit" == text(tale)


def test_an_experiment_that_runs_is_no_result_yet() -> None:
    """Its outcome is unknown; agents that look at the experiments themselves see it."""
    tale = calibrated()
    tale.propose("wt1", "t1")
    written = briefs.write(tale.state, "wt0", SOURCE, {**TEXTS, "brief": "$history"})
    assert ("Nothing has been tried yet.", [1]) == (written.text, [each.number for each in written.experiments])


def test_a_long_history_keeps_the_newest_and_every_kept_one() -> None:
    """A brief does not grow for ever."""
    tale = calibrated()
    tale.keep("wt0", "t1")
    for number in range(2, HISTORY + 12):
        tale.decide(tale.propose("wt1", f"t{number}"), "drop", 1.1, 0.0)
    lines = text(tale).splitlines()
    assert (HISTORY + 1, True, True) == (len(lines), lines[0].startswith("- #1 "), lines[1].startswith("- #12 "))


def test_a_hypothesis_of_many_lines_is_told_by_its_first() -> None:
    """One experiment, one line."""
    tale = calibrated()
    tale.decide(tale.propose("wt0", "t1", "Wider\n\nBecause."), "drop", 1.1, 0.0)
    assert 1 == len(text(tale).splitlines())


def test_a_dollar_in_the_researchers_words_is_only_that() -> None:
    """Values are filled in once, not searched for variables again."""
    assert "Spend $5, not $history." == text(calibrated(), "$program", program="Spend $5, not $history.")


def test_an_unknown_variable_is_an_error_that_names_the_known() -> None:
    """A misspelt one would be a hole in every brief."""
    with pytest.raises(BriefError, match=r"names \$sauce; known: worktree, .*source"):
        text(calibrated(), "$sauce")


def test_a_lone_dollar_says_how_to_write_it() -> None:
    """The message says what to type."""
    with pytest.raises(BriefError, match=r"write \$\$"):
        text(calibrated(), "costs 5$ a night")


def test_the_shipped_template_can_be_filled() -> None:
    """Every variable that it names is known."""
    assert "RATE = 0.1" in text(calibrated(), (prompts_folder() / "brief.md").read_text(encoding="utf-8"))


def test_the_labs_own_words_win(tmp_path: Path) -> None:
    """program.md and the worktree's direction are read from the lab; the template comes with nightlab."""
    (tmp_path / "program.md").write_text("Mine.")
    (tmp_path / "directions").mkdir()
    (tmp_path / "directions" / "wt0.md").write_text("Deep.")
    found = read_texts(prompts_folder(), tmp_path, "wt0")
    assert ("Mine.", "Deep.") == (found["program"], found["direction"])


def test_a_lab_without_words_has_those_that_ship(tmp_path: Path) -> None:
    """A missing direction is an empty one, a missing program is nightlab's."""
    found = read_texts(prompts_folder(), tmp_path, "wt0")
    assert ((prompts_folder() / "program.md").read_text(), "") == (found["program"], found["direction"])
