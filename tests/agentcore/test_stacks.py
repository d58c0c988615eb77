"""Several candidates are confirmed as one tree: all land as that tree, or it is taken apart; nothing counts twice."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import Answer, Command
from agentcore.fold import fold
from agentcore.journal.audit import verify as audit
from agentcore.overview import Live, overview
from agentcore.plan import JudgeStack, Promote, Rebase, Stack
from agentcore.queue import promoter, stacking, verbs
from agentcore.queue.judging import SCREENING_SEEDS, claimed, correlation
from agentcore.queue.promoter import Refused
from agentcore.queue.stacks import groups, halves, named
from agentcore.results.comparison import compare
from tests import toy
from tests.agentcore.labs import Desk, Instant, open_desk
from tests.agentcore.tales import Tale, calibrated, gated
from tests.agentcore.test_plan import due
from worktrees import diff
from worktrees.layout import LabPaths
from worktrees.repository import TRUNK

# --- Who is stacked ---


def waiting(*z: float, most: int = 4, **changes: object) -> Tale:
    """Return a lab whose candidates #1, #2 … wait, screened at these standard errors."""
    tale = calibrated(3, gated(stack_max=most, **changes))
    for number, each in enumerate(z, 1):
        tale.keep("wt0", f"t{number}", z=each)
    return tale


def grouped(tale: Tale) -> list[tuple[int, ...]]:
    """Return how the waiting candidates are grouped."""
    waits = [each for each in tale.state.candidates.values() if each.state in ("NEW", "STALE")]
    waits.sort(key=lambda each: -(tale.state.experiments[each.experiment].z or 0.0))
    return groups(tale.state, waits)


def test_those_that_are_sure_are_stacked() -> None:
    """Best first; who was screened below three standard errors goes alone."""
    assert [(2, 1), (3,)] == grouped(waiting(3.0, 4.0, 2.9))


def test_a_stack_has_so_many_members_at_most() -> None:
    """The fifth begins the next."""
    assert [(1, 2, 3, 4), (5,)] == grouped(waiting(9.0, 8.0, 7.0, 6.0, 5.0))


def test_without_the_setting_nobody_is_stacked() -> None:
    """As under 16 slots."""
    assert [(1,), (2,)] == grouped(waiting(9.0, 8.0, most=1))


def test_a_simplification_goes_alone() -> None:
    """It is tested for something else."""
    tale = waiting(9.0)
    number = tale.propose("wt0", "t2", lines=(0, 3))
    tale.screen(number, 0.8)
    tale.tell(ev.ExperimentDecided(number, "keep", 0.8, 0.3, 8.0, "simpler", simpler=True))
    assert [(1,), (2,)] == grouped(tale)


def test_what_a_person_released_goes_alone() -> None:
    """Its doubts would be those of the others too."""
    tale = waiting(9.0, 8.0).tell(ev.CandidateMoved(1, "BLOCKED", "too good", "engine"))
    assert [(1,), (2,)] == grouped(tale.tell(ev.CandidateMoved(1, "NEW", "released", "you")))


def test_a_near_miss_goes_alone() -> None:
    """Fresh seeds did not confirm it: in a stack it would slip in."""
    tale = waiting(9.0, 8.0, 7.0)
    tale.rebase(1, "t1").confirm(1, {1: 1.0, 2: 1.0}).judge(1, "NOISE", 0.05)
    tale.rebase(2, "t2").confirm(2, {1: 0.8, 2: 0.9}).judge(2).merge(2)
    tale.tell(ev.CandidateMoved(1, "NEW", "a near miss", "engine"))
    assert [(1,), (3,)] == grouped(tale)


def test_what_a_person_took_back_goes_alone() -> None:
    """Only a person merges it again, and nothing else with it."""
    tale = waiting(9.0, 8.0)
    tale.rebase(1, "t1").confirm(1, {1: 0.8, 2: 0.9}).judge(1).merge(1)
    tale.tell(ev.TrunkMoved("l1", "c0", "t0", None, "you", undone=1), ev.CandidateMoved(1, "NEW", "again", "you"))
    assert [(1,), (2,)] == grouped(tale)


