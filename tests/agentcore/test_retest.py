"""What helped the small model is tried on a larger one: it is proven, fades, or the change that hurts is taken out."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.engine.commands import Desk as FrontDesk
from agentcore.engine.control import Command
from agentcore.fold import fold
from agentcore.journal.rows import Reader
from agentcore.overview import Live, overview
from agentcore.plan import Limits, StartRun, plan
from agentcore.queue import promoter, verbs
from agentcore.queue.verbs import STOPPED
from agentcore.retest import due as retest
from agentcore.state import LabState
from agentcore.synthetic import night, project
from agentcore.synthetic.world import World
from tests import toy
from tests.agentcore.labs import Desk, Instant, open_desk
from tests.agentcore.tales import CONFIG, Tale, calibrated, started
from tui.story import tell
from worktrees.layout import LabPaths
from worktrees.project import ProjectError, RetestSettings, parse
from worktrees.repository import TRUNK, VERIFIED

NAMES = "ABCDEF"
LAB = toy.LAB + '\n[retest]\nscale = 2\nbudget = "8 GFLOP"\nevery = EVERY\n'
TRAIN = "\n".join(f"# Constant {name}.\n\n{name} = 0.0\n\n# Its end.\n" for name in NAMES)
EDITS = [(f"{name} = 0.0", f"{name} = 0.2") for name in NAMES]
"""Each of them a gain of 0.2 at the small size; the seed moves a score by 0.005."""


def constants(source: str) -> dict[str, float]:
    """Return what a train.py sets."""
    return {name: float(value) for name, value in (line.split(" = ") for line in source.splitlines() if " = " in line)}


def truth(source: str, seed: int) -> float:
    """Return the score of a train.py at the small size."""
    return 10.0 - sum(constants(source).values()) + (seed * 7919 % 11 - 5) * 0.001


def harm(**larger: float) -> Callable[[str], float]:
    """Return what the larger size adds to a score: each constant that is set loses so much there."""
    return lambda source: sum(larger.get(name, 0.0) for name, value in constants(source).items() if value)


@asynccontextmanager
async def lab(root: Path, every: int = 5, **larger: float) -> AsyncIterator[Desk]:
    """Make a lab that merges by itself, or open the one that is there, as after a kill."""
    paths = LabPaths(root) if root.exists() else toy.make(root, lab=LAB.replace("EVERY", str(every)), train=TRAIN)
    paths.dot.mkdir(exist_ok=True)
    runs = Instant(truth, harm(**larger))
    opened = await open_desk(paths, runs, "gate")
    try:
        yield Desk(opened, runs)
    finally:
        opened.close()


async def propose(at: Desk, edit: tuple[str, str]) -> None:
    """Let the worktree whose turn it is make an edit, with all that follows."""
    await at.work({f"wt{len(at.lab.state.experiments) % 2}": [edit]})


async def merged(at: Desk, count: int) -> None:
    """Let so many candidates be merged, one after the other, with all that follows."""
    done = len(at.lab.state.merges)
    for edit in EDITS[done : done + count]:
        await propose(at, edit)


def words(at: Desk) -> list[str | None]:
    """Return how the retests ended."""
    return [each.word for each in at.lab.state.retests]


def holds(at: Desk) -> str:
    """Return which constants trunk has set."""
    source = at.lab.repository.read(at.trunk(), "train.py").decode()
    return "".join(name for name, value in constants(source).items() if value)


def large(state: LabState) -> list[tuple[str, int]]:
    """Return the large runs: (tree, seed)."""
    return [(run.tree, run.seed) for run in state.runs.values() if run.purpose == "retest"]


# --- When it is due, and what is run ---


async def test_a_retest_is_due_after_so_many_promotions(tmp_path: Path) -> None:
    """Not after the first, at once after the second; and then it counts from there."""
    async with lab(tmp_path / "lab", every=2) as at:
        await merged(at, 1)
        before = words(at)
        await merged(at, 1)
        assert ([], ["PROVEN"]) == (before, words(at))


async def test_zero_turns_it_off(tmp_path: Path) -> None:
    """Only a person starts one then."""
    async with lab(tmp_path / "lab", every=0) as at:
        await merged(at, 3)
        assert [] == large(at.lab.state)


async def test_both_sides_run_the_same_seed_at_the_larger_size(tmp_path: Path) -> None:
    """The first trunk and trunk of today, with the retest's scale and budget in their environment."""
    async with lab(tmp_path / "lab", every=2) as at:
        await merged(at, 2)
        state = at.lab.state
        runs = [spec for spec in at.runs.submitted if spec.purpose == "retest"]
        told = {(spec.stages[0].env["NIGHTLAB_SCALE"], spec.stages[0].env["NIGHTLAB_BUDGET"]) for spec in runs}
        assert ([(state.baseline_tree, 1), (state.trunk and state.trunk.tree, 1)], {("2", "8 GFLOP")}) == (
            large(state),
            told,
        )


