"""Trunk moves only to trees that were measured, once per merge, whoever interferes and wherever a kill cuts in."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.journal.audit import read_rows, verify
from agentcore.journal.chain import read_head
from agentcore.queue import promoter
from agentcore.queue.judging import SCREENING_SEEDS, screening_seed
from agentcore.queue.promoter import Refused
from tests.agentcore.labs import Desk, desk
from worktrees import diff
from worktrees.repository import TRUNK

FASTER = ("RATE = 0.1", "RATE = 0.3")
FASTEST = ("RATE = 0.1", "RATE = 0.5")
FLATTER = ("DEPTH = 4", "DEPTH = 3")
FLATTEST = ("DEPTH = 4", "DEPTH = 2")
WORSE = ("DEPTH = 4", "DEPTH = 8")
"""By the truth of labs.py: a gain of 0.2, of 0.4, of 0.1, of 0.2, and a loss of 0.4; the seed moves it by 0.005."""


async def ready(at: Desk) -> int:
    """Let wt0 find a change that passes its confirmation; return its number."""
    await at.work({"wt0": [FASTER]})
    assert {1: "READY"} == at.states()
    return 1


async def merge(at: Desk, number: int = 1) -> ev.TrunkMoved:
    """Merge as the researcher."""
    return await promoter.promote(at.lab, number, "you")


def move_trunk(at: Desk, commit: str) -> None:
    """Move trunk by hand, as `git branch -f` would."""
    root = str(at.lab.paths.root)
    subprocess.run(["git", "-C", root, "update-ref", TRUNK, commit], check=True, timeout=20)


def outcomes(at: Desk) -> dict[int, str | None]:
    """Return the experiments' outcomes."""
    return {number: each.outcome for number, each in sorted(at.lab.state.experiments.items())}


# --- From an idea to trunk ---


async def test_an_idea_that_helps_is_kept_and_confirmed(tmp_path: Path) -> None:
    """It waits for the researcher, and trunk has not moved."""
    async with desk(tmp_path / "lab") as at:
        start = at.trunk()
        await ready(at)
        assert start == at.trunk()


async def test_an_idea_that_hurts_is_dropped(tmp_path: Path) -> None:
    """It never enters the queue."""
    async with desk(tmp_path / "lab") as at:
        await at.work({"wt0": [WORSE]})
        assert ({1: "drop"}, {}) == (outcomes(at), at.states())


async def test_a_merge_lands_the_tree_that_was_run(tmp_path: Path) -> None:
    """Exactly the tree of its confirmation runs, as a child of the trunk that they were compared with."""
    async with desk(tmp_path / "lab") as at:
        start = at.trunk()
        moved = await merge(at, await ready(at))
        confirmed = {run.tree for run in at.lab.state.runs.values() if run.purpose == "confirm"}
        repository = at.lab.repository
        assert (moved.new, confirmed, start) == (
            at.trunk(),
            {repository.tree_of(at.trunk())},
            repository.parent_of(at.trunk()),
        )


async def test_a_merge_carries_its_evidence(tmp_path: Path) -> None:
    """The trailers name experiment, seeds and tree: the journal could be rebuilt from git."""
    async with desk(tmp_path / "lab") as at:
        await merge(at, await ready(at))
        command = ["git", "-C", str(at.lab.paths.root), "log", "-1", "--format=%(trailers:only)", TRUNK]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
        trailers = dict(line.split(": ") for line in shown.splitlines() if line)
        tree = at.lab.state.candidates[1].tree
        assert ("#1", "1 2", tree) == (trailers["Experiment"], trailers["Seeds"], trailers["Tree"])


async def test_a_merge_names_the_journals_newest_row(tmp_path: Path) -> None:
    """As it was when the landing commit was made: the row before the verdict, with its hash."""
    async with desk(tmp_path / "lab") as at:
        await merge(at, await ready(at))
        (message,) = at.lab.repository.messages(at.trunk(), at.lab.state.merges[0].old).values()
        head = read_head(next(line for line in message.splitlines() if line.startswith("Journal: "))[9:])
        rows = read_rows(at.lab.paths.journal)
        assert head is not None
        assert (head.hash, "CandidateJudged") == (rows[head.seq - 1].hash, rows[head.seq].name)