def test_a_stack_is_one_of_the_two_that_are_confirmed_at_a_time() -> None:
    """So is each candidate that goes alone."""
    tale = waiting(9.0, 8.0, 2.0, 1.9)
    assert [Stack((1, 2)), Rebase(3)] == [each for each in tale.plan() if isinstance(each, Stack | Rebase)]


def test_a_stack_is_run_once() -> None:
    """Not once for each member."""
    tale = waiting(9.0, 8.0)
    tree = tale.stack(1, 2)
    assert [("confirm", tree, 1), ("confirm", tree, 2)] == due(tale)


def test_a_complete_stack_is_judged_as_one() -> None:
    """Its last member stands for it."""
    tale = waiting(9.0, 8.0)
    tale.stack(1, 2)
    assert JudgeStack((1, 2)) in tale.confirm(2, {1: 0.6, 2: 0.7}).plan()


def test_the_gate_merges_a_stack_once() -> None:
    """By its last member."""
    tale = waiting(9.0, 8.0, mode="gate")
    tale.stack(1, 2)
    tale.confirm(2, {1: 0.6, 2: 0.7}).judge_stack(1, 2)
    assert [Promote(2)] == [each for each in tale.plan() if isinstance(each, Promote)]


def test_a_stack_stands_where_the_first_of_it_was_put() -> None:
    """A person has put #1 before all others: the gate merges its stack, though another candidate gains more."""
    tale = waiting(9.0, 8.0, 2.0, mode="gate")
    tale.stack(1, 2)
    tale.confirm(2, {1: 0.6, 2: 0.7}).judge_stack(1, 2)
    tale.rebase(3, "t3").confirm(3, {1: 0.5, 2: 0.5}).judge(3, gain=0.5)
    tale.tell(ev.CandidateReordered(1, (1, 3, 2), "you"))
    assert [Promote(2)] == [each for each in tale.plan() if isinstance(each, Promote)]


# --- What a failed stack leaves ---


@pytest.mark.parametrize(("stack", "apart"), [((1, 2), ((1,), (2,))), ((1, 2, 3, 4), ((1, 2), (3, 4)))])
def test_a_stack_is_halved(stack: tuple[int, ...], apart: tuple[tuple[int, ...], ...]) -> None:
    """Down to single candidates."""
    assert apart == halves(stack)


def test_a_failed_stack_is_stacked_again_only_by_halves() -> None:
    """Neither with the other half nor with anybody else."""
    tale = waiting(9.0, 8.0, 7.0, 6.0, 5.0)
    tale.stack(1, 2, 3, 4)
    assert [(1, 2), (3, 4), (5,)] == grouped(tale.judge_stack(1, 2, 3, 4, passed=False, gain=0.0))


def test_a_failed_stacks_member_is_never_restacked() -> None:
    """Two that failed together each go alone, whoever else waits, also once trunk has moved."""
    tale = waiting(9.0, 8.0, 7.0)
    tale.stack(1, 2)
    tale.judge_stack(1, 2, passed=False, gain=0.0).rebase(1, "t1")
    tale.tell(ev.TrunkMoved("c0", "c9", "t9", None, "hand"))
    assert [(1,), (2,), (3,)] == grouped(tale)


def test_a_failed_stack_is_one_confirmation() -> None:
    """The meter does not count its members."""
    tale = waiting(9.0, 8.0)
    tale.stack(1, 2)
    tally = tale.judge_stack(1, 2, passed=False, gain=-0.1).state.tally
    assert (1, 1, 0) == (tally.confirmations, tally.negative, tally.passed)


def test_what_is_left_of_a_failed_stack_was_measured_by_nobody() -> None:
    """No tree, seeds or verdict of the stack is taken for a member's own."""
    tale = waiting(9.0, 8.0)
    tale.stack(1, 2)
    candidate = tale.judge_stack(1, 2, passed=False).state.candidates[2]
    assert ("NEW", "", (), (), None) == (
        candidate.state, candidate.tree, candidate.seeds, candidate.stack, candidate.verdict,
    )  # fmt: skip


