"""The report: ten questions about the time in which nobody looked, answered by the journal."""

from __future__ import annotations

from dataclasses import asdict, replace

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.brief.spending import Usage
from agentcore.overview import Live, overview
from agentcore.report import CUT, Answer, Report, report
from agentcore.report.file import as_object, markdown
from agentcore.report.page import page
from agentcore.results.progress import progress
from tests.agentcore.tales import Tale, calibrated, gated, opened, started

ALIVE = Live(engine_alive=True)


def told(tale: Tale, since: float = 0.0) -> Report:
    """Return the report about a tale."""
    state = tale.state
    return report(state, overview(state, ALIVE, state.at), tale.entries, since, disk_mb=2048.0)


def answers(tale: Tale, since: float = 0.0) -> dict[str, Answer]:
    """Return the ten answers about a tale, by their questions."""
    return {answer.question: answer for answer in told(tale, since).answers}


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


def test_while_trunk_is_calibrated_the_report_gives_neither_number_nor_noise() -> None:
    """It says what the first screen says."""
    found = answers(opened().pool("t0", {1: 1.0, 2: 1.0}))
    assert found["better?"].text == "trunk has no number yet: it is being measured"
    assert found["trust it?"].text.startswith("the noise is not known")


def test_a_lab_that_stopped_says_when_and_why() -> None:
    """Nobody reads further before this is known."""
    tale = calibrated().tell(ev.EngineStopped("the limit of 48 hours is reached"))
    assert answers(tale)["still running?"].text.endswith(": the limit of 48 hours is reached")


def test_a_lab_that_waits_for_its_person_does_not_run() -> None:
    """After the hour nothing new starts, and the first line says what lets it go on."""
    tale = calibrated().tell(ev.AwayStarted(0.0, None, "none", "park", "ada"), ev.AwayLimitReached("until", "over"))
    expected = f"it is past {fmt.clock(0.0)}: nothing new starts. A or nightlab back"
    found = answers(tale)
    assert (f"no: {expected}", f"1: {expected}") == (found["still running?"].text, found["needs me?"].text)


def test_a_lab_whose_disk_is_full_does_not_run() -> None:
    """An engine that starts nothing is no night's work, and the first line says what lets it go on."""
    tale = calibrated().tell(ev.WarningRaised("disk", "under 5 GB are free: no new runs until there is room"))
    assert "no: under 5 GB are free: no new runs until there is room" == answers(tale)["still running?"].text


def test_a_lab_whose_engine_was_killed_does_not_run() -> None:
    """The journal cannot know it; who looks does."""
    state = calibrated().state
    found = report(state, overview(state, Live(engine_alive=False), state.at), (), 0.0, disk_mb=0.0).answers[0]
    assert found.text.startswith("no: the engine was killed at about ")


def test_trunks_way_is_told_by_its_pools_and_not_by_the_run_that_found_the_change() -> None:
    """From the mean of the old trunk's runs to the mean of the new one's: 1.1 to .85, screened at .8."""
    assert "trunk 1.1000 to .8500, gain +.2500 (2.1σ); 1 merge" == answers(merged())["better?"].text


def test_trunks_way_begins_where_it_was_though_its_first_merge_came_back_elsewhere() -> None:
    """Undone, rebased on the trunk that a hand made, and merged again: from 1.1, not from that trunk's 1.5."""
    tale = merged()
    tale.tell(ev.TrunkMoved("l1", "c0", "t0", None, "you", undone=1), ev.TrunkMoved("c0", "h0", "t9", None, "hand"))
    tale.pool("t9", {1: 1.5, 2: 1.6, 3: 1.4})
    tale.rebase(1, "t8").confirm(1, {1: 0.5, 2: 0.6}).judge(1).merge(1)
    assert "trunk 1.1000 to .5500, gain +.5500" == answers(tale)["better?"].text.partition(" (")[0]


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
    at = fmt.clock(tale.state.at)
    assert f"{at} the engine was killed and started again" == answers(tale)["what broke?"].text


def test_an_engine_that_waited_for_room_was_not_killed() -> None:
    """The same process opened its lab again: the disk was full to the last row."""
    tale = calibrated().tell(started())
    at = fmt.clock(tale.state.at)
    assert f"{at} the engine waited for room on its disk and went on" == answers(tale)["what broke?"].text


def test_an_engine_that_was_stopped_and_started_is_told_as_that() -> None:
    """Nothing was killed then."""
    tale = calibrated().tell(ev.EngineStopped("by you"), started(pid=2))
    at = fmt.clock(tale.state.at)
    assert f"{at} the engine was started again" == answers(tale)["what broke?"].text


def test_the_same_trouble_is_told_once_with_its_count() -> None:
    """Forty waits for a provider are one line, with the time of the first."""
    limit = ev.AgentStateChanged("wt0", "LIMIT", "429", until=500.0)
    tale = calibrated().tell(ev.ThinkingStarted("wt0"), limit, limit)
    at = fmt.clock(tale.entries[-2].at)
    assert f"{at} wt0 waited for its provider: 429 (2 times)" == answers(tale)["what broke?"].text


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
    assert answers(tale)["what next?"].text.startswith("wt1 found nothing in 10 tries: say where to look (i)")


def test_each_answer_leads_to_a_screen() -> None:
    """`enter` on a line goes there."""
    known = {"lab", "queue", "results", "retest", "events", "directions"}
    assert known == {answer.screen for answer in answers(merged()).values()}


