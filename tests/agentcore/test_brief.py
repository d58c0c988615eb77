"""A brief says what an agent needs to know, in the researcher's words and the journal's numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentcore import events as ev
from agentcore.brief import text as briefs
from agentcore.brief.prompts import PromptError, Texts
from agentcore.brief.text import DEAD, OTHERS, mendable
from tests.agentcore.tales import Tale, calibrated

SOURCE = {"train.py": "RATE = 0.1\n"}
TEMPLATES = {
    "system": "$edit|$program",
    "brief": "$worktree|$metric|$trunk|$direction",
    "crash": "$experiment $attempt: $traceback",
}
TEXTS = Texts("Lower it.\n", {"wide": "Go wide.\n"}, {}, TEMPLATES, "digest", {})


def write(tale: Tale, template: str = "$others", direction: str = "", texts: Texts = TEXTS) -> briefs.Brief:
    """Render the brief of wt0 from one template."""
    texts = replace(texts, templates={**texts.templates, "brief": template})
    return briefs.write(tale.state, "wt0", SOURCE, texts, direction)


def text(tale: Tale, template: str = "$others", direction: str = "") -> str:
    """Render one template for wt0."""
    return write(tale, template, direction).text


def test_trunks_number_and_the_direction_are_in_it() -> None:
    """Worktree, metric, trunk's mean over its runs, noise, budget, direction."""
    trunk = (
        "c0, val_bpb 1.1000 over 3 runs. Budget of a run: 1 GFLOP. Noise σ 0.1000 (2 degrees of freedom): one run must "
        "gain 0.2252 to be kept, then 2 fresh seeds must confirm it at 1.64 standard errors."
    )
    assert f"wt0|val_bpb, lower is better|{trunk}|Go wide." == text(calibrated(), TEMPLATES["brief"], "wide")


def test_the_rules_are_the_same_for_every_worktree() -> None:
    """So that a server can cache them: program and editable files, nothing that changes."""
    assert "train.py|Lower it." == write(calibrated()).rules


def test_no_direction_says_so() -> None:
    """The template has no hole."""
    assert "None: go where the results point." == text(calibrated(), "$direction")


def test_a_direction_of_its_own_wins() -> None:
    """directions/wt0.md is what the researcher wrote for this worktree."""
    texts = replace(TEXTS, own={"wt0": "Deep."})
    assert "Deep." == write(calibrated(), "$direction", "wide", texts).text


def test_the_source_is_in_it() -> None:
    """As a fenced block under its path."""
    assert "### train.py\n\n```python\nRATE = 0.1\n```" == text(calibrated(), "$source")


def test_nothing_tried_says_so() -> None:
    """At the beginning."""
    assert "None yet." == text(calibrated())


def test_every_worktrees_results_are_told() -> None:
    """Agents talk to each other through their briefs."""
    tale = calibrated()
    tale.decide(tale.propose("wt1", "t1", "DEPTH 4 → 3"), "drop", 1.2, -0.6)
    assert "- #1 wt1 drop: DEPTH 4 → 3; gain -0.1000 (-0.6σ)" == text(tale)


@pytest.mark.parametrize(
    ("worktree", "outcome", "z", "where"),
    [
        ("wt0", "drop", 0.1, "own"),
        ("wt1", "drop", 0.1, "others"),
        ("wt1", "drop", 0.9, "near_misses"),
        ("wt1", "drop", -3.0, "dead_ends"),
        ("wt1", "nan", None, "dead_ends"),
        ("wt1", "keep", 2.0, "kept"),
    ],
)
def test_each_result_stands_where_it_teaches_most(
    worktree: str, outcome: ev.Outcome, z: float | None, where: str
) -> None:
    """And in one list only."""
    tale = calibrated()
    tale.decide(tale.propose(worktree, "t1"), outcome, None if z is None else 1.0, z)
    template = "|".join(f"{name} ${name}" for name in ("kept", "near_misses", "own", "dead_ends", "others"))
    assert [where] == [part.split()[0] for part in text(tale, template).split("|") if "#1" in part]


