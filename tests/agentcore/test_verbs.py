"""A person may verify, hold, cancel, pin, force and revert: each time it is known who, and nothing untested lands."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from immutables import Map

from agentcore import events as ev
from agentcore.agents.roster import Roster
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import Answer, Command
from agentcore.engine.opening import make_ready
from agentcore.engine.walls import BARE
from agentcore.events import CandidateState
from agentcore.fold import fold
from agentcore.journal.audit import verify as audit
from agentcore.journal.rows import Reader
from agentcore.overview import Live, overview
from agentcore.project.seed import prompts_folder
from agentcore.queue import promoter, verbs
from agentcore.queue.judging import SCREENING_SEEDS, claimed, threshold
from agentcore.results.comparison import compare
from agentcore.state import Candidate, LabState
from tests.agentcore.labs import Desk, desk, truth
from worktrees.gate import GateSettings
from worktrees.repository import TRUNK

FASTER, FLATTER = ("RATE = 0.1", "RATE = 0.3"), ("DEPTH = 4", "DEPTH = 3")
HARDLY, NEARLY = ("RATE = 0.1", "RATE = 0.1012"), ("RATE = 0.1", "RATE = 0.1017")
"""True gains of 0.2, 0.1, and of about one standard error of a confirmation by three seeds."""

WHY = "half the code"


def lucky(source: str, seed: int) -> float:
    """Return the score of runs whose screening is lucky: what hardly helps is kept."""
    return truth(source, seed) - (0.05 if seed > SCREENING_SEEDS else 0.0)


def steady(source: str, seed: int) -> float:
    """Return lucky scores whose noise is one thousandth up and down: more seeds know more."""
    noise = 0.001 if seed % 2 else -0.001
    return truth(source, 0) + noise - (0.05 if seed > SCREENING_SEEDS else 0.0)


def fading(source: str, seed: int) -> float:
    """Return steady scores in which the change helps up to the third seed, and harms beyond."""
    return steady(source, seed) - ((0.001 if seed <= 3 else -0.004) if "0.1017" in source else 0.0)


@asynccontextmanager
async def lab(
    tmp_path: Path, *edits: tuple[str, str], score: Callable[[str, int], float] = lucky, seeds: int = 3
) -> AsyncIterator[Desk]:
    """A lab that asks for so many seeds, after wt0 (and wt1) made one edit each."""
    async with desk(tmp_path / "lab") as at:
        at.runs.score = score
        config = at.lab.state.config
        assert config
        strict = replace(config.gate, confirm_seeds=seeds, z_confirm=1.64, z_near_miss=0.5)
        at.lab.record(replace(config, gate=strict))
        await at.work({f"wt{index}": [edit] for index, edit in enumerate(edits)})
        yield at


async def ask(at: Desk, verb: str, number: int = 1, **arguments: object) -> Answer:
    """Ask the engine's desk as ada."""
    counter = Counter(at.lab, lambda reason, now: None)
    return await counter.handle(Command(verb, "ada", {"experiment": number, **arguments}))


def replayed(at: Desk) -> LabState:
    """Return the state that follows from the journal alone."""
    with closing(Reader(at.lab.paths.journal)) as reader:
        return fold(reader.after(0))


def trailers(at: Desk) -> dict[str, str]:
    """Return the trailers of trunk's newest commit, as git reads them."""
    command = ["git", "-C", str(at.lab.paths.root), "log", "-1", "--format=%(trailers:only)", TRUNK]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    return dict(line.split(": ", 1) for line in shown.splitlines() if line)


# --- Which verb is for which state ---


@pytest.mark.parametrize("state", get_args(CandidateState))
@pytest.mark.parametrize("verb", verbs.ALLOWED)
def test_every_verb_that_is_refused_names_the_state_and_the_reason(verb: str, state: CandidateState) -> None:
    """Whatever a candidate's state, the answer is yes, or says what it is and what the verb is for."""
    at = LabState(candidates=Map({1: Candidate(1, state, since=0.0, tree="t1", trunk="c0")}))
    reason = verbs.refusal(at, verb, 1)
    if state in verbs.ALLOWED[verb]:
        assert f"{verb} is for" not in reason
    else:
        meaning = reason.partition("(")[2].partition(")")[0]
        assert (True, True) == (reason.startswith(f"#1 is {state} ({meaning}): {verb} is for "), bool(meaning))


