"""The state is the fold of the events: nothing else changes it, and the same events give the same state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentcore import events as ev
from agentcore.events import CandidateState, Entry, Outcome, decode, encode
from agentcore.fold import RECENT, apply, fold
from agentcore.fold.replacing import replace as replaced
from agentcore.state import LabState
from tests.agentcore.tales import CONFIG, Tale, calibrated, ended, opened, started


def candidate(tale: Tale, number: int) -> CandidateState:
    """Return a candidate's state."""
    return tale.state.candidates[number].state


# --- The fold itself ---


@pytest.mark.parametrize("seq", [1, 3])
def test_a_journal_out_of_order_is_an_error(seq: int) -> None:
    """After entry 1 comes entry 2, not 1 again and not 3."""
    state = apply(LabState(), Entry(1, 1.0, CONFIG))
    with pytest.raises(ValueError, match=f"event {seq} after 1"):
        apply(state, Entry(seq, 2.0, CONFIG))


def test_every_event_has_a_fold() -> None:
    """A type that nobody folds would stop every reader."""
    from agentcore.fold.change import follow

    assert set(ev.TYPES.values()) <= set(follow.registry)


def test_folding_in_parts_is_folding_at_once() -> None:
    """A follower that reads in portions has the same state as one that reads all."""
    tale = calibrated()
    tale.merge(tale.ready("wt0", "t1"))
    half = len(tale.entries) // 2
    assert fold(tale.entries) == fold(tale.entries[half:], fold(tale.entries[:half]))


def test_what_was_written_folds_to_the_same_state() -> None:
    """Through JSON and back nothing is lost that the state holds."""
    tale = calibrated()
    tale.merge(tale.ready("wt0", "t1"))
    again = [replace(entry, event=decode(*encode(entry.event))) for entry in tale.entries]
    assert tale.state == fold(again)


def test_a_noun_is_copied_as_the_standard_library_does_it() -> None:
    """The same value of the same type; the old one stays."""
    before = calibrated().state
    after = replaced(before, seq=7, threshold=2.0)
    assert replace(before, seq=7, threshold=2.0) == after
    assert 7 != before.seq


def test_a_noun_has_no_other_fields() -> None:
    """A misspelt field is an error that names it, as in the standard library."""
    with pytest.raises(TypeError, match="LabState has no field sequence"):
        replaced(LabState(), sequence=7)  # type: ignore[call-arg]


def test_the_runs_of_a_tree_are_known_oldest_first() -> None:
    """The same as a walk over all runs."""
    tale = calibrated()
    tale.ready("wt0", "t1")
    trees = {run.tree for run in tale.state.runs.values()}
    walked = {tree: sorted(n for n, run in tale.state.runs.items() if run.tree == tree) for tree in trees}
    assert walked == {tree: [run.number for run in tale.state.runs_of(tree)] for tree in trees}


def test_an_old_state_is_not_touched() -> None:
    """States are values: a view may keep one while others follow."""
    tale = calibrated()
    before = tale.state
    tale.ready("wt0", "t1")
    assert (0, {1: 1.0, 2: 1.2, 3: 1.1}) == (len(before.candidates), before.pools["t0"])


def test_only_recent_entries_are_kept_in_memory() -> None:
    """The journal has all of them."""
    tale = Tale().tell(*[ev.WarningCleared("x")] * (RECENT + 5))
    assert (RECENT, RECENT + 5) == (len(tale.state.recent), tale.state.recent[-1].seq)


# --- Pools ---


def test_baseline_and_confirmation_runs_are_pooled_by_seed() -> None:
    """They were chosen before anybody knew their score."""
    tale = calibrated()
    tale.rebase(tale.keep("wt0", "t1"), "t1").confirm(1, {1: 0.8, 2: 0.9})
    assert {1: 0.8, 2: 0.9} == tale.state.pools["t1"]


def test_a_screening_run_enters_no_pool() -> None:
    """The experiment was kept because of it, so it says nothing fair about its mean."""
    tale = calibrated()
    tale.keep("wt0", "t1", score=0.5)
    assert "t1" not in tale.state.pools


def test_a_run_at_another_scale_enters_no_pool() -> None:
    """A larger model's score is another quantity."""
    tale = calibrated()
    tale.tell(ev.RunStarted(4, "baseline", None, "c0", "t0", 9, 2, "cpu0"), ended(4, 0.5))
    assert 9 not in tale.state.pools["t0"]


@pytest.mark.parametrize("ending", ["crash", "timeout", "lost", "cancelled"])
def test_a_run_without_a_score_enters_no_pool(ending: ev.Ending) -> None:
    """There is nothing to enter."""
    tale = calibrated()
    tale.run("baseline", "t0", 9, None, ending=ending)
    assert 9 not in tale.state.pools["t0"]