async def test_large_runs_enter_no_small_pool(tmp_path: Path) -> None:
    """Nor is their harness that of a small run: every pool holds the small scores and no other."""
    async with lab(tmp_path / "lab", every=1, A=5.0) as at:
        await merged(at, 1)
        state = at.lab.state
        small = {run.score for run in state.runs.values() if run.purpose != "retest"}
        pooled = {score for pool in state.pools.values() for score in pool.values()}
        harnesses = Counter(run.harness == state.harness for run in state.runs.values() if run.purpose == "retest")
        assert (True, {False: 2}) == (pooled <= small, dict(harnesses))


async def test_a_tree_that_has_its_large_run_is_not_run_again(tmp_path: Path) -> None:
    """The second retest compares with the trunk that the first one proved, and trains only the new one."""
    async with lab(tmp_path / "lab", every=2) as at:
        await merged(at, 4)
        first, second = at.lab.state.retests
        assert (first.steps[-1], 3) == (second.steps[0], len(set(large(at.lab.state))))
        assert len(large(at.lab.state)) == 3


# --- What it says ---


async def test_a_gain_that_holds_is_proven_and_moves_the_ref(tmp_path: Path) -> None:
    """lab/verified is trunk, and every merge since is PROVEN, with the evidence in its reason."""
    async with lab(tmp_path / "lab", every=2) as at:
        await merged(at, 2)
        assert ({1: "PROVEN", 2: "PROVEN"}, at.trunk()) == (at.states(), at.lab.repository.resolve(VERIFIED))
        (judged,) = at.told(ev.RetestJudged)
        assert isinstance(judged, ev.RetestJudged)
        told = f"gain {fmt.gain(judged.verdict.gain)} ({fmt.sigmas(judged.verdict.z)}σ) at 2 times the size"
        assert at.lab.state.candidates[1].reason.startswith(told)


async def test_a_gain_that_is_noise_there_fades_and_nothing_moves(tmp_path: Path) -> None:
    """Both stay in trunk, marked; there is no verified trunk."""
    async with lab(tmp_path / "lab", every=2, A=0.2, B=0.2) as at:
        await merged(at, 2)
        assert ({1: "FADED", 2: "FADED"}, None, "AB") == (at.states(), at.lab.repository.resolve(VERIFIED), holds(at))


async def test_the_verdict_says_whose_noise_it_used(tmp_path: Path) -> None:
    """One large run of each tree tells no spread: that of the small size is doubled, and this is said."""
    async with lab(tmp_path / "lab", every=1) as at:
        await merged(at, 1)
        (judged,) = at.told(ev.RetestJudged)
        assert isinstance(judged, ev.RetestJudged)
        small = retest.noise(at.lab.state)
        assert small is not None
        assert "2 times the small size's" in judged.reason
        assert judged.verdict.standard_error == pytest.approx(2 * small.used * 2**0.5)


async def test_bisection_finds_the_change_that_hurts_and_takes_it_out(tmp_path: Path) -> None:
    """Of five merges the third costs more there than all the others gain; the others stay, and trunk stays measured."""
    async with lab(tmp_path / "lab", C=3.0) as at:
        await merged(at, 5)
        kept = dict.fromkeys((1, 2, 4, 5), "MERGED")
        assert ("ABDE", {**kept, 3: "REVERTED"}, ["REVERTED"]) == (holds(at), at.states(), words(at))
        assert 4 >= len(large(at.lab.state)), "two ends and at most two between them"
        tree = at.lab.repository.tree_of(at.trunk())
        assert at.lab.state.pools[tree]