def night() -> Tale:
    """Return a lab after three merges, a near miss, drops, crashes, a broken rule, waits and a restart."""
    tale = calibrated(config=replace(gated(mode="me"), usd_limit=40.0))
    idea = "widen the embedding of every second layer by a factor that nobody would expect"
    for index in (1, 2, 3):
        tale.tell(ev.TokensUsed("wt0", "m", Usage(output=1000), 10.25))
        number = tale.propose("wt0", f"t{index}", f"{idea} {index}")
        tale.screen(number, 0.8 - index / 10)
        tale.decide(number, "keep", 0.8 - index / 10, 2.0)
        tale.rebase(number, f"t{index}").confirm(number, {1: 0.8, 2: 0.9}).judge(number, "READY", 0.1 + index / 100)
        tale.merge(number)
    near = tale.keep("wt0", "t4")
    tale.rebase(near, "t4").confirm(near, {1: 1.0, 2: 1.1}).judge(near, "NOISE", 0.05)
    for index, outcome in enumerate(("drop", "drop", "crash", "invalid"), start=5):
        number = tale.propose("wt1", f"t{index}", "<b>| halve the batch")
        tale.screen(number, 1.3 if outcome == "drop" else None)
        tale.tell(ev.ExperimentDecided(number, outcome, None, None, None, "CUDA OOM"))  # type: ignore[arg-type]
    limit = ev.AgentStateChanged("wt0", "LIMIT", "429: the provider's long explanation of its limits", until=500.0)
    return tale.tell(ev.ThinkingStarted("wt0"), limit, started(pid=2), ev.IdeaAdded(1, "tie the embeddings", "ada"))


def test_a_line_that_is_cut_still_carries_the_fact() -> None:
    """What is seen of a busy night at 80 columns."""
    tale = night()
    wait, again = (fmt.clock(tale.entries[-index].at) for index in (3, 2))
    seen = {question: answer.text[:CUT] for question, answer in answers(tale).items()}
    expected = {
        "still running?": "yes, but none of 2 trains; wt0 IDLE; wt1 IDLE",
        "better?": "trunk 1.1000 to .8500, gain +.2500 (2.6σ); 3 merges",
        "what worked?": "3: #3 widen the embedding… +.1300, #2 ",
        "what failed?": "4 of 8: 2 no gain, 1 crashed, 1 broke a rule, 1 kept but not",
        "needs me?": "nothing",
        "what broke?": f"2: {wait} wt0 waited for its provider: 429: the",
        "what cost?": "$30.75, in all $30.75 of $40.00; 0.0 slot-hours, ",
        "trust it?": "σ .0816 (dof 6), no run contended, 1 rule break stopped",
        "what next?": "1 idea open; 0 candidates in the queue; 1 near miss",
    }
    assert expected == {question: seen[question][: len(text)] for question, text in expected.items()}
    assert f"{again} the engine was killed" in answers(tale)["what broke?"].text


def test_the_evidence_says_what_each_merge_was_made_on() -> None:
    """Gain, error, seeds and tree; what did not work is grouped, with its commonest reasons."""
    facts = told(night()).evidence
    merge = facts.merged[0]
    assert (1, 0.11, 0.1, 2, "t1", "you") == (
        merge.experiment, merge.gain, merge.error, merge.seeds, merge.tree, merge.by,
    )  # fmt: skip
    assert [4] == [each.experiment for each in facts.near_misses]
    assert [("drop", 2, (("CUDA OOM", 2),)), ("crash", 1, (("CUDA OOM", 1),)), ("invalid", 1, (("CUDA OOM", 1),))] == [
        (each.outcome, each.count, each.reasons) for each in facts.failed
    ]
    only = facts.agents[0]
    assert ("search", 8, 4, 3, 0.36) == (only.name, only.tried, only.kept, only.merged, round(only.gain, 6))
    assert () == facts.directions


def test_a_slot_counts_only_what_it_worked_in_the_time() -> None:
    """A run that began before is counted from where the time begins."""
    tale = calibrated()
    number = tale.propose("wt0", "t1")
    tale.screen(number, 1.3)
    tale.decide(number, "drop", 1.3)
    ended = tale.state.runs[tale.state.experiments[number].run or 0].ended or 0.0
    facts = told(tale, ended - 0.5).evidence
    assert {"cpu0": 0.5, "cpu1": 0.0} == {each.slot: each.busy_s for each in facts.slots}
    assert 0.5 / 3600 == facts.cost.slot_hours


def test_programs_find_the_facts_at_fixed_places() -> None:
    """`jq '.trunk.gain, .needs_you, .cost.usd'`, and the ten answers beside them."""
    body = as_object(told(night()))
    assert (0.25, (), 30.75, 10) == (
        round(body["trunk"]["gain"], 6), body["needs_you"], body["cost"]["usd"], len(body["answers"]),
    )  # fmt: skip
    assert asdict(told(night()).evidence).keys() <= body.keys()


def test_no_form_takes_a_models_text_for_its_own() -> None:
    """Neither a cell of a table nor a tag comes of it, nor does an escape sequence stay."""
    tale = night()
    tale.tell(ev.WarningRaised("disk", "\x1b]0;PWN\x07 <script>| full\nreally"))
    written = markdown(told(tale))
    assert r"\<b\>\| halve the batch" in written
    assert r"\<script\>\| full really" in written
    html = page(told(tale), progress(tale.state), {1: "<i>wide"})
    assert [] == [word for word in ("<script", "<b>", "<i>", "\x1b", "PWN") if word in html]
    assert [] == [word for word in ("\x1b", "PWN") if word in written]


def test_the_page_needs_nothing_beside_it() -> None:
    """Ten rows, a plot with a dot for each scored experiment and a line along the best; no address to load from."""
    tale = night()
    html = page(told(tale), progress(tale.state), {1: "wide"})
    assert (10, 4, 1) == (html.count("?</th><td>"), html.count('class="kept"'), html.count('class="best"'))
    assert "<title>#1 .7000 wide</title>" in html
    assert [] == [word for word in ("src=", "href=", "<script", "url(") if word in html]