async def test_merges_and_undos_leave_nothing_to_find(tmp_path: Path) -> None:
    """Every trunk commit that a merge made names a row, also after it was taken back and made again."""
    async with desk(tmp_path / "lab") as at:
        await both_ready(at)
        await merge(at, 1)
        await promoter.undo(at.lab, "you", None)
        await merge(at, 1)
        await at.work({})
        await merge(at, 2)
        report = verify(at.lab.paths)
        assert ((), 2, 0) == (report.findings, report.commits, report.commits_without)


async def test_confirmation_runs_fresh_seeds_that_trunk_ran_too(tmp_path: Path) -> None:
    """Never the screening's seed, and every one of them on both sides."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        candidate, pools = at.lab.state.candidates[1], at.lab.state.pools
        assert screening_seed(1) not in candidate.seeds
        assert set(candidate.seeds) <= pools[candidate.tree].keys() & pools[candidate.trunk_tree].keys()


async def test_the_screening_run_stays_out_of_every_pool(tmp_path: Path) -> None:
    """Also when its tree is the very tree that is confirmed and lands."""
    async with desk(tmp_path / "lab") as at:
        await merge(at, await ready(at))
        screening = next(run for run in at.lab.state.runs.values() if run.purpose == "screen")
        assert screening.tree == at.lab.state.candidates[1].tree
        assert all(seed < SCREENING_SEEDS for pool in at.lab.state.pools.values() for seed in pool)


async def test_nothing_is_run_twice(tmp_path: Path) -> None:
    """The confirmation's runs are the new trunk's pool: a tree meets each seed once."""
    async with desk(tmp_path / "lab") as at:
        await merge(at, await ready(at))
        await at.work({"wt0": [FLATTER], "wt1": [FLATTEST]})
        ran = Counter((spec.tree, spec.seed) for spec in at.runs.submitted)
        assert 1 == max(ran.values())


async def test_the_same_tree_twice_is_a_duplicate_and_gets_no_run(tmp_path: Path) -> None:
    """Whoever proposes it: the reason names the experiment that was measured."""
    async with desk(tmp_path / "lab") as at:
        await at.work({"wt0": [WORSE], "wt1": [WORSE]})
        second = at.lab.state.experiments[2]
        assert ("duplicate", "the same tree as #1: not run again", None) == (second.outcome, second.reason, second.run)


async def test_an_edit_that_changes_nothing_is_no_experiment(tmp_path: Path) -> None:
    """The agent's turn failed, and that is said."""
    async with desk(tmp_path / "lab") as at:
        await at.work({"wt0": [("RATE = 0.1", "RATE = 0.1")]})
        failed = at.told(ev.AgentFailed)[0]
        assert isinstance(failed, ev.AgentFailed)
        assert ({}, "the agent changed nothing", "scripted") == (outcomes(at), failed.reason, failed.agent)


# --- Two candidates ---


async def both_ready(at: Desk) -> None:
    """Two worktrees find changes of different constants; both pass."""
    await at.work({"wt0": [FASTER], "wt1": [FLATTER]})
    assert {1: "READY", 2: "READY"} == at.states()


async def test_two_changes_of_different_constants_both_land(tmp_path: Path) -> None:
    """The second is replayed on the first, confirmed as that tree, and lands without reverting anything."""
    async with desk(tmp_path / "lab") as at:
        await both_ready(at)
        await merge(at, 1)
        await at.work({})
        await merge(at, 2)
        assert ["RATE = 0.3", "DEPTH = 3"] == at.source(at.trunk())


async def test_each_of_two_lands_with_its_own_numstat(tmp_path: Path) -> None:
    """One line out and one in per merge: a wrong merge base would show here."""
    async with desk(tmp_path / "lab") as at:
        await both_ready(at)
        await merge(at, 1)
        await at.work({})
        await merge(at, 2)
        changes = [diff.between(at.lab.paths.root, each.old, each.new) for each in at.lab.state.merges]
        assert [(1, 1), (1, 1)] == [(change.added, change.removed) for change in changes]