async def test_a_revert_is_a_commit_with_its_evidence(tmp_path: Path) -> None:
    """It stands on the trunk that it was made from, and its trailers name what fell short by how much."""
    async with lab(tmp_path / "lab", every=2, A=3.0) as at:
        await merged(at, 2)
        (message,) = at.lab.repository.messages(at.trunk(), at.lab.state.merges[-1].new).values()
        assert f"Reverts: {at.lab.state.merged_as(1)}\nExperiment: #1\nReverted: retest: gain -" in message
        assert "\nRetest: 1\nScale: 2\n" in message


async def test_after_a_revert_the_lab_goes_on(tmp_path: Path) -> None:
    """The next retest takes the trunk without the change for one step, and proves what is left."""
    async with lab(tmp_path / "lab", every=2, A=3.0) as at:
        await merged(at, 3)
        assert (["REVERTED", "PROVEN"], {1: "REVERTED", 2: "PROVEN", 3: "PROVEN"}, "BC") == (
            words(at),
            at.states(),
            holds(at),
        )


async def test_two_that_a_revert_has_joined_are_named_together(tmp_path: Path) -> None:
    """After the first culprit went no trunk stands between the two behind it: neither is taken out on suspicion."""
    async with lab(tmp_path / "lab", every=3, A=3.0, C=3.0) as at:
        await merged(at, 3)
        people = FrontDesk(at.lab, lambda reason, now: None)
        await people.handle(Command("retest", by="ann"))
        await at.work({})
        assert (["REVERTED", "LEFT"], "BC") == (words(at), holds(at))
        assert "#2 or #3" in at.lab.state.warnings["retest"]


async def test_a_change_that_others_stand_on_is_named_and_left(tmp_path: Path) -> None:
    """A conflict reverts nothing, warns, and is not asked again at once."""
    async with lab(tmp_path / "lab", every=2, A=3.0) as at:
        for edit in (EDITS[0], ("A = 0.2", "A = 0.4")):
            await propose(at, edit)
        assert (["LEFT"], {1: "MERGED", 2: "MERGED"}) == (words(at), at.states())
        assert "#1 made trunk worse" in at.lab.state.warnings["retest"]


async def test_the_overview_tells_what_a_verified_trunk_is_worth(tmp_path: Path) -> None:
    """Its large runs over the first trunk's, with the interval; the verdict above is of the newest retest alone."""
    async with lab(tmp_path / "lab", every=1) as at:
        await merged(at, 2)
        scene = overview(at.lab.state, Live(), 200.0)
        assert scene.verified is not None and scene.retest is not None
        assert (at.trunk(), "PROVEN") == (scene.verified.commit, scene.retest.word)
        assert (0.4, 0.2) == (pytest.approx(scene.verified.gain), pytest.approx(scene.retest.gain))


async def test_every_step_of_a_retest_is_told_in_words(tmp_path: Path) -> None:
    """From its start to the revert, in the order in which it happened."""
    async with lab(tmp_path / "lab", every=3, B=3.0) as at:
        await merged(at, 3)
        told = [line for entry in at.lab.state.recent if (line := tell(entry, at.lab.state))]
        found = [each.word for each in told if each.who == "trunk" and each.word in ("RETEST", "REVERTED")]
        assert [*4 * ["RETEST"], "REVERTED"] == found, "its start, trunk, two trunks between, the end"


# --- Kills, hands, people ---


@pytest.mark.parametrize("swapped", [False, True], ids=["before the swap", "after the swap"])
async def test_a_kill_in_a_revert_takes_the_change_out_once(tmp_path: Path, swapped: bool) -> None:
    """Between intent and swap, or between swap and outcome: the next engine brings it to its end."""
    async with lab(tmp_path / "lab", every=0, A=3.0) as at:
        await merged(at, 2)
        trunk = at.trunk()
        at.lab.record(retest.begin(at.lab.state, "you"))
        while not (at.lab.state.retest and at.lab.state.retest.prepared):
            await one_round(at)
        prepared = at.lab.state.retest.prepared
        landing = at.lab.repository.land(prepared.tree, trunk, "Revert #1")
        at.lab.record(
            ev.RevertIntended(1, trunk, landing, prepared.tree, "nonce", "retest", "gain -2.8", 1), durable=True
        )
        if swapped:
            assert at.lab.repository.swap_trunk(trunk, landing)
    async with lab(tmp_path / "lab", every=0, A=3.0) as at:
        await promoter.recover(at.lab)
        await at.work({})
        assert (landing, "B", {1: "REVERTED", 2: "MERGED"}, None) == (
            at.trunk(),
            holds(at),
            at.states(),
            at.lab.state.intent,
        )