def test_the_same_pair_of_trees_correlates_once() -> None:
    """Two members share their pools: counted twice they would look like more evidence than there is."""
    alone, stacked = waiting(9.0, 8.0), waiting(9.0, 8.0)
    alone.rebase(2, "t2s", tuple(range(1, 21)))
    stacked.stack(1, 2, seeds=tuple(range(1, 21)))
    for tale in (alone, stacked):
        tale.pool("t0", {seed: 1.0 + 0.01 * (seed % 5) for seed in range(4, 21)})
        tale.confirm(2, {seed: 0.6 + 0.01 * (seed % 5) for seed in range(1, 21)})
    assert correlation(alone.state) == correlation(stacked.state)


def test_experiments_are_named_in_a_sentence() -> None:
    """None, one, two, or more."""
    assert ["", "#3", "#3 and #5", "#3, #5 and #8"] == [named(each) for each in ((), (3,), (3, 5), (3, 5, 8))]


# --- In a real lab ---

NAMES = "ABCDE"
NEXT_TO_A = "# Its end.\n\n# Constant B.", "# Its end.\nZ = 0.2\n\n# Constant B."
"""An edit two lines below A, which is a gain too."""
TRAIN = "\n".join(f"# Constant {name}.\n\n{name} = 0.0\n\n# Its end.\n" for name in NAMES)


def set_to(name: str, value: float = 0.2) -> tuple[str, str]:
    """Return the edit of a constant, which is a gain of its value; the seed moves a score by 0.005."""
    return f"{name} = 0.0", f"{name} = {value}"


def truth(source: str, seed: int) -> float:
    """Return the score of a train.py. D is luck: screening finds it good, fresh seeds find it very bad."""
    constants = {
        name: float(value) for name, value in (line.split(" = ") for line in source.splitlines() if " = " in line)
    }
    if seed < SCREENING_SEEDS:
        constants["D"] *= -20
    return 10.0 - sum(constants.values()) + (seed * 7919 % 11 - 5) * 0.001


def clashing(source: str, seed: int) -> float:
    """Return a score by which A and B spoil each other."""
    return truth(source, seed) + (2.0 if "A = 0.2" in source and "B = 0.2" in source else 0.0)


@asynccontextmanager
async def lab(
    root: Path, names: str = "AB", mode: str = "me", score: Callable[[str, int], float] = truth, **gate: object
) -> AsyncIterator[Desk]:
    """Make a lab in which changes of these constants, #1, #2 …, wait in the queue; or open the one that is there."""
    is_new = not root.exists()
    paths = toy.make(root, train=TRAIN) if is_new else LabPaths(root)
    paths.dot.mkdir(exist_ok=True)
    runs = Instant(score)
    at = Desk(await open_desk(paths, runs, "hold"), runs)
    try:
        if is_new:
            for name in names:
                await propose(at, set_to(name))
            configure(at, mode=mode, stack_max=4, **gate)
        yield at
    finally:
        at.lab.close()


async def propose(at: Desk, edit: tuple[str, str]) -> None:
    """Let the worktree whose turn it is make an edit, with all that follows."""
    await at.work({f"wt{len(at.lab.state.experiments) % 2}": [edit]})


def configure(at: Desk, **changes: object) -> None:
    """Change settings of the gate."""
    config = at.lab.state.config
    assert config is not None
    at.lab.record(replace(config, gate=replace(config.gate, **changes)))  # type: ignore[arg-type]


async def ask(at: Desk, verb: str, number: int, **arguments: object) -> Answer:
    """Ask the engine as the command line does."""
    counter = Counter(at.lab, lambda reason, now: None)
    return await counter.handle(Command(verb, by="you", arguments={"experiment": number, **arguments}))


def holds(at: Desk, commit: str | None = None) -> str:
    """Return which constants a commit has set, trunk without one."""
    source = at.lab.repository.read(commit or at.trunk(), "train.py").decode()
    return "".join(name for name in NAMES if f"{name} = 0.0\n" not in source)


def stacks(at: Desk) -> list[tuple[int, ...]]:
    """Return every stack that was made, in order."""
    return [event.experiments for event in at.told(ev.StackRebased)]  # type: ignore[union-attr]


def move_by_hand(at: Desk) -> str:
    """Put an empty commit on trunk, as somebody with git may; return it."""
    hand = at.lab.repository.land(at.lab.repository.tree_of(at.trunk()), at.trunk(), "by hand")
    subprocess.run(["git", "-C", str(at.lab.paths.root), "update-ref", TRUNK, hand], check=True, timeout=20)
    return hand