@pytest.mark.parametrize("verb", verbs.ALLOWED)
async def test_what_is_not_in_the_queue_is_refused(tmp_path: Path, verb: str) -> None:
    """Code 5, and nothing is recorded."""
    async with desk(tmp_path / "lab") as at:
        before = at.lab.state.seq
        answer = await ask(at, verb, 7, because=WHY)
        assert (5, "#7 is not in the queue", before) == (answer.code, answer.message, at.lab.state.seq)


@pytest.mark.parametrize("verb", ["cancel", "force", "revert"])
async def test_what_cannot_be_taken_back_needs_a_reason(tmp_path: Path, verb: str) -> None:
    """Code 2, and nothing is recorded."""
    async with lab(tmp_path, FASTER) as at:
        before = at.lab.state.seq
        answer = await ask(at, verb, because="  \n ")
        assert (2, True, before) == (answer.code, "say why" in answer.message, at.lab.state.seq)


# --- verify ---


async def test_verify_runs_three_more_seeds_on_both_sides(tmp_path: Path) -> None:
    """Seeds that neither side had, and the verdict is of all six."""
    async with lab(tmp_path, HARDLY) as at:
        assert {1: "NOISE"} == at.states()
        assert (await ask(at, "verify")).done
        assert {1: "CONFIRM"} == at.states()
        await at.work({})
        candidate, pools = at.lab.state.candidates[1], at.lab.state.pools
        assert candidate.verdict
        assert ((1, 2, 3, 4, 5, 6), True) == (
            candidate.verdict.seeds,
            set(candidate.seeds) <= pools[candidate.tree].keys() & pools[candidate.trunk_tree].keys(),
        )


async def test_a_near_miss_may_pass_by_more_seeds(tmp_path: Path) -> None:
    """Its verdict is made anew; a merge then lands as any other."""
    async with lab(tmp_path, NEARLY, score=steady) as at:
        assert {1: "NOISE"} == at.states()
        await ask(at, "verify")
        await at.work({})
        assert {1: "READY"} == at.states()
        moved = await promoter.promote(at.lab, 1, "ada")
        assert (at.trunk(), "1 2 3 4 5 6") == (moved.new, trailers(at)["Seeds"])


async def test_a_ready_one_may_fail_by_more_seeds(tmp_path: Path) -> None:
    """And then nothing merges it."""
    async with lab(tmp_path, NEARLY, score=fading) as at:
        assert {1: "READY"} == at.states()
        await ask(at, "verify")
        await at.work({})
        assert ("REJECTED", "") == (at.states()[1], at.lab.state.candidates[1].landing)


async def test_nine_seeds_are_the_most(tmp_path: Path) -> None:
    """The third look is the last."""
    async with lab(tmp_path, HARDLY) as at:
        for _ in range(2):
            assert (await ask(at, "verify")).done
            await at.work({})
        answer = await ask(at, "verify")
        assert (5, "#1 has 9 seeds: no more than 9 are run") == (answer.code, answer.message)


@pytest.mark.parametrize(
    ("first", "seeds", "expected"),
    [(1.64, 3, 1.64), (1.64, 6, 1.96), (1.64, 9, 2.24), (2.33, 6, 2.33), (2.33, 9, 2.33), (1.96, 9, 2.24)],
)
def test_each_look_asks_for_more(first: float, seeds: int, expected: float) -> None:
    """1.96 at six seeds, 2.24 at nine; a stricter first threshold is never loosened."""
    config = ev.LabConfigured("toy", "x", True, "cpu", "1", "h", GateSettings(z_confirm=first, confirm_seeds=3))
    assert expected == threshold(LabState(config=config), seeds)


async def test_verify_needs_todays_trunk(tmp_path: Path) -> None:
    """What was measured on an older trunk is not extended: the new runs would be paired with another tree."""
    async with lab(tmp_path, HARDLY, FASTER) as at:
        old = at.trunk()[:7]
        await promoter.promote(at.lab, 2, "ada")
        answer = await ask(at, "verify")
        reason = f"#1 is NOISE, measured on trunk {old}: trunk is {at.trunk()[:7]} now, which is not its parent"
        assert (5, reason) == (answer.code, answer.message)