async def test_the_second_is_confirmed_again_on_the_new_trunk(tmp_path: Path) -> None:
    """What it won against the old trunk does not count: wins do not always add up."""
    async with desk(tmp_path / "lab") as at:
        await both_ready(at)
        await merge(at, 1)
        assert "STALE" == at.states()[2]
        await at.work({})
        candidate = at.lab.state.candidates[2]
        assert ("READY", at.trunk()) == (candidate.state, candidate.trunk)


async def test_two_changes_of_one_line_conflict(tmp_path: Path) -> None:
    """The second says with which trunk, and stays out."""
    async with desk(tmp_path / "lab") as at:
        await at.work({"wt0": [FASTER], "wt1": [FASTEST]})
        await merge(at, 1)
        await at.work({})
        reason = f"conflict in train.py with trunk {at.trunk()[:7]}"
        assert ("CONFLICT", reason) == (at.states()[2], at.lab.state.candidates[2].reason)


async def test_a_change_that_trunk_has_already_is_cancelled(tmp_path: Path) -> None:
    """Somebody merged the same by hand: there is nothing left to land."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        move_trunk(at, at.lab.state.candidates[1].landing)
        await promoter.follow(at.lab)
        await at.work({})
        assert {1: "CANCELLED"} == at.states()


async def test_worktrees_stand_on_the_new_trunk_afterwards(tmp_path: Path) -> None:
    """The next proposals of both start from what won."""
    async with desk(tmp_path / "lab") as at:
        await merge(at, await ready(at))
        await at.work({"wt0": [FLATTER], "wt1": [FLATTEST]})
        assert {at.trunk()} == {at.lab.state.experiments[number].base for number in (2, 3)}


# --- Merging is refused ---


async def test_only_candidates_merge(tmp_path: Path) -> None:
    """A number that is not in the queue."""
    async with desk(tmp_path / "lab") as at:
        with pytest.raises(Refused, match="#7 is not in the queue"):
            await merge(at, 7)


async def test_only_ready_candidates_merge(tmp_path: Path) -> None:
    """The state that it is in is named."""
    async with desk(tmp_path / "lab") as at:
        await merge(at, await ready(at))
        with pytest.raises(Refused, match="#1 is MERGED"):
            await merge(at)


async def test_a_stale_swap_is_refused(tmp_path: Path) -> None:
    """Trunk was moved by hand a moment ago and nobody has noticed: the swap does, and the candidate is STALE."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        hand = at.lab.repository.land(at.lab.repository.tree_of(at.trunk()), at.trunk(), "by hand")
        move_trunk(at, hand)
        with pytest.raises(Refused, match="changed while you read"):
            await merge(at)
        assert (hand, {1: "STALE"}, None) == (at.trunk(), at.states(), at.lab.state.intent)


async def test_a_stale_candidate_is_confirmed_again_and_lands(tmp_path: Path) -> None:
    """After the hand's trunk has its number, the candidate is replayed on it."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        hand = at.lab.repository.land(at.lab.repository.tree_of(at.trunk()), at.trunk(), "by hand")
        move_trunk(at, hand)
        await promoter.follow(at.lab)
        await at.work({})
        assert hand == (await merge(at)).old


async def test_a_landing_commit_with_another_tree_is_refused(tmp_path: Path) -> None:
    """What lands is what was run, or nothing."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        candidate = at.lab.state.candidates[1]
        assert candidate.verdict is not None
        other = at.lab.repository.land(candidate.trunk_tree, candidate.trunk, "another tree")
        at.lab.record(ev.CandidateJudged(1, "READY", candidate.verdict, other, ""))
        with pytest.raises(Refused, match="does not hold the tree that was measured"):
            await merge(at)