async def test_two_candidates_in_a_stack_land_both(tmp_path: Path) -> None:
    """By one move of trunk, to exactly the tree that was run; each in a commit of its own with its own numstat."""
    async with lab(tmp_path / "lab") as at:
        start = at.trunk()
        await at.work({})
        moved = await promoter.promote(at.lab, 1, "you")
        repository, merges = at.lab.repository, at.lab.state.merges
        chain = [start, *(merge.commit for merge in merges)]
        changes = [diff.between(at.lab.paths.root, *ends) for ends in pairwise(chain)]
        confirmed = {run.tree for run in at.lab.state.runs.values() if run.purpose == "confirm"}
        assert ("AB", [(1, 1), (1, 1)]) == (holds(at), [(change.added, change.removed) for change in changes])
        assert {repository.tree_of(at.trunk())} == confirmed
        assert [start, chain[1]] == [repository.parent_of(commit) for commit in chain[1:]]
        assert (start, chain[2], 2) == (moved.old, moved.new, len(at.told(ev.TrunkMoved)))


async def test_the_middle_of_a_stack_is_never_trunk(tmp_path: Path) -> None:
    """Nobody has measured it: the reflog of the ref knows the start and the tip."""
    async with lab(tmp_path / "lab") as at:
        log = ["git", "-C", str(at.lab.paths.root), "reflog", "show", "--format=%H", TRUNK]
        start = at.trunk()
        await at.work({})
        await promoter.promote(at.lab, 1, "you")
        shown = subprocess.run(log, capture_output=True, text=True, check=True, timeout=20).stdout.split()
        assert {at.trunk()} == set(shown) - {start}


async def test_a_stack_of_four_with_one_bad_member_lands_three(tmp_path: Path) -> None:
    """Halves of the stack that failed, then the bad half's members alone."""
    async with lab(tmp_path / "lab", "ABDC", mode="gate") as at:
        await at.work({})
        bad = at.lab.state.candidates[3]
        assert ("ABC", "REJECTED") == (holds(at), bad.state)
        assert {frozenset((1, 2, 3, 4)), frozenset((1, 2)), frozenset((3, 4))} == {
            frozenset(each) for each in stacks(at)
        }


async def test_who_lost_with_a_stack_goes_alone_whoever_waits(tmp_path: Path) -> None:
    """Two that spoil each other are never stacked again, with a newcomer neither."""
    async with lab(tmp_path / "lab", score=clashing) as at:
        await propose(at, set_to("C"))
        assert [{1, 2}] == [set(each) for each in stacks(at)]


async def test_changes_next_to_each_other_are_not_stacked(tmp_path: Path) -> None:
    """A line apart: the second is confirmed alone."""
    async with lab(tmp_path / "lab", "A") as at:
        configure(at, mode="hold")
        await propose(at, NEXT_TO_A)
        configure(at, mode="me")
        await at.work({})
        assert ([], {1: "READY", 2: "READY"}) == (stacks(at), at.states())


async def test_who_conflicts_with_trunk_leaves_the_others_alone(tmp_path: Path) -> None:
    """It is a CONFLICT as it would be without a stack, and those that are left are stacked."""
    async with lab(tmp_path / "lab", "ABC") as at:
        source = at.lab.repository.read(at.trunk(), "train.py").decode().replace(*set_to("A", 0.1))
        path = at.lab.paths.root / "train.py"
        path.write_text(source)
        git = ["git", "-C", str(at.lab.paths.root)]
        subprocess.run([*git, "commit", "-qam", "by hand"], check=True, timeout=20)
        subprocess.run([*git, "update-ref", TRUNK, "HEAD"], check=True, timeout=20)
        await promoter.follow(at.lab)
        await at.work({})
        assert ({1: "CONFLICT", 2: "READY", 3: "READY"}, [{2, 3}]) == (at.states(), [set(each) for each in stacks(at)])