async def test_more_seeds_are_not_forgotten_by_hold_and_unhold(tmp_path: Path) -> None:
    """Else a failed verification could be undone by measuring again with three."""
    async with lab(tmp_path, FASTER) as at:
        await ask(at, "verify")
        await at.work({})
        await ask(at, "hold")
        await ask(at, "unhold")
        await at.work({})
        assert ("READY", (1, 2, 3, 4, 5, 6)) == (at.states()[1], at.lab.state.candidates[1].seeds)


# --- hold, unhold, cancel ---


async def test_a_held_candidate_is_left_alone(tmp_path: Path) -> None:
    """Not even the gate merges it; who held it and why is in the journal."""
    async with lab(tmp_path, FASTER) as at:
        assert (await ask(at, "hold", because="wait for the\npaper")).done
        await ask(at, "mode", mode="gate")
        await at.work({})
        assert ({1: "HELD"}, [ev.CandidateMoved(1, "HELD", "wait for the paper", "ada")]) == (
            at.states(),
            at.told(ev.CandidateMoved),
        )


async def test_a_held_candidate_that_was_confirmed_is_ready_again_without_a_run(tmp_path: Path) -> None:
    """Trunk has not moved: its runs are of the same tree."""
    async with lab(tmp_path, FASTER) as at:
        await ask(at, "hold")
        runs = len(at.lab.state.runs)
        answer = await ask(at, "unhold")
        await at.work({})
        assert ("STALE", {1: "READY"}, runs) == (answer.body["state"], at.states(), len(at.lab.state.runs))


async def test_a_held_candidate_follows_trunk_when_it_is_let_go(tmp_path: Path) -> None:
    """It is rebased and confirmed on the trunk of today."""
    async with lab(tmp_path, FASTER, FLATTER) as at:
        await ask(at, "hold")
        await promoter.promote(at.lab, 2, "ada")
        await at.work({})
        await ask(at, "unhold")
        await at.work({})
        assert ("READY", at.trunk()) == (at.states()[1], at.lab.state.candidates[1].trunk)


async def test_a_new_candidate_is_new_again(tmp_path: Path) -> None:
    """It never was on a trunk; mode hold keeps it new here."""
    async with lab(tmp_path) as at:
        await ask(at, "mode", mode="hold")
        await at.work({"wt0": [FASTER]})
        await ask(at, "hold")
        answer = await ask(at, "unhold")
        assert ("NEW", {1: "NEW"}) == (answer.body["state"], at.states())


async def test_what_the_gate_put_aside_has_a_way_out(tmp_path: Path) -> None:
    """A refusal of the gate HELD it; when the cause is mended, a person lets it go on."""
    async with lab(tmp_path, FASTER) as at:
        at.lab.record(ev.CandidateMoved(1, "HELD", "the commit of #1 does not hold the tree", by="gate"))
        await ask(at, "unhold")
        await at.work({})
        assert {1: "READY"} == at.states()


async def test_a_blocked_one_is_not_released_by_holding_it(tmp_path: Path) -> None:
    """Only `release` lets go what is too good to be true."""
    async with lab(tmp_path, FASTER) as at:
        config = at.lab.state.config
        assert config
        at.lab.record(replace(config, gate=replace(config.gate, max_gain=0.1)))
        for verb in ("hold", "unhold"):
            await ask(at, verb)
        await at.work({})
        assert {1: "BLOCKED"} == at.states()


async def test_a_cancelled_candidate_is_gone(tmp_path: Path) -> None:
    """No verb brings it back, and nothing more is run for it."""
    async with lab(tmp_path, FASTER) as at:
        await ask(at, "cancel", because="it reads the clock")
        runs = len(at.lab.state.runs)
        await at.work({})
        codes = [(await ask(at, verb, because=WHY)).code for verb in verbs.ALLOWED]
        assert ({1: "CANCELLED"}, {5}, runs) == (at.states(), set(codes), len(at.lab.state.runs))


# --- pin, unpin ---


async def test_a_pin_is_a_ref_of_its_own(tmp_path: Path) -> None:
    """It holds what a merge would land, until it is let go."""
    async with lab(tmp_path, FASTER) as at:
        ref, landing = "refs/lab/pinned/000001", at.lab.state.candidates[1].landing
        await ask(at, "pin", because="for the paper")
        assert (landing, {1: landing}) == (at.lab.repository.resolve(ref), dict(at.lab.state.pinned))
        await ask(at, "unpin")
        assert (None, {}) == (at.lab.repository.resolve(ref), dict(at.lab.state.pinned))