def test_a_kept_experiment_that_fresh_seeds_did_not_confirm_is_a_near_miss() -> None:
    """It can be strengthened or combined; that it was kept once is told too."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1").judge(number, "NOISE")
    assert text(tale, "$near_misses").endswith("(2.0σ), queue: NOISE, confirmed +0.2000 (2.0σ)")
    assert "None yet." == text(tale, "$kept")


def test_a_crash_is_told_with_its_reason() -> None:
    """So that nobody repeats it."""
    tale = calibrated()
    number = tale.propose("wt1", "t1", "WIDTH 64 → 48")
    tale.tell(ev.ExperimentDecided(number, "crash", None, None, None, "RuntimeError: shapes do not fit"))
    assert "- #1 wt1 crash: WIDTH 64 → 48; RuntimeError: shapes do not fit" == text(tale, "$dead_ends")


def test_an_experiment_that_runs_is_no_result_yet() -> None:
    """It is in flight: two agents must not write the same idea within minutes."""
    tale = calibrated()
    tale.propose("wt1", "t1")
    written = write(tale, "$others|$pending")
    assert ("None yet.|- wt1: RATE 0.1 → 0.2", [1]) == (written.text, [each.number for each in written.experiments])


def test_the_same_idea_with_the_same_outcome_stands_there_once() -> None:
    """The newest of them; another number is another idea."""
    tale = calibrated()
    for number, idea in enumerate(["RATE 0.1 → 0.2", "Rate 0.1 -> 0.2", "RATE 0.1 → 0.3"], 1):
        tale.decide(tale.propose("wt1", f"t{number}", idea), "drop", 1.1, 0.0)
    assert ["#3", "#2"] == [line.split()[1] for line in text(tale).splitlines()]


def test_a_long_history_is_bounded_in_every_list() -> None:
    """A brief does not grow for ever; the newest stay."""
    tale = calibrated()
    for number in range(1, 101):
        outcome: ev.Outcome = "drop" if number % 2 else "crash"
        tale.decide(tale.propose("wt1", f"t{number}", f"idea {number}"), outcome, 1.1 if number % 2 else None, 0.0)
    lines = [text(tale, template).splitlines() for template in ("$others", "$dead_ends")]
    assert ([OTHERS, DEAD], ["#99", "#100"]) == ([len(each) for each in lines], [each[0].split()[1] for each in lines])


def test_a_hypothesis_of_many_lines_is_told_by_its_first() -> None:
    """One experiment, one line."""
    tale = calibrated()
    tale.decide(tale.propose("wt1", "t1", "Wider\n\nBecause."), "drop", 1.1, 0.0)
    assert 1 == len(text(tale).splitlines())


def test_what_the_researcher_said_is_in_it_and_new_words_are_marked() -> None:
    """Old messages stay for a while: they may still matter."""
    tale = calibrated()
    tale.tell(ev.MessageSent("wt0", "Shrink the code.", "you"), ev.MessagesRead("wt0", 1))
    tale.tell(ev.MessageSent("wt0", "Try rope.", "you"), ev.MessageSent("wt1", "Not you.", "you"))
    assert "- Shrink the code.\n- (new) Try rope." == text(tale, "$messages")


def test_the_agents_own_notes_are_in_it() -> None:
    """They are all that it remembers."""
    assert "- after this: 400k" == text(calibrated().tell(ev.NoteTaken("wt0", "after this: 400k")), "$notes")


def crashed(agent: str = "anthropic", times: int = 1) -> Tale:
    """A lab in which wt0's agent made an experiment that crashed, and was asked to mend it `times - 1` times."""
    tale = calibrated()
    for attempt in range(times):
        number = attempt + 1
        tale.tell(ev.ThinkingStarted("wt0", agent, fixes=1 if attempt else None))
        base = tale.state.worktrees["wt0"]
        tale.tell(
            ev.ExperimentProposed(
                number, "wt0", agent, base.base, base.base_tree, f"c{number}", f"t{number}", "wider", 1, 1,
                ("train.py",), fixes=1 if attempt else None,
            )
        )  # fmt: skip
        tale.decide(number, "crash")
    return tale


@pytest.mark.parametrize(
    ("agent", "times", "attempt"),
    [("anthropic", 1, 1), ("anthropic", 2, 2), ("anthropic", 3, None), ("search", 1, None)],
)
def test_a_coding_agent_may_mend_a_crash_twice(agent: str, times: int, attempt: int | None) -> None:
    """The search agent's samples are not mended: they are no ideas."""
    crash = mendable(crashed(agent, times).state, "wt0")
    assert attempt == (crash.attempt if crash else None)


def test_an_engine_that_was_killed_while_a_crash_was_mended_takes_nothing_away() -> None:
    """The attempt had no fair chance."""
    from tests.agentcore.tales import started

    tale = crashed().tell(ev.ThinkingStarted("wt0", "anthropic", fixes=1), started(pid=2))
    crash = mendable(tale.state, "wt0")
    assert crash is not None and 1 == crash.attempt


def test_the_crash_is_told_with_the_end_of_its_traceback() -> None:
    """And which attempt this is."""
    tale = crashed()
    texts = replace(TEXTS, templates={**TEMPLATES, "brief": "$crash"})
    written = briefs.write(tale.state, "wt0", SOURCE, texts, "", mendable(tale.state, "wt0"), ["line 1", "line 2"])
    assert "#1 1 of 2: line 1\nline 2" == written.text


def test_an_idea_that_no_longer_fits_is_told_to_its_own_agent() -> None:
    """Until it was written again."""
    tale = calibrated()
    tale.decide(tale.propose("wt0", "t1", "wider"), "returned")
    assert ("- #1 wt0 returned: wider; ", "None.") == (
        text(tale, "$conflicts"),
        briefs.write(tale.state, "wt1", SOURCE, replace(TEXTS, templates={**TEMPLATES, "brief": "$conflicts"})).text,
    )


def test_a_dollar_in_the_researchers_words_is_only_that() -> None:
    """Values are filled in once, not searched for variables again."""
    assert (
        "train.py|Spend $5, not $kept."
        == write(calibrated(), texts=replace(TEXTS, program="Spend $5, not $kept.")).rules
    )


def test_an_unknown_variable_is_an_error_that_names_the_known() -> None:
    """A misspelt one would be a hole in every brief."""
    with pytest.raises(PromptError, match=r"prompts/brief.md names \$sauce; known: before, .*worktree"):
        text(calibrated(), "$sauce")


def test_a_lone_dollar_says_how_to_write_it() -> None:
    """The message says what to type."""
    with pytest.raises(PromptError, match=r"write \$\$"):
        text(calibrated(), "costs 5$ a night")