async def test_a_trunk_that_moved_meanwhile_is_reverted_where_it_is(tmp_path: Path) -> None:
    """A revert that was made from an older trunk never lands: it is made and run again on that of today."""
    async with lab(tmp_path / "lab", every=0, A=3.0) as at:
        await merged(at, 2)
        at.lab.record(retest.begin(at.lab.state, "you"))
        while not (at.lab.state.retest and at.lab.state.retest.prepared):
            await one_round(at)
        by_hand = at.lab.repository.land(at.lab.repository.tree_of(at.trunk()), at.trunk(), "By hand")
        root = str(at.lab.paths.root)
        subprocess.run(["git", "-C", root, "update-ref", TRUNK, by_hand], check=True, timeout=20)
        await promoter.follow(at.lab)
        await at.work({})
        assert (by_hand, "B", ["REVERTED"]) == (at.lab.repository.parent_of(at.trunk()), holds(at), words(at))


async def test_a_trunk_that_was_taken_back_is_not_judged(tmp_path: Path) -> None:
    """An undo of the last merge ends the retest that tries it."""
    async with lab(tmp_path / "lab", every=0) as at:
        await merged(at, 2)
        at.lab.record(retest.begin(at.lab.state, "you"))
        await promoter.undo(at.lab, "you", None)
        await at.work({})
        assert ["DROPPED"] == words(at)


async def test_what_an_earlier_revert_left_alone_in_a_step_is_taken_out_itself(tmp_path: Path) -> None:
    """Trunk's step is then the revert of another change: to take that back would bring the other one in again."""
    async with lab(tmp_path / "lab", every=0, A=3.0, B=3.0) as at:
        await merged(at, 2)
        for _ in range(2):
            at.lab.record(retest.begin(at.lab.state, "you"))
            await at.work({})
        assert (["REVERTED", "REVERTED"], "", {1: "REVERTED", 2: "REVERTED"}) == (words(at), holds(at), at.states())


async def test_a_retest_takes_nothing_out_while_promotions_have_stopped(tmp_path: Path) -> None:
    """What it found waits until a person has looked at trunk."""
    async with lab(tmp_path / "lab", every=0, A=3.0) as at:
        await merged(at, 2)
        at.lab.record(retest.begin(at.lab.state, "you"))
        while not (at.lab.state.retest and at.lab.state.retest.prepared):
            await one_round(at)
        at.lab.say(STOPPED, "trunk holds another tree")
        await at.work({})
        before = holds(at)
        at.lab.say(STOPPED, "")
        await at.work({})
        assert ("AB", "B", ["REVERTED"]) == (before, holds(at), words(at))


async def test_while_a_retest_moves_trunk_nobody_else_does(tmp_path: Path) -> None:
    """Its intent is that of every revert: people are told to ask again, and no other retest begins."""
    async with lab(tmp_path / "lab", every=0) as at:
        await merged(at, 2)
        trunk = at.trunk()
        at.lab.record(ev.RevertIntended(1, trunk, "r1", "t9", "nonce", "retest", "gain -2.8", retest=1))
        refused = verbs.refusal(at.lab.state, "revert", 2)
        with pytest.raises(promoter.Refused, match="being moved for #1"):
            await promoter.undo(at.lab, "you", None)
        assert (refused, True) == (verbs.busy(at.lab.state), bool(refused and retest.refusal(at.lab.state)))


async def test_a_revert_that_comes_too_late_leaves_the_word_of_the_retest(tmp_path: Path) -> None:
    """A proven change whose revert found another trunk is in trunk as before: PROVEN, not merely MERGED."""
    async with lab(tmp_path / "lab", every=1) as at:
        await merged(at, 1)
        trunk, first = at.trunk(), at.lab.state.baseline_tree
        at.lab.record(ev.RevertIntended(1, trunk, at.lab.repository.land(first, trunk, "R"), first, "n", "ann", "why"))
        by_hand = at.lab.repository.land(at.lab.repository.tree_of(trunk), trunk, "By hand")
        assert at.lab.repository.swap_trunk(trunk, by_hand)
        await promoter.recover(at.lab)
        assert ({1: "PROVEN"}, None) == (at.states(), at.lab.state.intent)