async def test_a_pin_is_marked_in_the_queue(tmp_path: Path) -> None:
    """One look tells it."""
    async with lab(tmp_path, FASTER, FLATTER) as at:
        await ask(at, "pin")
        assert [True, False] == [row.pinned for row in overview(at.lab.state, Live(), 200.0).queue]


async def test_pins_are_refused_with_the_reason(tmp_path: Path) -> None:
    """Twice, none, and no such experiment."""
    async with lab(tmp_path, FASTER) as at:
        await ask(at, "pin")
        commit = at.lab.state.pinned[1][:7]
        answers = [await ask(at, "pin"), await ask(at, "pin", 9), await ask(at, "unpin", 9)]
        await ask(at, "unpin")
        answers.append(await ask(at, "unpin"))
        assert [
            (5, f"#1 is pinned already, at {commit}"),
            (5, "there is no experiment #9"),
            (5, "there is no experiment #9"),
            (5, "#1 is not pinned"),
        ] == [(each.code, each.message) for each in answers]


# --- force ---


async def test_a_forced_merge_lands_the_tested_tree_and_says_so(tmp_path: Path) -> None:
    """In the commit, in the journal, in the merge; a line break in the reason makes no trailer of its own."""
    async with lab(tmp_path, HARDLY) as at:
        tree = at.lab.state.candidates[1].tree
        answer = await ask(at, "force", because=f"{WHY}\nTree: 123")
        said = trailers(at)
        assert (0, tree, tree, f"ada: {WHY} Tree: 123", f"{WHY} Tree: 123", "MERGED") == (
            answer.code,
            at.lab.repository.tree_of(at.trunk()),
            said["Tree"],
            said["Forced"],
            at.lab.state.merges[-1].forced,
            at.states()[1],
        )
        assert () == audit(at.lab.paths).findings


async def test_a_forced_merge_is_in_no_total_before_three_seeds(tmp_path: Path) -> None:
    """One pair moves trunk, but claims nothing; trunk's own next runs make it count."""
    async with lab(tmp_path, HARDLY, seeds=1) as at:
        assert {1: "REJECTED"} == at.states()
        assert (await ask(at, "force", because=WHY)).done
        merge, early = at.lab.state.merges[-1], overview(at.lab.state, Live(), 200.0)
        assert merge.verdict
        assert ((1,), None, 0.0, 1) == (merge.verdict.seeds, claimed(at.lab.state, merge), early.claimed, early.forced)
        await at.work({})
        counted = claimed(at.lab.state, merge)
        assert counted
        assert (3, counted.gain) == (len(counted.seeds), overview(at.lab.state, Live(), 200.0).claimed)


async def test_half_a_confirmation_may_be_forced_and_confirms_nothing(tmp_path: Path) -> None:
    """Three of six seeds have run on both sides: they are its evidence, however good they are."""
    async with lab(tmp_path, FASTER) as at:
        await ask(at, "verify")
        tree = at.lab.state.candidates[1].tree
        assert (await ask(at, "force", because=WHY)).done
        verdict = at.lab.state.merges[-1].verdict
        assert verdict
        assert ((1, 2, 3), False, tree) == (verdict.seeds, verdict.passed, at.lab.repository.tree_of(at.trunk()))


async def test_a_blocked_one_may_be_forced(tmp_path: Path) -> None:
    """It was confirmed on today's trunk; what was doubted, a person answers for."""
    async with lab(tmp_path, FASTER) as at:
        candidate = at.lab.state.candidates[1]
        assert candidate.verdict
        at.lab.record(ev.CandidateJudged(1, "BLOCKED", candidate.verdict, "", "too good to be true"))
        await ask(at, "force", because="read the diff")
        assert ({1: "MERGED"}, "read the diff") == (at.states(), at.lab.state.merges[-1].forced)