async def test_a_landing_commit_on_another_parent_is_refused(tmp_path: Path) -> None:
    """It would bring along what nobody compared."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        candidate, repository = at.lab.state.candidates[1], at.lab.repository
        assert candidate.verdict is not None
        between = repository.land(candidate.trunk_tree, candidate.trunk, "between")
        other = repository.land(candidate.tree, between, "another parent")
        at.lab.record(ev.CandidateJudged(1, "READY", candidate.verdict, other, ""))
        with pytest.raises(Refused, match="does not stand on the trunk"):
            await merge(at)


async def test_a_tree_that_no_run_tested_is_refused(tmp_path: Path) -> None:
    """A verdict without runs is not believed."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        candidate, trunk = at.lab.state.candidates[1], at.lab.state.trunk
        assert candidate.verdict is not None and trunk is not None
        untested = at.lab.repository.tree_of(at.lab.state.experiments[1].commit)
        seeds = (*candidate.seeds, 77)
        at.lab.record(ev.CandidateRebased(1, trunk.commit, trunk.tree, candidate.commit, untested, seeds))
        at.lab.record(ev.CandidateJudged(1, "READY", candidate.verdict, candidate.landing, ""))
        with pytest.raises(Refused, match=r"lacks runs of seeds \[77\]"):
            await merge(at)


# --- Two at once ---


async def test_the_same_merge_from_two_terminals_happens_once(tmp_path: Path) -> None:
    """One is told that it is done, the other that it is MERGED; the candidate stays so."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        answers = await asyncio.gather(merge(at), merge(at), return_exceptions=True)
        assert (["TrunkMoved", "Refused"], {1: "MERGED"}, 1) == (
            [type(answer).__name__ for answer in answers],
            at.states(),
            len(at.lab.state.merges),
        )


async def test_of_two_merges_at_once_the_second_is_stale(tmp_path: Path) -> None:
    """It was measured against a trunk that is no more; its intent was never written."""
    async with desk(tmp_path / "lab") as at:
        await both_ready(at)
        await asyncio.gather(merge(at, 1), merge(at, 2), return_exceptions=True)
        assert ({1: "MERGED", 2: "STALE"}, 1) == (at.states(), len(at.told(ev.MergeIntended)))


async def test_a_merge_is_not_taken_for_a_hand(tmp_path: Path) -> None:
    """The engine looks at trunk while a person merges: it must not see the half of it."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        await asyncio.gather(merge(at), *[promoter.follow(at.lab) for _ in range(5)])
        assert [] == [event for event in at.told(ev.TrunkMoved) if event.by == "hand"]  # type: ignore[union-attr]


async def test_an_undo_is_not_taken_for_a_hand(tmp_path: Path) -> None:
    """Likewise while a person takes a merge back."""
    async with desk(tmp_path / "lab") as at:
        await merge(at, await ready(at))
        await asyncio.gather(promoter.undo(at.lab, "you", None), *[promoter.follow(at.lab) for _ in range(5)])
        assert ["init", "you", "you"] == [event.by for event in at.told(ev.TrunkMoved)]  # type: ignore[union-attr]


async def test_a_judgement_waits_for_a_merge(tmp_path: Path) -> None:
    """A candidate is not called READY on a trunk that goes at the same moment."""
    async with desk(tmp_path / "lab") as at:
        await both_ready(at)
        candidate = at.lab.state.candidates[2]
        trunk = (candidate.trunk, candidate.trunk_tree)
        at.lab.record(ev.CandidateRebased(2, *trunk, candidate.commit, candidate.tree, candidate.seeds))
        await asyncio.gather(merge(at, 1), promoter.conclude(at.lab, 2))
        assert "STALE" == at.states()[2]


async def test_a_replay_waits_for_a_merge(tmp_path: Path) -> None:
    """A candidate is replayed on the trunk that is there afterwards."""
    async with desk(tmp_path / "lab") as at:
        await both_ready(at)
        at.lab.record(ev.CandidateMoved(2, "STALE", "", "engine"))
        await asyncio.gather(merge(at, 1), promoter.rebase(at.lab, 2))
        assert at.trunk() == at.lab.state.candidates[2].trunk


# --- A kill in the middle ---