def test_a_change_of_the_harness_empties_the_pools() -> None:
    """Scores from before cannot be compared with those after it."""
    tale = calibrated().tell(replace(CONFIG, harness="other"))
    assert 0 == len(tale.state.pools)


def test_a_change_of_the_gate_keeps_the_pools() -> None:
    """A threshold touches no score."""
    tale = calibrated()
    tale.tell(replace(CONFIG, gate=replace(CONFIG.gate, z_confirm=2.0)))
    assert 3 == len(tale.state.pools["t0"])


def test_a_run_from_before_a_change_of_the_harness_enters_no_pool() -> None:
    """It started under the old harness and ended under the new one: its score belongs to neither pool."""
    tale = calibrated().tell(ev.RunStarted(4, "baseline", None, "c0", "t0", 9, 1, "cpu0"))
    tale.tell(replace(CONFIG, harness="other"), ended(4, 1.0))
    assert 0 == len(tale.state.pools)


def test_after_a_change_of_the_harness_trunk_is_the_baseline() -> None:
    """Gains are counted from the first trunk that was measured in the same way."""
    tale = calibrated()
    tale.merge(tale.ready("wt0", "t1")).tell(replace(CONFIG, harness="other"))
    assert "t1" == tale.state.baseline_tree


def test_after_a_change_of_the_harness_a_tree_may_be_proposed_again() -> None:
    """It is no duplicate: nobody has measured it in the new way."""
    tale = calibrated()
    tale.keep("wt0", "t1")
    assert "t1" not in tale.tell(replace(CONFIG, harness="other")).state.trees


# --- Trees that do not train ---


@pytest.mark.parametrize(
    ("endings", "broken"),
    [
        (["crash"], ""),
        (["crash", "crash"], "it broke"),
        (["crash", "ok", "crash"], ""),
        (["crash", "ok", "crash", "crash"], "it broke"),
        (["lost", "cancelled", "crash"], ""),
    ],
)
def test_a_tree_is_broken_by_two_failures_in_a_row(endings: list[ev.Ending], broken: str) -> None:
    """One killed process a week is no reason to give trunk up."""
    tale = opened()
    for seed, ending in enumerate(endings):
        tale.run("baseline", "t0", seed, 1.0 if ending == "ok" else None, ending=ending)
    assert broken == tale.state.broken("t0")


def test_a_crash_of_a_screening_run_breaks_no_tree() -> None:
    """It is the experiment's outcome, and that is all."""
    tale = calibrated()
    for _ in range(2):
        tale.screen(tale.propose("wt0", "t1"), None)
        tale.decide(len(tale.state.experiments), "crash")
    assert "" == tale.state.broken("t1")


def test_a_new_engine_tries_a_broken_tree_again() -> None:
    """Whoever starts it may have mended the cause."""
    tale = opened()
    for seed in (1, 2):
        tale.run("baseline", "t0", seed, None)
    assert "" == tale.tell(started()).state.broken("t0")


# --- Worktrees ---


def test_a_worktree_waits_for_its_experiment() -> None:
    """Between the announcement and the outcome its agent is not asked again."""
    tale = calibrated()
    number = tale.propose("wt0", "t1")
    assert (number, None) == (tale.state.worktrees["wt0"].experiment, tale.state.worktrees["wt0"].thinking)


def test_an_outcome_frees_the_worktree() -> None:
    """The agent may propose again."""
    tale = calibrated()
    number = tale.propose("wt0", "t1")
    tale.screen(number, 1.1)
    assert tale.decide(number, "drop", 1.1, 0.0).state.worktrees["wt0"].experiment is None


def test_a_turn_that_an_engine_left_open_is_lost() -> None:
    """A new engine finds the worktree free, and does not trust what lies in it."""
    tale = calibrated().tell(ev.ThinkingStarted("wt0"), started(pid=2))
    assert (None, "") == (tale.state.worktrees["wt0"].thinking, tale.state.worktrees["wt0"].at)


@pytest.mark.parametrize(
    ("outcome", "failures"),
    [("crash", 2), ("timeout", 2), ("duplicate", 2), ("drop", 0), ("keep", 0)],
)
def test_failures_in_a_row_are_counted(outcome: Outcome, failures: int) -> None:
    """An agent that crashes or repeats itself is stopped in the end; a score ends the row."""
    tale = calibrated().tell(ev.ThinkingStarted("wt0"), ev.AgentFailed("wt0", "nothing new"))
    tale.decide(tale.propose("wt0", "t1"), outcome)
    assert failures == tale.state.worktrees["wt0"].failures


def test_resuming_forgets_the_failures() -> None:
    """Else the worktree would be paused again at once."""
    tale = calibrated().tell(ev.AgentFailed("wt0", "x"), ev.WorktreePaused("wt0", "x", "engine"))
    tale.tell(ev.WorktreeResumed("wt0", "you"))
    assert ("", 0) == (tale.state.worktrees["wt0"].paused, tale.state.worktrees["wt0"].failures)