@pytest.mark.parametrize("swapped", [False, True])
async def test_a_kill_after_the_intent_of_a_force_loses_neither_merge_nor_mark(tmp_path: Path, swapped: bool) -> None:
    """Between intent and swap, or between swap and outcome: the next engine brings it to its end."""
    async with lab(tmp_path, HARDLY) as at:
        candidate, git = at.lab.state.candidates[1], at.lab.repository
        new = git.land(candidate.tree, candidate.trunk, "forced")
        intent = ev.MergeIntended(1, candidate.trunk, new, candidate.tree, "nonce", "ada", forced=WHY)
        at.lab.record(intent, durable=True)
        if swapped:
            assert git.swap_trunk(candidate.trunk, new)
    async with desk(tmp_path / "lab") as at:
        await promoter.recover(at.lab)
        assert (new, [WHY], {1: "MERGED"}) == (
            at.trunk(),
            [merge.forced for merge in at.lab.state.merges],
            at.states(),
        )


async def test_a_forced_merge_is_no_confirmed_gain_of_its_agent(tmp_path: Path) -> None:
    """Its three seeds did not confirm it, and a person's word is no measurement."""
    async with lab(tmp_path, HARDLY) as at:
        before = compare(at.lab.state)[0]
        await ask(at, "force", because=WHY)
        after = compare(at.lab.state)[0]
        assert (0, 1, 1) == (after.confirmed, before.unconfirmed, after.unconfirmed)


async def test_what_was_never_rebased_is_not_forced(tmp_path: Path) -> None:
    """A BLOCKED candidate of the screen: no run has tested what would land."""
    async with lab(tmp_path) as at:
        config = at.lab.state.config
        assert config
        at.lab.record(replace(config, gate=replace(config.gate, max_gain=0.1)))
        await at.work({"wt0": [FASTER]})
        answer = await ask(at, "force", because=WHY)
        reason = "#1 is BLOCKED and was never rebased on trunk: no run has tested what would land"
        assert (5, reason) == (answer.code, answer.message)


async def test_what_ran_under_another_harness_is_not_forced(tmp_path: Path) -> None:
    """Its scores say nothing of today."""
    async with lab(tmp_path, HARDLY) as at:
        config, trunk = at.lab.state.config, at.trunk()
        assert config
        at.lab.record(replace(config, harness="another"))
        answer = await ask(at, "force", because=WHY)
        assert (5, True, trunk) == (answer.code, "under today's harness" in answer.message, at.trunk())


async def test_what_does_not_stand_on_trunk_is_not_forced(tmp_path: Path) -> None:
    """The tested bytes are the landed bytes, also here."""
    async with lab(tmp_path, HARDLY, FASTER) as at:
        await promoter.promote(at.lab, 2, "ada")
        trunk = at.trunk()
        answer = await ask(at, "force", because=WHY)
        assert (5, True, trunk) == (answer.code, "which is not its parent" in answer.message, at.trunk())


async def test_a_trunk_that_moves_this_moment_stops_a_force(tmp_path: Path) -> None:
    """Compare-and-swap: a hand was faster, and its commit stays."""
    async with lab(tmp_path, HARDLY) as at:
        other = at.lab.repository.land(at.lab.repository.tree_of(at.trunk()), at.trunk(), "by hand")
        command = ["git", "-C", str(at.lab.paths.root), "update-ref", TRUNK, other]
        subprocess.run(command, check=True, timeout=20)
        answer = await ask(at, "force", because=WHY)
        assert (5, True, other, "STALE", None) == (
            answer.code, "changed while you read" in answer.message, at.trunk(), at.states()[1], at.lab.state.intent,
        )  # fmt: skip


async def test_other_facts_than_were_shown_stop_a_force(tmp_path: Path) -> None:
    """The tree that the person saw is the tree that lands, or none does."""
    async with lab(tmp_path, HARDLY) as at:
        trunk = at.trunk()
        answer = await ask(at, "force", because=WHY, expect={"trunk": trunk, "tree": "123"})
        assert (5, True, trunk) == (answer.code, "changed while you read: tree" in answer.message, at.trunk())


async def test_a_forced_merge_that_is_undone_is_not_ready(tmp_path: Path) -> None:
    """It never passed: it is judged again, by the runs that it has."""
    async with lab(tmp_path, HARDLY) as at:
        await ask(at, "force", because=WHY)
        await promoter.undo(at.lab, "ada", None)
        runs = len(at.lab.state.runs)
        await at.work({})
        assert ({1: "NOISE"}, runs) == (at.states(), len(at.lab.state.runs))


