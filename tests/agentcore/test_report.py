"""The report: ten questions about the time in which nobody looked, answered by the journal."""

from __future__ import annotations

from agentcore import events as ev
from agentcore.overview import Live, overview
from agentcore.report import Answer, report
from tests.agentcore.tales import Tale, calibrated, started

ALIVE = Live(engine_alive=True)


def answers(tale: Tale, since: float = 0.0) -> dict[str, Answer]:
    """Return the ten answers about a tale, by their questions."""
    state = tale.state
    told = report(state, overview(state, ALIVE, state.at), tale.entries, since, disk_mb=2048.0)
    return {answer.question: answer for answer in told.answers}


def merged() -> Tale:
    """Return a lab with one merge, of a gain of .2 by two seeds."""
    tale = calibrated()
    return tale.merge(tale.ready("wt0", "t1"))


def test_there_are_ten_questions_in_the_order_of_a_morning() -> None:
    """The first asks whether it still runs, the last what to do."""
    expected = [
        "still running?", "better?", "what worked?", "what failed?", "needs me?",
        "holds larger?", "what broke?", "what cost?", "trust it?", "what next?",
    ]  # fmt: skip
    assert expected == list(answers(calibrated()))


def test_a_lab_that_stopped_says_when_and_why() -> None:
    """Nobody reads further before this is known."""
    tale = calibrated().tell(ev.EngineStopped("the limit of 48 hours is reached"))
    assert answers(tale)["still running?"].text.endswith(": the limit of 48 hours is reached")


def test_trunks_way_is_told_by_its_pools_and_not_by_the_run_that_found_the_change() -> None:
    """From the mean of the old trunk's runs to the mean of the new one's: 1.1 to .85, screened at .8."""
    assert "trunk 1.1000 to .8500, gain +.2500 (2.1σ); 1 merge" == answers(merged())["better?"].text


def test_a_merge_before_the_time_is_not_counted() -> None:
    """The number of trunk stands, without a way that it has gone."""
    tale = merged()
    assert "trunk .8500, 0 merges" == answers(tale, tale.state.at + 1)["better?"].text


def test_what_worked_names_the_gains_by_fresh_seeds() -> None:
    """The verdict's, .2."""
    assert "#1 RATE 0.1 → 0.2 +.2000" == answers(merged())["what worked?"].text


def test_what_worked_names_a_stack_once() -> None:
    """With the gain that its members have together; each merge says whose it is."""
    tale = calibrated()
    for tree in ("t1", "t2"):
        tale.keep("wt0", tree, z=5.0)
    tale.stack(1, 2)
    tale.confirm(2, {1: 0.6, 2: 0.7}).judge_stack(1, 2).merge(1)
    told = answers(tale)
    assert "#1 and #2 +.4000" == told["what worked?"].text
    assert 2 == sum("+.4000 (4.0σ, 2 seeds) for #1 and #2 together" in line for line in told["better?"].detail)


def test_what_failed_counts_by_reason() -> None:
    """Drops and crashes, of all that were decided."""
    tale = calibrated()
    for tree, outcome, score in (("t1", "drop", 1.3), ("t2", "drop", 1.2), ("t3", "crash", None)):
        number = tale.propose("wt0", tree)
        tale.screen(number, score)
        tale.decide(number, outcome, score)  # type: ignore[arg-type]
    assert "3 of 3: 2 no gain, 1 crashed" == answers(tale)["what failed?"].text


def test_what_was_kept_and_refuted_is_a_failure_too() -> None:
    """A winner that fresh seeds do not confirm is what other loops call an improvement."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1").confirm(number, {1: 1.2, 2: 1.3}).judge(number, "REJECTED", -0.1)
    assert "0 of 1: 1 kept but not confirmed by fresh seeds" == answers(tale)["what failed?"].text


def test_an_engine_that_was_killed_is_told() -> None:
    """It started again without having stopped; the lab's first start is none."""
    tale = calibrated().tell(started(pid=2))
    assert "the engine was killed and started again" == answers(tale)["what broke?"].text


def test_an_engine_that_was_stopped_and_started_is_told_as_that() -> None:
    """Nothing was killed then."""
    tale = calibrated().tell(ev.EngineStopped("by you"), started(pid=2))
    assert "the engine was started again" == answers(tale)["what broke?"].text


def test_the_same_trouble_is_told_once_with_its_count() -> None:
    """Forty waits for a provider are one line."""
    limit = ev.AgentStateChanged("wt0", "LIMIT", "429", until=500.0)
    tale = calibrated().tell(ev.ThinkingStarted("wt0"), limit, limit)
    assert "wt0 waited for its provider: 429 (2 times)" == answers(tale)["what broke?"].text


def test_quiet_nights_say_so() -> None:
    """No invented trouble."""
    found = answers(calibrated())
    assert ("nothing", "nothing") == (found["what broke?"].text, found["needs me?"].text)


def test_a_near_miss_is_what_comes_next() -> None:
    """Half a gain is worth another look."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1").confirm(number, {1: 1.0, 2: 1.1}).judge(number, "NOISE", 0.1)
    assert "0 candidates in the queue; 1 near miss to strengthen or combine" == answers(tale)["what next?"].text


def test_ten_drops_in_a_row_name_the_worktree() -> None:
    """Its agent needs another direction."""
    tale = calibrated()
    for index in range(10):
        number = tale.propose("wt1", f"t{index + 1}")
        tale.screen(number, 1.3)
        tale.decide(number, "drop", 1.3)
    assert answers(tale)["what next?"].text.endswith(
        "wt1 found nothing in the last 10 experiments: say where to look (i)"
    )


def test_each_answer_leads_to_a_screen() -> None:
    """`enter` on a line goes there."""
    known = {"lab", "queue", "results", "retest", "events", "directions"}
    assert known == {answer.screen for answer in answers(merged()).values()}