def intend(at: Desk) -> ev.MergeIntended:
    """Write the intent of the merge of #1, as the engine does right before the swap."""
    candidate = at.lab.state.candidates[1]
    intent = ev.MergeIntended(1, candidate.trunk, candidate.landing, candidate.tree, "nonce", "you")
    at.lab.record(intent, durable=True)
    return intent


async def test_a_kill_between_intent_and_swap_is_made_good(tmp_path: Path) -> None:
    """Trunk is still the old one: the next engine swaps."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        intent = intend(at)
    async with desk(tmp_path / "lab") as at:
        await promoter.recover(at.lab)
        assert (intent.new, {1: "MERGED"}, 1) == (at.trunk(), at.states(), len(at.lab.state.merges))


async def test_a_kill_between_swap_and_outcome_is_made_good(tmp_path: Path) -> None:
    """Trunk is the new one already: the next engine writes down what happened, once."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        intent = intend(at)
        assert at.lab.repository.swap_trunk(intent.old, intent.new)
    async with desk(tmp_path / "lab") as at:
        await promoter.recover(at.lab)
        await promoter.recover(at.lab)
        assert (intent.new, {1: "MERGED"}, 1) == (at.trunk(), at.states(), len(at.lab.state.merges))


async def test_a_merge_counts_where_trunk_has_moved_on_since(tmp_path: Path) -> None:
    """Swapped, killed, and moved further by hand: trunk contains it, and the hand is noticed after it."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        intent = intend(at)
        further = at.lab.repository.land(intent.tree, intent.new, "by hand")
        move_trunk(at, further)
    async with desk(tmp_path / "lab") as at:
        await promoter.recover(at.lab)
        await promoter.follow(at.lab)
        moves = [(event.new, event.by) for event in at.told(ev.TrunkMoved)][1:]  # type: ignore[union-attr]
        assert [(intent.new, "you"), (further, "hand")] == moves


async def test_a_merge_whose_trunk_went_elsewhere_is_stale(tmp_path: Path) -> None:
    """Killed before the swap, and trunk was moved by hand meanwhile: nothing is forced."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        intent = intend(at)
        elsewhere = at.lab.repository.land(at.lab.repository.tree_of(intent.old), intent.old, "by hand")
        move_trunk(at, elsewhere)
    async with desk(tmp_path / "lab") as at:
        await promoter.recover(at.lab)
        assert (elsewhere, {1: "STALE"}, None) == (at.trunk(), at.states(), at.lab.state.intent)


async def test_an_engine_that_lives_brings_an_open_merge_to_its_end(tmp_path: Path) -> None:
    """The outcome could not be written (a full disk, a locked ref): the next look at trunk does it."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        intend(at)
        await promoter.follow(at.lab)
        assert ({1: "MERGED"}, None) == (at.states(), at.lab.state.intent)


async def test_without_an_open_merge_there_is_nothing_to_recover(tmp_path: Path) -> None:
    """Not an event is written."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        seq = at.lab.state.seq
        await promoter.recover(at.lab)
        assert seq == at.lab.state.seq


# --- By hand ---


async def test_a_trunk_moved_by_hand_is_noticed(tmp_path: Path) -> None:
    """What was READY was measured against another one."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        hand = at.lab.repository.land(at.lab.repository.tree_of(at.trunk()), at.trunk(), "by hand")
        move_trunk(at, hand)
        await promoter.follow(at.lab)
        trunk = at.lab.state.trunk
        assert trunk is not None
        assert (hand, "hand", {1: "STALE"}) == (trunk.commit, trunk.by, at.states())


async def test_a_trunk_moved_by_hand_is_measured_first(tmp_path: Path) -> None:
    """Before anything is compared with it."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        move_trunk(at, at.lab.state.experiments[1].commit)
        await promoter.follow(at.lab)
        await at.work({})
        trunk = at.lab.state.trunk
        assert trunk is not None
        assert at.lab.state.gate.pool_min == len(at.lab.state.pools[trunk.tree])