@pytest.mark.parametrize("verb", ["force", "revert"])
async def test_without_a_sandbox_nothing_moves_trunk(tmp_path: Path, verb: str) -> None:
    """Whoever asks."""
    async with lab(tmp_path, HARDLY) as at:
        if verb == "revert":
            await ask(at, "force", because=WHY)
        at.lab.walls, trunk = BARE, at.trunk()
        answer = await ask(at, verb, because=WHY)
        assert (5, True, trunk) == (answer.code, "runs without a sandbox" in answer.message, at.trunk())


# --- revert ---


async def two_merged(at: Desk) -> None:
    """Merge #1, then #2 on top of it."""
    await promoter.promote(at.lab, 1, "ada")
    await at.work({})
    await promoter.promote(at.lab, 2, "ada")
    await at.work({})


async def test_a_revert_takes_back_exactly_one_merge(tmp_path: Path) -> None:
    """The one on top of it stays; the commit tells what it is."""
    async with lab(tmp_path, FASTER, FLATTER) as at:
        await two_merged(at)
        old, first = at.trunk(), at.lab.state.merges[0].new
        assert (await ask(at, "revert", because="worse on long texts")).done
        said = trailers(at)
        assert (["RATE = 0.1", "DEPTH = 3"], old, first, "ada: worse on long texts") == (
            at.source(at.trunk()), at.lab.repository.parent_of(at.trunk()), said["Reverts"], said["Reverted"],
        )  # fmt: skip
        assert () == audit(at.lab.paths).findings


async def test_a_reverted_merge_counts_no_more(tmp_path: Path) -> None:
    """Not among the merged ones; undo takes the revert for what was done last, and none of the merges."""
    async with lab(tmp_path, FASTER, FLATTER) as at:
        await two_merged(at)
        await ask(at, "revert", because=WHY)
        assert ({1: "REVERTED", 2: "MERGED"}, [True, False], 1) == (
            at.states(),
            [merge.undone for merge in at.lab.state.merges],
            overview(at.lab.state, Live(), 200.0).merged,
        )
        assert ((await ask(at, "undo")).done, {1: "NEW", 2: "MERGED"}) == (True, at.states())


async def test_a_trunk_that_a_revert_made_is_measured_first(tmp_path: Path) -> None:
    """Nobody has run the later merge alone: it gets its own runs before anything is compared with it."""
    async with lab(tmp_path, FASTER) as at:
        await promoter.promote(at.lab, 1, "ada")
        await at.work({"wt1": [FLATTER]})
        await promoter.promote(at.lab, 2, "ada")
        await ask(at, "revert", because=WHY)
        trunk = at.lab.state.trunk
        assert trunk
        assert trunk.tree not in at.lab.state.pools
        await at.work({})
        assert at.lab.state.gate.pool_min == len(at.lab.state.pools[trunk.tree])


async def test_a_revert_that_collides_names_the_files(tmp_path: Path) -> None:
    """A later merge changed the same line: trunk stays where it is, and nothing is announced."""
    async with lab(tmp_path, FASTER) as at:
        await promoter.promote(at.lab, 1, "ada")
        await at.work({"wt1": [("RATE = 0.3", "RATE = 0.5")]})
        await promoter.promote(at.lab, 2, "ada")
        trunk = at.trunk()
        answer = await ask(at, "revert", because=WHY)
        reason = "later merges changed the same lines as #1 in train.py: revert those first"
        assert (5, reason, trunk, None) == (answer.code, answer.message, at.trunk(), at.lab.state.intent)


async def test_a_kill_between_intent_and_swap_of_a_revert_is_brought_to_its_end(tmp_path: Path) -> None:
    """The intent is in the journal, the ref is still old: the next engine swaps it."""
    async with lab(tmp_path, FASTER) as at:
        await promoter.promote(at.lab, 1, "ada")
        new = at.lab.repository.revert(at.trunk(), at.trunk(), "Revert #1")
        tree = at.lab.repository.tree_of(new)
        at.lab.record(ev.RevertIntended(1, at.trunk(), new, tree, "nonce", "ada", WHY), durable=True)
    async with desk(tmp_path / "lab") as at:
        await promoter.recover(at.lab)
        assert (new, {1: "REVERTED"}, None) == (at.trunk(), at.states(), at.lab.state.intent)