async def test_a_person_and_a_retest_revert_in_the_same_way(tmp_path: Path) -> None:
    """A person's revert ends the retest that tries the change; the journal, read again, has the same state."""
    async with lab(tmp_path / "lab", every=0, C=3.0) as at:
        await merged(at, 3)
        at.lab.record(retest.begin(at.lab.state, "you"))
        await promoter.revert(at.lab, 2, "ann", "half the code")
        await at.work({})
        at.lab.record(retest.begin(at.lab.state, "you"))
        await at.work({})
        state = at.lab.state
        with closing(Reader(at.lab.paths.journal)) as reader:
            assert state == fold(reader.after(0))
        ends = {1: "MERGED", 2: "REVERTED", 3: "REVERTED"}
        assert (["DROPPED", "REVERTED"], "A", ends) == (words(at), holds(at), at.states())


async def test_a_retest_comes_when_a_person_asks(tmp_path: Path) -> None:
    """By its name in the journal; a second question while it runs is refused, as is one with nothing to try."""
    async with lab(tmp_path / "lab", every=0) as at:
        people = FrontDesk(at.lab, lambda reason, now: None)
        await merged(at, 1)
        answers = [await people.handle(Command("retest", by="ann")) for _ in range(2)]
        await at.work({})
        answers.append(await people.handle(Command("retest", by="ann")))
        assert ([0, 5, 5], ["PROVEN"], "ann") == (
            [each.code for each in answers],
            words(at),
            at.lab.state.retests[0].by,
        )


async def test_a_journal_read_again_has_the_same_end(tmp_path: Path) -> None:
    """Retests, their pools and trunk's line follow from the events."""
    async with lab(tmp_path / "lab", every=2, A=3.0) as at:
        await merged(at, 3)
        before = at.lab.state
    async with lab(tmp_path / "lab", every=2, A=3.0) as at:
        after = at.lab.state
        assert (before.retests, before.large, before.line, before.verified, before.candidates) == (
            after.retests,
            after.large,
            after.line,
            after.verified,
            after.candidates,
        )


async def one_round(at: Desk) -> None:
    """Do what is due once, without agents."""
    from agentcore.engine import running

    await running.collect(at.lab)
    for action in plan(at.lab.state, Limits(experiments=0)):
        await at._carry_out(action, None)  # type: ignore[arg-type]


# --- Slots ---


def tried(count: int, share: int = 0, seeds: int = 4) -> Tale:
    """Tell a lab of so many slots in which a retest of many runs has begun."""
    settings = RetestSettings(budget="8 GFLOP", every=1, seeds=seeds, share=share)
    tale = calibrated(count, replace(CONFIG, retest=settings))
    tale.merge(tale.ready("wt0", "t1"))
    tale.pool("t1", {3: 0.8})
    return tale.tell(retest.begin(tale.state, "engine"))


def purposes(tale: Tale) -> Mapping[str, int]:
    """Count what the plan starts."""
    return Counter(each.purpose for each in tale.plan(experiments=1) if isinstance(each, StartRun))


@pytest.mark.parametrize(("count", "share", "runs"), [(2, 0, 1), (16, 0, 2), (4, 3, 3)])
def test_retests_keep_to_their_share_of_the_slots(count: int, share: int, runs: int) -> None:
    """An eighth of them, at least one; or what lab.toml says."""
    assert {"retest": runs} == purposes(tried(count, share))


def test_retests_that_run_count_towards_the_share() -> None:
    """The plan that follows starts no further one."""
    tale = tried(2)
    (run,) = (each for each in tale.plan(experiments=1) if isinstance(each, StartRun))
    number = len(tale.state.runs) + 1
    tale.tell(ev.RunStarted(number, "retest", None, run.commit, run.tree, run.seed, 2, run.slot))
    assert {} == purposes(tale)