async def test_a_merge_names_its_stack(tmp_path: Path) -> None:
    """The answer, and the trailers of every commit, which name the journal's newest row as those of others do."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        answer = await ask(at, "merge", 1)
        messages = at.lab.repository.messages(at.trunk(), at.lab.state.merges[0].old).values()
        report = audit(at.lab.paths)
        assert ((), 2, 0) == (report.findings, report.commits, report.commits_without)
        assert answer.message.startswith("merged #1 and #2: trunk ")
        assert 2 == sum("\nStack: #1 and #2: measured together" in message for message in messages)


async def test_a_stack_that_is_too_good_is_taken_apart(tmp_path: Path) -> None:
    """Two honest gains may be above max_gain together: each is looked at alone, and nobody is BLOCKED for it."""
    async with lab(tmp_path / "lab", max_gain=0.3) as at:
        await at.work({})
        assert ({1: "READY", 2: "READY"}, [(), ()]) == (
            at.states(),
            [each.stack for each in at.lab.state.candidates.values()],
        )


async def test_a_stack_that_does_not_train_is_taken_apart(tmp_path: Path) -> None:
    """Whoever broke it shows alone."""
    async with lab(tmp_path / "lab") as at:
        await stacking.rebase(at.lab, (1, 2))
        tree = at.lab.state.candidates[2].tree
        for number in range(100, 102):
            at.lab.record(ev.RunStarted(number, "confirm", 2, "c", tree, 1, 1, "cpu0"))
            at.lab.record(ev.RunEnded(number, "crash", None, "out of memory", 1.0, 0.0, 1.0, 1.0))
        await stacking.conclude(at.lab, (1, 2))
        reason = "the stack of #1 and #2 is taken apart: a confirmation run failed: out of memory"
        assert [("NEW", reason)] * 2 == [(each.state, each.reason) for each in at.lab.state.candidates.values()]


# --- The last look ---


async def test_a_members_commit_with_another_change_is_refused(tmp_path: Path) -> None:
    """The tip holds the tested tree, but a member's commit brings what another one wrote."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        leader, repository = at.lab.state.candidates[2], at.lab.repository
        assert leader.verdict is not None
        first = repository.land(leader.tree, leader.trunk, "both at once")
        second = repository.land(leader.tree, first, "nothing")
        at.lab.record(ev.StackJudged((1, 2), leader.verdict, (first, second), (), ""))
        with pytest.raises(Refused, match=r"#1: on trunk .* its change is another one: \+2 -2 lines instead of \+1 -1"):
            await promoter.promote(at.lab, 2, "you")


async def test_a_member_on_another_parent_is_refused(tmp_path: Path) -> None:
    """The tip would bring along what nobody has looked at."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        leader, repository = at.lab.state.candidates[2], at.lab.repository
        assert leader.verdict is not None
        first = at.lab.state.candidates[1].commit
        between = repository.land(repository.tree_of(first), first, "between")
        at.lab.record(
            ev.StackJudged((1, 2), leader.verdict, (first, repository.land(leader.tree, between, "tip")), (), "")
        )
        with pytest.raises(Refused, match="#2 does not stand on the one before it in its stack"):
            await promoter.promote(at.lab, 2, "you")


async def test_a_stale_stack_is_refused_and_requeues(tmp_path: Path) -> None:
    """Trunk was moved a moment ago: all are STALE, are stacked again on the new trunk, and land there."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        hand = move_by_hand(at)
        with pytest.raises(Refused, match="changed while you read"):
            await promoter.promote(at.lab, 1, "you")
        assert {1: "STALE", 2: "STALE"} == at.states()
        await promoter.follow(at.lab)
        await at.work({})
        assert (hand, "AB") == ((await promoter.promote(at.lab, 1, "you")).old, holds(at))


# --- A kill in the middle ---


def intend(at: Desk) -> ev.MergeIntended:
    """Write the intent of the merge of #1 and #2, as the engine does right before the swap."""
    leader = at.lab.state.leader(at.lab.state.candidates[1])
    intent = ev.MergeIntended(
        leader.experiment, leader.trunk, leader.landing, leader.tree, "nonce", "you", stack=leader.stack
    )
    at.lab.record(intent, durable=True)
    return intent