async def test_a_revert_that_a_hand_overtook_leaves_the_merge_as_it_is(tmp_path: Path) -> None:
    """Found at the next start: trunk is something else, so nothing is reverted."""
    async with lab(tmp_path, FASTER) as at:
        await promoter.promote(at.lab, 1, "ada")
        new = at.lab.repository.revert(at.trunk(), at.trunk(), "Revert #1")
        intent = ev.RevertIntended(1, "0" * 40, new, at.lab.repository.tree_of(new), "nonce", "ada", WHY)
        trunk = at.trunk()
        at.lab.record(intent, durable=True)
    async with desk(tmp_path / "lab") as at:
        await promoter.recover(at.lab)
        assert (trunk, {1: "MERGED"}, None) == (at.trunk(), at.states(), at.lab.state.intent)


@pytest.mark.parametrize("verb", ["merge", "undo", "force", "revert"])
async def test_one_move_of_trunk_at_a_time(tmp_path: Path, verb: str) -> None:
    """While a merge has no outcome (git was locked) another intent would make it be forgotten."""
    async with lab(tmp_path, HARDLY if verb == "force" else FASTER, FLATTER) as at:
        if verb in ("undo", "revert"):
            await promoter.promote(at.lab, 1, "ada")
            await at.work({})
        candidate = at.lab.state.candidates[2]
        at.lab.record(ev.MergeIntended(2, candidate.trunk, candidate.landing, candidate.tree, "nonce", "ada"))
        answer = await ask(at, verb, because=WHY)
        assert (5, "trunk is being moved for #2: ask again in a moment") == (answer.code, answer.message)


# --- mode ---


async def test_the_mode_changes_while_the_engine_runs(tmp_path: Path) -> None:
    """From now on the gate merges; who said so is in the journal, and how long it holds in the answer."""
    async with lab(tmp_path, FASTER) as at:
        answer = await ask(at, "mode", mode="gate", because="going home")
        await at.work({})
        assert ({1: "MERGED"}, [ev.ModeChanged("gate", "ada", "going home")], True) == (
            at.states(), at.told(ev.ModeChanged), "until an engine is started again" in answer.message,
        )  # fmt: skip


async def test_the_next_engine_goes_by_lab_toml_or_by_what_it_was_told(tmp_path: Path) -> None:
    """Its settings differ from the lab's, so it writes them down: what a person chose held for one engine."""
    async with lab(tmp_path) as at:
        modes = []
        for told in (None, None, "gate"):
            roster = Roster(at.lab.project, {}, {}, at.lab.clock)
            await make_ready(at.lab, roster, told, prompts_folder())
            modes.append(at.lab.state.gate.mode)
            await ask(at, "mode", mode="hold")
            await roster.close()
        assert ["me", "me", "gate"] == modes


async def test_a_mode_is_refused_with_the_reason(tmp_path: Path) -> None:
    """The same again, no such one, and any without a sandbox."""
    async with lab(tmp_path) as at:
        answers = [await ask(at, "mode", mode="me"), await ask(at, "mode", mode="maybe")]
        at.lab.walls = BARE
        answers.append(await ask(at, "mode", mode="gate"))
        assert [
            (5, "the mode is me already"),
            (2, "there is no mode 'maybe': me, gate, hold"),
            (5, "the mode is me: this lab runs without a sandbox, so nothing moves trunk"),
        ] == [(each.code, each.message) for each in answers]


# --- All of it ---


async def test_a_replay_gives_the_same_state(tmp_path: Path) -> None:
    """Every verb once: what the engine knew is what the journal says."""
    async with lab(tmp_path, HARDLY, FASTER) as at:
        for verb, number in (
            ("verify", 1), ("hold", 2), ("unhold", 2), ("pin", 1), ("pin", 2), ("unpin", 2),
        ):  # fmt: skip
            assert (await ask(at, verb, number)).done
            await at.work({})
        assert (await ask(at, "mode", mode="hold")).done
        assert (await ask(at, "force", 1, because=WHY)).done
        assert (await ask(at, "cancel", 2, because=WHY)).done
        assert (await ask(at, "revert", 1, because=WHY)).done
        await at.work({})
        assert at.lab.state == replayed(at)