def test_the_first_experiment_of_a_tree_is_remembered() -> None:
    """A duplicate names the experiment that was measured."""
    tale = calibrated()
    tale.keep("wt0", "t1")
    tale.propose("wt1", "t1")
    assert 1 == tale.state.trees["t1"]


# --- The queue ---


@pytest.mark.parametrize("outcome", ["drop", "crash", "nan", "timeout", "invalid", "duplicate", "cancelled"])
def test_only_a_kept_experiment_becomes_a_candidate(outcome: Outcome) -> None:
    """Every other outcome leaves the queue alone."""
    tale = calibrated()
    assert 0 == len(tale.decide(tale.propose("wt0", "t1"), outcome).state.candidates)


def test_a_kept_experiment_is_a_new_candidate() -> None:
    """It waits to be replayed on trunk."""
    tale = calibrated()
    assert "NEW" == candidate(tale, tale.keep("wt0", "t1"))


def test_a_replay_forgets_the_verdict_before() -> None:
    """What was measured on another trunk is no evidence on this one."""
    tale = calibrated()
    number = tale.ready("wt0", "t1")
    tale.rebase(number, "t5")
    assert (None, "", "CONFIRM") == (
        tale.state.candidates[number].verdict,
        tale.state.candidates[number].landing,
        candidate(tale, number),
    )


def test_a_merge_outdates_what_was_measured_against_the_old_trunk() -> None:
    """CONFIRM and READY become STALE; NEW has nothing to lose."""
    tale = calibrated()
    merged, ready = tale.ready("wt0", "t1"), tale.ready("wt1", "t2")
    confirming, new = tale.keep("wt0", "t3"), tale.keep("wt1", "t4")
    tale.rebase(confirming, "t3").merge(merged)
    found = [candidate(tale, number) for number in (merged, ready, confirming, new)]
    assert ["MERGED", "STALE", "STALE", "NEW"] == found


def test_a_trunk_moved_by_hand_outdates_what_was_ready() -> None:
    """READY speaks of a trunk that is no more."""
    tale = calibrated()
    number = tale.ready("wt0", "t1")
    tale.tell(ev.TrunkMoved("c0", "c9", "t9", None, "hand"))
    assert "STALE" == candidate(tale, number)


def test_a_harness_change_outdates_what_was_ready() -> None:
    """Its evidence was measured in the old way."""
    tale = calibrated()
    number = tale.ready("wt0", "t1")
    tale.tell(replace(CONFIG, harness="other"))
    assert "STALE" == candidate(tale, number)


def test_an_intent_is_known_until_its_outcome() -> None:
    """A kill in between leaves it standing."""
    tale = calibrated()
    intent = ev.MergeIntended(tale.ready("wt0", "t1"), "c0", "l1", "t1", "nonce", "you")
    tale.tell(intent)
    assert (intent, "MERGING") == (tale.state.intent, candidate(tale, 1))


@pytest.mark.parametrize(
    "outcome", [ev.TrunkMoved("c0", "l1", "t1", 1, "you"), ev.CandidateMoved(1, "STALE", "trunk moved", "engine")]
)
def test_an_outcome_settles_its_intent(outcome: ev.Event) -> None:
    """Merged or stale: nothing is pending any more."""
    tale = calibrated()
    tale.ready("wt0", "t1")
    tale.tell(ev.MergeIntended(1, "c0", "l1", "t1", "nonce", "you"), outcome)
    assert tale.state.intent is None


def test_a_merge_is_remembered_with_its_evidence() -> None:
    """Who, from where, to where, on which verdict."""
    tale = calibrated()
    number = tale.ready("wt0", "t1", gain=0.3)
    merge = tale.merge(number).state.merges[-1]
    assert ("c0", "l1", "you", 0.3) == (merge.old, merge.new, merge.by, merge.verdict.gain if merge.verdict else None)


def test_an_undone_merge_is_ready_again() -> None:
    """It was measured against exactly the trunk that is back."""
    tale = calibrated()
    number = tale.ready("wt0", "t1")
    tale.merge(number).tell(ev.TrunkMoved("l1", "c0", "t0", None, "you", undone=number))
    assert ("READY", True, "c0") == (
        candidate(tale, number),
        tale.state.merges[-1].undone,
        tale.state.trunk.commit if tale.state.trunk else "",
    )


def test_a_warning_stands_until_it_is_cleared() -> None:
    """One message per topic."""
    tale = Tale().tell(ev.WarningRaised("disk", "a"), ev.WarningRaised("disk", "b"), ev.WarningRaised("git", "c"))
    assert {"disk": "b"} == dict(tale.tell(ev.WarningCleared("git")).state.warnings)