@pytest.mark.parametrize("swapped", [False, True], ids=["before the swap", "after the swap"])
async def test_a_kill_in_the_merge_of_a_stack_is_made_good(tmp_path: Path, swapped: bool) -> None:
    """The next engine swaps, or sees that it was done: both are MERGED, once."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        intent = intend(at)
        assert {1: "MERGING", 2: "MERGING"} == at.states()
        assert not swapped or at.lab.repository.swap_trunk(intent.old, intent.new)
    async with lab(tmp_path / "lab") as at:
        await promoter.recover(at.lab)
        await promoter.recover(at.lab)
        merged = {1: "MERGED", 2: "MERGED"}
        assert (intent.new, merged, [1, 2]) == (
            at.trunk(),
            at.states(),
            sorted(merge.experiment for merge in at.lab.state.merges),
        )


async def test_a_kill_before_a_swap_that_came_too_late_leaves_nobody_merging(tmp_path: Path) -> None:
    """Trunk went elsewhere meanwhile: all of the stack are STALE."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        intend(at)
        move_by_hand(at)
    async with lab(tmp_path / "lab") as at:
        await promoter.recover(at.lab)
        assert ({1: "STALE", 2: "STALE"}, None) == (at.states(), at.lab.state.intent)


# --- Verbs ---


@pytest.mark.parametrize(
    ("verb", "state", "ready"), [("hold", "HELD", False), ("hold", "HELD", True), ("cancel", "CANCELLED", True)]
)
async def test_who_is_taken_out_dissolves_the_stack(tmp_path: Path, verb: str, state: str, ready: bool) -> None:
    """What was run was all of them together: the others begin anew, may be stacked again, and land."""
    async with lab(tmp_path / "lab", "ABC") as at:
        await (at.work({}) if ready else stacking.rebase(at.lab, (1, 2, 3)))
        answer = await ask(at, verb, 1, because="reads the clock")
        assert answer.message.endswith("#2 and #3, confirmed together with it, begin anew")
        assert {1: state, 2: "NEW", 3: "NEW"} == at.states()
        await at.work({})
        await promoter.promote(at.lab, 2, "you")
        assert ("BC", state) == (holds(at), at.states()[1])


async def test_a_held_member_begins_anew(tmp_path: Path) -> None:
    """Nothing of its stack counts for it alone."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        await ask(at, "hold", 1)
        answer = await ask(at, "unhold", 1)
        assert "#1 goes on: it is NEW" == answer.message


async def test_more_seeds_are_of_the_whole_stack(tmp_path: Path) -> None:
    """Whichever member they are asked for."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        await ask(at, "verify", 1)
        assert [("CONFIRM", 5)] * 2 == [(each.state, len(each.seeds)) for each in at.lab.state.candidates.values()]
        await at.work({})
        assert {1: "READY", 2: "READY"} == at.states()


async def test_more_seeds_of_a_stack_stay_where_it_is_the_same_comparison(tmp_path: Path) -> None:
    """Trunk moved to another commit of the same tree: whoever added seeds has not got rid of them."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        await ask(at, "verify", 1)
        await at.work({})
        move_by_hand(at)
        await promoter.follow(at.lab)
        await at.work({})
        assert [("READY", 5)] * 2 == [(each.state, len(each.seeds)) for each in at.lab.state.candidates.values()]


async def test_a_member_is_not_forced(tmp_path: Path) -> None:
    """No run has tested it alone; the refusal says what would take the stack apart."""
    async with lab(tmp_path / "lab") as at:
        await stacking.rebase(at.lab, (1, 2))
        reason = "#1 is CONFIRM together with #2: no run has tested it alone"
        assert verbs.refusal(at.lab.state, "force", 1).startswith(reason)


async def test_an_undo_takes_the_whole_stack_back(tmp_path: Path) -> None:
    """Both are READY again, as the stack that they were, and can be merged again."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        moved = await promoter.promote(at.lab, 1, "you")
        await promoter.undo(at.lab, "you", None)
        assert ("", {1: "READY", 2: "READY"}, [True, True]) == (
            holds(at),
            at.states(),
            [merge.undone for merge in at.lab.state.merges],
        )
        assert moved.new == (await promoter.promote(at.lab, 2, "you")).new