def test_a_retest_goes_before_screening_and_after_confirmation() -> None:
    """With one slot free the confirmation has it; then the retest; a proposal waits."""
    tale = tried(2)
    tale.tell(ev.WorktreeMoved("wt1", "l1", "t1"))
    tale.propose("wt1", "t5")
    first = [each.purpose for each in tale.plan(experiments=2) if isinstance(each, StartRun)]
    number = tale.keep("wt0", "t6")
    tale.rebase(number, "t6", (1, 2))
    second = [each.purpose for each in tale.plan(experiments=3) if isinstance(each, StartRun)]
    assert (["retest", "screen"], ["confirm", "confirm"]) == (first, second)


def test_a_large_run_that_fails_twice_ends_the_retest() -> None:
    """It is no verdict on any change and has a word of its own: a person is told how the runs ended."""
    tale = tried(2, seeds=1)
    for number in itertools.islice(itertools.count(len(tale.state.runs) + 1), 2):
        tale.tell(ev.RunStarted(number, "retest", None, "l1", "t1", 1, 2, "cpu0"))
        tale.tell(ev.RunEnded(number, "crash", None, "out of memory", 1.0, 0.0, 1.0, 9.0))
    end = retest.ending(tale.state)
    assert end is not None and (end[0], True) == ("FAILED", end[1].endswith("crash: out of memory"))


def due(*events: ev.Event) -> bool:
    """Return whether a retest starts by itself after one promotion and these events."""
    tale = calibrated(2, replace(CONFIG, retest=RetestSettings(budget="8 GFLOP", every=1)))
    tale.merge(tale.ready("wt0", "t1"))
    tale.pool("t1", {3: 0.8})
    tale.tell(*events)
    return isinstance(retest.next_event(tale.state, may_start=True), ev.RetestStarted)


def test_none_starts_while_promotions_have_stopped() -> None:
    """Nobody knows what trunk is then; it starts once a person has looked."""
    stopped = ev.WarningRaised(STOPPED, "trunk holds another tree")
    assert (True, False, True) == (due(), due(stopped), due(stopped, ev.WarningCleared(STOPPED)))


def test_none_starts_without_a_sandbox() -> None:
    """What agents' code says of itself there verifies nothing."""
    assert not due(replace(started(2), walls="none"))


# --- A whole night ---


def night_of(root: Path, world: World, experiments: int) -> LabState:
    """Let a synthetic lab with retests work through so many experiments."""
    paths = project.make(root, world)
    with paths.config.open("a") as file:
        file.write('\n[retest]\nbudget = "8 s"\nevery = 3\nseeds = 2\n')
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run(["git", "-C", str(root), *who, "commit", "-qam", "Retest"], check=True, timeout=20)
    return asyncio.run(night.work(paths, world, experiments=experiments))


def test_what_transfers_is_proven_in_a_night_of_the_real_engine(tmp_path: Path) -> None:
    """Ideas that keep their effect are proven, none is taken out, and never do two large runs go at once."""
    state = night_of(tmp_path / "lab", World(seed=2, helps=0.4, help_sigma=6.0, transfers=1.0), 60)
    found = Counter(each.state for each in state.candidates.values())
    large = sorted((run.started, run.ended or 0.0) for run in state.runs.values() if run.purpose == "retest")
    overlaps = [one for one, other in pairwise(large) if other[0] < one[1]]
    assert (True, 0, []) == (found["PROVEN"] >= 3, found["REVERTED"], overlaps), found


# --- Settings ---


def test_a_retest_at_the_small_size_is_an_error() -> None:
    """It would prove nothing."""
    with pytest.raises(ProjectError, match=r"retest\.scale"):
        parse(LAB.replace("EVERY", "5").replace("scale = 2", "scale = 1"))


def test_another_budget_forgets_the_large_runs() -> None:
    """They are not comparable any more, and the retest that needed them is over; the small pools stay."""
    tale = tried(2, seeds=1)
    pools = tale.state.pools
    number = len(tale.state.runs) + 1
    tale.tell(ev.RunStarted(number, "retest", None, "c0", "t0", 1, 2, "cpu0"))
    tale.tell(ev.RunEnded(number, "ok", 0.9, "", 8.0, 1.0, 8.0, 9.0))
    known = len(tale.state.large)
    assert tale.state.config is not None
    settings = replace(tale.state.config.retest, budget="9 GFLOP")
    tale.tell(replace(tale.state.config, retest=settings))
    assert (1, 0, "DROPPED", pools) == (known, len(tale.state.large), tale.state.retests[-1].word, tale.state.pools)