async def test_a_trunk_that_stands_still_is_no_event(tmp_path: Path) -> None:
    """Looking four times a second writes nothing."""
    async with desk(tmp_path / "lab") as at:
        seq = at.lab.state.seq
        await promoter.follow(at.lab)
        assert seq == at.lab.state.seq


async def test_a_trunk_that_was_deleted_is_put_back(tmp_path: Path) -> None:
    """The journal knows where it was; without it every merge would be stale for ever."""
    async with desk(tmp_path / "lab") as at:
        start = at.trunk()
        subprocess.run(["git", "-C", str(at.lab.paths.root), "update-ref", "-d", TRUNK], check=True, timeout=20)
        await promoter.follow(at.lab)
        assert start == at.trunk()


# --- Undo ---


async def test_an_undo_puts_trunk_back(tmp_path: Path) -> None:
    """To the commit before the merge; the candidate is READY again."""
    async with desk(tmp_path / "lab") as at:
        moved = await merge(at, await ready(at))
        await promoter.undo(at.lab, "you", moved.new)
        assert (moved.old, {1: "READY"}, True) == (at.trunk(), at.states(), at.lab.state.merges[-1].undone)


async def test_an_undone_merge_can_be_repeated(tmp_path: Path) -> None:
    """Its evidence is still that of exactly this trunk."""
    async with desk(tmp_path / "lab") as at:
        moved = await merge(at, await ready(at))
        await promoter.undo(at.lab, "you", None)
        assert moved.new == (await merge(at)).new


async def test_an_undo_needs_a_merge(tmp_path: Path) -> None:
    """There is none yet."""
    async with desk(tmp_path / "lab") as at:
        with pytest.raises(Refused, match="no merge to undo"):
            await promoter.undo(at.lab, "you", None)


async def test_a_merge_is_undone_once(tmp_path: Path) -> None:
    """The second time there is none to undo."""
    async with desk(tmp_path / "lab") as at:
        await merge(at, await ready(at))
        twice = (promoter.undo(at.lab, "you", None), promoter.undo(at.lab, "you", None))
        answers = await asyncio.gather(*twice, return_exceptions=True)
        assert ["TrunkMoved", "Refused"] == [type(answer).__name__ for answer in answers]


async def test_an_undo_of_something_else_than_was_seen_is_refused(tmp_path: Path) -> None:
    """The caller saw another trunk."""
    async with desk(tmp_path / "lab") as at:
        moved = await merge(at, await ready(at))
        with pytest.raises(Refused, match="cannot be undone"):
            await promoter.undo(at.lab, "you", moved.old)


async def test_a_kill_in_an_undo_is_made_good(tmp_path: Path) -> None:
    """Trunk was swapped back and the row is missing: the next engine sees which merge that took back."""
    async with desk(tmp_path / "lab") as at:
        moved = await merge(at, await ready(at))
        assert at.lab.repository.swap_trunk(moved.new, moved.old)
    async with desk(tmp_path / "lab") as at:
        await promoter.follow(at.lab)
        assert ({1: "READY"}, True) == (at.states(), at.lab.state.merges[-1].undone)


# --- The gate ---


async def test_the_gate_merges_by_itself(tmp_path: Path) -> None:
    """In mode `gate` both changes land one after the other, without anybody."""
    async with desk(tmp_path / "lab", mode="gate") as at:
        await at.work({"wt0": [FASTER], "wt1": [FLATTER]})
        assert (["RATE = 0.3", "DEPTH = 3"], {1: "MERGED", 2: "MERGED"}) == (at.source(at.trunk()), at.states())


async def test_what_was_written_folds_to_what_is_known(tmp_path: Path) -> None:
    """After two merges a new engine knows what the one before knew."""
    async with desk(tmp_path / "lab", mode="gate") as at:
        await at.work({"wt0": [FASTER], "wt1": [FLATTER]})
        before = (at.lab.state.pools, at.lab.state.candidates, at.lab.state.merges)
    async with desk(tmp_path / "lab", mode="gate") as at:
        assert before == (at.lab.state.pools, at.lab.state.candidates, at.lab.state.merges)