async def test_an_undo_takes_the_whole_stack_back_also_once_trunk_has_moved_on(tmp_path: Path) -> None:
    """By one new commit; what is done again then is confirmed anew, each alone: a person's word was against them."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        await ask(at, "merge", 1)
        move_by_hand(at)
        await promoter.follow(at.lab)
        answer = await ask(at, "undo", 0)
        assert answer.message.startswith("took the merge of ")
        assert ("", {1: "REVERTED", 2: "REVERTED"}, ()) == (holds(at), at.states(), at.lab.state.line[-1].experiments)
        await ask(at, "redo", 0)
        await at.work({})
        assert ({1: "READY", 2: "READY"}, [{1, 2}]) == (at.states(), [set(each) for each in stacks(at)])


async def test_trunk_put_back_by_hand_undoes_the_whole_stack(tmp_path: Path) -> None:
    """As a kill between an undo's swap and its row leaves it."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        moved = await promoter.promote(at.lab, 1, "you")
        assert at.lab.repository.swap_trunk(moved.new, moved.old)
        await promoter.follow(at.lab)
        assert {1: "READY", 2: "READY"} == at.states()


async def test_the_gate_does_not_merge_again_what_was_taken_back(tmp_path: Path) -> None:
    """A person did that, so only a person merges it."""
    async with lab(tmp_path / "lab", mode="gate") as at:
        await at.work({})
        await promoter.undo(at.lab, "you", None)
        await at.work({})
        assert ("", {1: "READY", 2: "READY"}) == (holds(at), at.states())


async def test_one_of_a_stack_is_reverted_alone(tmp_path: Path) -> None:
    """Its own commit is taken back; the others stay, in one step of trunk's line."""
    async with lab(tmp_path / "lab", "ABC") as at:
        await at.work({})
        await promoter.promote(at.lab, 1, "you")
        middle = at.lab.state.merges[1].experiment
        await promoter.revert(at.lab, middle, "you", "worse on long texts")
        left = tuple(merge.experiment for merge in at.lab.state.merges if not merge.undone)
        assert ("".join(sorted("ABC".replace("ABC"[middle - 1], ""))), left) == (
            holds(at),
            at.lab.state.line[-1].experiments,
        )


# --- What is counted ---


async def test_a_stack_is_one_step_of_trunk(tmp_path: Path) -> None:
    """A retest tries trunk before and after it, never a commit between."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        moved = await promoter.promote(at.lab, 1, "you")
        stack = at.lab.state.candidates[1].stack
        assert [
            ev.Step((), moved.old, at.lab.repository.tree_of(moved.old)),
            ev.Step(stack, moved.new, moved.tree),
        ] == list(at.lab.state.line)


async def test_totals_count_the_gain_of_a_stack_once(tmp_path: Path) -> None:
    """Two merges, one verdict: in what is claimed, in the meter, and in what agents are compared by."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        await promoter.promote(at.lab, 1, "you")
        state = at.lab.state
        verdict = state.candidates[1].verdict
        assert verdict is not None
        shown, (agent,) = overview(state, Live(), 0.0), compare(state)
        assert (2, pytest.approx(0.4, abs=0.01)) == (shown.merged, verdict.gain)
        assert (verdict.gain, verdict.gain, verdict.standard_error) == (
            shown.claimed,
            pytest.approx(agent.gain),
            pytest.approx(agent.gain_error),
        )
        assert (1, 1, 2) == (state.tally.confirmations, state.tally.passed, agent.confirmed)


async def test_a_stack_counts_no_more_once_one_of_it_is_reverted(tmp_path: Path) -> None:
    """Nobody has measured what the others gain without it."""
    async with lab(tmp_path / "lab") as at:
        await at.work({})
        await promoter.promote(at.lab, 1, "you")
        await promoter.revert(at.lab, 1, "you", "worse on long texts")
        assert [None, None] == [claimed(at.lab.state, merge) for merge in at.lab.state.merges]


async def test_a_stack_folds_to_what_is_known(tmp_path: Path) -> None:
    """A new engine knows of a stack what the one before knew."""
    async with lab(tmp_path / "lab", "ABDC", mode="gate") as at:
        await at.work({})
        before = (at.lab.state.candidates, at.lab.state.merges, at.lab.state.line, at.lab.state.tally)
        assert fold(at.lab.state.recent) == at.lab.state
    async with lab(tmp_path / "lab") as at:
        assert before == (at.lab.state.candidates, at.lab.state.merges, at.lab.state.line, at.lab.state.tally)
