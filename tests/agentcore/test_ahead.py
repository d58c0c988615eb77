"""Agents think while their slots train: how far ahead, what becomes of what waits, and what a silence costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.brief.spending import Usage
from agentcore.fold import apply
from agentcore.plan import (
    POOL_MAX,
    Limits,
    MoveWorktree,
    Propose,
    RebaseExperiment,
    Record,
    StartRun,
    plan,
    proposals_ahead,
    recent_run_s,
    spent_out,
)
from agentcore.plan.proposals import AHEAD_AT_FIRST, REMEMBERED
from agentcore.project.seed import prompts_folder
from agentcore.queue.judging import screening_seed
from agentcore.state import Worktree
from agentcore.worktree import proposing
from tests.agentcore.labs import Desk, Scripted, desk
from tests.agentcore.tales import Tale, calibrated, ended, gated, kinds


def asked(tale: Tale, **limits: object) -> list[str]:
    """Return the worktrees whose agents are asked for a proposal."""
    return [each.worktree for each in tale.plan(**limits) if isinstance(each, Propose)]


def rebased(tale: Tale) -> list[tuple[int, str]]:
    """Return the experiments that are to be replayed, and where."""
    return [(each.experiment, each.base) for each in tale.plan() if isinstance(each, RebaseExperiment)]


def running(tale: Tale, number: int) -> Tale:
    """Tell that an experiment's screening run goes on."""
    experiment = tale.state.experiments[number]
    free = next(slot.name for slot in tale.state.slots if slot.name not in tale.busy())
    run = len(tale.state.runs) + 1
    return tale.tell(
        ev.RunStarted(run, "screen", number, experiment.commit, experiment.tree, screening_seed(number), 1, free)
    )


def started_runs(tale: Tale) -> list[tuple[str, str, int]]:
    """Return purpose, tree and seed of the runs that are due."""
    return [(each.purpose, each.tree, each.seed) for each in tale.plan() if isinstance(each, StartRun)]


# --- How many wait ---


@pytest.mark.parametrize(("ahead", "waiting", "wanted"), [(1, 0, True), (1, 1, False), (2, 1, True), (2, 2, False)])
def test_so_many_proposals_wait(ahead: int, waiting: int, wanted: bool) -> None:
    """Beside the one that trains."""
    tale = calibrated(1)
    running(tale, tale.propose("wt0", "t1"))
    for number in range(waiting):
        tale.propose("wt0", f"t{number + 2}")
    assert (["wt0"] if wanted else []) == asked(tale, proposals_ahead=ahead)


def test_with_none_ahead_nobody_thinks_while_something_trains() -> None:
    """An agent then knows how its last idea went."""
    tale = calibrated(1)
    number = tale.propose("wt0", "t1")
    before = asked(running(tale, number))
    assert ([], ["wt0"]) == (before, asked(tale.decide(number, "drop").tell(ended(4, 1.1))))


def test_a_lost_run_is_a_proposal_that_waits() -> None:
    """It will be done again."""
    tale = calibrated(1)
    number = tale.propose("wt0", "t1")
    tale.screen(number, None, "lost")
    assert ([], ["wt0"]) == (asked(tale, proposals_ahead=1), asked(tale, proposals_ahead=2))


def test_an_agent_that_thinks_is_not_asked_twice() -> None:
    """However many may wait."""
    tale = calibrated(1).tell(ev.ThinkingStarted("wt0"))
    assert [] == asked(tale, proposals_ahead=9)


def test_what_waits_trains_in_order() -> None:
    """The first of every worktree, then the second of each."""
    tale = calibrated(2)
    for worktree, tree in (("wt0", "t1"), ("wt0", "t2"), ("wt1", "t3"), ("wt1", "t4")):
        tale.propose(worktree, tree)
    first = started_runs(tale)
    for number in (1, 3):
        running(tale, number)
    tale.tell(ended(4, 1.1), ended(5, 1.1)).decide(1, "drop").decide(3, "drop")
    assert ({"t1", "t3"}, {"t2", "t4"}) == ({run[1] for run in first}, {run[1] for run in started_runs(tale)})


def test_a_worktree_is_put_on_its_base_before_it_thinks_ahead() -> None:
    """The proposal that waits is pinned: its files may go."""
    tale = calibrated(1)
    running(tale, tale.propose("wt0", "t1"))
    assert [MoveWorktree("wt0", "c0"), Propose("wt0")] == tale.plan(proposals_ahead=1)


# --- How many should wait ---


def timed(
    think_s: float, run_s: float, count: int = REMEMBERED, agent: str = "anthropic", waited_s: float = 0.0
) -> Tale:
    """Return a lab whose agent thought and whose runs took so long."""
    tale = Tale(calibrated(1).state).tell(ev.AgentsAssigned({"wt0": agent}))
    at = 1000.0

    def tell(later_s: float, event: ev.Event) -> None:
        nonlocal at
        at += later_s
        tale.state = apply(tale.state, ev.Entry(tale.state.seq + 1, at, event))

    for index in range(1, count + 1):
        tell(1, ev.ThinkingStarted("wt0", agent))
        if waited_s:
            tell(0, ev.AgentStateChanged("wt0", "LIMIT", "429", None))
            tell(waited_s, ev.AgentStateChanged("wt0", "THINK", "", None))
        base = tale.state.worktrees["wt0"].base
        tell(think_s, ev.ExperimentProposed(index, "wt0", agent, base, "t0", f"c{index}", f"t{index}", "x", 1, 1, ()))
        run = len(tale.state.runs) + 1
        tell(0, ev.RunStarted(run, "screen", index, f"c{index}", f"t{index}", screening_seed(index), 1, "cpu0"))
        tell(run_s, ev.RunEnded(run, "ok", 1.1, "", run_s - 1, 1.0, 0.0, 0.0))
        tell(0, ev.ExperimentDecided(index, "drop", 1.1, 0.0, 0.0, ""))
    return tale


def ahead(tale: Tale) -> int:
    """Return how many proposals should wait in wt0."""
    return proposals_ahead(tale.state.worktrees["wt0"], recent_run_s(tale.state))


@pytest.mark.parametrize(
    ("think_s", "run_s", "count"),
    [
        (0.1, 300, 1),
        (6, 300, 1),
        (7, 300, 2),
        (150, 300, 2),
        (300, 300, 2),
        (301, 300, 3),
        (600, 300, 3),
        (900, 300, 4),
        (1000, 300, 5),
    ],
)
def test_proposals_ahead_follow_what_was_measured(think_s: float, run_s: float, count: int) -> None:
    """One, and one more for every run that ends while an agent thinks."""
    assert count == ahead(timed(think_s, run_s))


def test_waiting_for_the_provider_is_no_thinking() -> None:
    """Else a limit would fill the lab with proposals that grow old."""
    tale = timed(150, 300, waited_s=3000)
    assert (150.0, 2) == (tale.state.experiments[1].thought_s, ahead(tale))


def test_a_wait_that_is_told_twice_counts_once() -> None:
    """Each retry tells again until when."""
    tale = Tale(calibrated(1).state)
    for at, event in (
        (1000, ev.ThinkingStarted("wt0")),
        (1010, ev.AgentStateChanged("wt0", "LIMIT", "429", 1040.0)),
        (1040, ev.AgentStateChanged("wt0", "LIMIT", "429", 1100.0)),
        (1100, ev.AgentStateChanged("wt0", "THINK", "", None)),
        (1105, ev.AgentStateChanged("wt0", "CUT", "", None)),
        (1120, ev.AgentStateChanged("wt0", "LIMIT", "529", 1130.0)),
        (1130, ev.ExperimentProposed(1, "wt0", "anthropic", "c0", "t0", "c1", "t1", "x", 1, 1, ())),
    ):
        tale.state = apply(tale.state, ev.Entry(tale.state.seq + 1, float(at), event))
    assert 10.0 + 20.0 == tale.state.experiments[1].thought_s


@pytest.mark.parametrize(
    ("agent", "count"), [("search", 1), ("anthropic", AHEAD_AT_FIRST), ("command", AHEAD_AT_FIRST)]
)
def test_at_first_nothing_is_known(agent: str, count: int) -> None:
    """The search agent is quick; the others are given a start."""
    assert count == ahead(Tale(calibrated(1).state).tell(ev.AgentsAssigned({"wt0": agent})))


def test_only_the_newest_times_count() -> None:
    """A model that became slow is known for it after some proposals; one slow proposal is an accident."""
    tale = timed(3, 300)
    wt0 = tale.state.worktrees["wt0"]
    one = replace(wt0, thought_s=(900.0, *wt0.thought_s[1:]))
    all_but_one = replace(wt0, thought_s=(*[900.0] * (len(wt0.thought_s) - 1), 3.0))
    assert [1, 4] == [proposals_ahead(each, recent_run_s(tale.state)) for each in (one, all_but_one)]


def test_think_times_older_than_the_newest_nine_are_forgotten() -> None:
    """They would tell of a model that is not asked any more."""
    assert 9 == len(timed(3, 300, 12).state.worktrees["wt0"].thought_s)


def test_another_worktrees_thinking_is_its_own() -> None:
    """Runs are the lab's, thinking is the agent's."""
    tale = timed(900, 300)
    other = Worktree("wt1", "cpu0", "anthropic", "c0", "t0", "c0")
    assert (4, AHEAD_AT_FIRST) == (ahead(tale), proposals_ahead(other, recent_run_s(tale.state)))


def test_failed_runs_tell_no_time() -> None:
    """A crash after a second says nothing of a run."""
    tale = timed(150, 300)
    for _ in range(REMEMBERED):
        tale.run("baseline", "t0", 9, None)
    assert 2 == ahead(tale)


def test_runs_without_a_duration_do_not_divide_by_zero() -> None:
    """A clock that stood still."""
    assert ahead(timed(1.0, 0.0, 1)) > 1


# --- How many at all ---


@pytest.mark.parametrize(
    ("limit", "names"), [(0, []), (1, []), (2, []), (3, ["wt2"]), (4, ["wt2", "wt0"]), (9, ["wt2", "wt0"])]
)
def test_the_limit_counts_what_waits_and_what_is_thought(limit: int, names: list[str]) -> None:
    """One experiment waits and one agent thinks: no more are asked than there is room for."""
    tale = calibrated(3)
    tale.propose("wt0", "t1")
    tale.tell(ev.ThinkingStarted("wt1"))
    assert names == asked(tale, proposals_ahead=2, experiments=limit)


def test_one_limit_for_all_in_one_plan() -> None:
    """Three agents are free and two may be asked."""
    assert 2 == len(asked(calibrated(3), proposals_ahead=5, experiments=2))


# --- Money ---


def spent(usd: float = 0.0, tokens: int = 0) -> Tale:
    """Return a lab that has spent so much."""
    tale = calibrated(2)
    tale.propose("wt0", "t1")
    return tale.tell(ev.TokensUsed("wt1", "model", Usage(output=tokens), usd))


@pytest.mark.parametrize(
    ("tale", "limits", "reason"),
    [
        (spent(4.99), {"usd": 5.0}, ""),
        (spent(5.0), {"usd": 5.0}, "the limit of $5.00 is reached: $5.00 spent"),
        (spent(5.0), {"usd": 0.0}, ""),
        (spent(tokens=999), {"tokens": 1000}, ""),
        (spent(tokens=1234), {"tokens": 1000}, "the limit of 1,000 tokens is reached: 1,234 used"),
        (spent(tokens=1234), {"tokens": 0}, ""),
        (spent(9.0, 9), {"usd": 5.0, "tokens": 5}, "the limit of $5.00 is reached: $9.00 spent"),
    ],
)
def test_what_is_spent_is_known(tale: Tale, limits: dict[str, float], reason: str) -> None:
    """Money first; zero is no limit."""
    assert reason == spent_out(tale.state, Limits(**limits))  # type: ignore[arg-type]


def test_once_the_money_is_spent_nothing_is_proposed() -> None:
    """What waits still trains, and worktrees go home."""
    tale = spent(5.0)
    assert ([], ["StartRun"]) == (asked(tale, proposals_ahead=3, usd=5.0), kinds(tale.plan(proposals_ahead=3, usd=5.0)))


def test_more_money_goes_on() -> None:
    """The next engine reads another limit."""
    assert ["wt1", "wt0"] == asked(spent(5.0), proposals_ahead=3, usd=6.0)


def test_a_turn_of_nobody_is_paid_for_too() -> None:
    """It ended after its agent had been given up: the lab's sum and the backend's know it."""
    tale = calibrated(1).tell(ev.AgentsAssigned({"wt0": "anthropic"}))
    tale.tell(ev.ThinkingStarted("wt0", "anthropic"), ev.TokensUsed("wt0", "model", Usage(output=1), 0.5))
    tale.tell(ev.AgentFailed("wt0", "no idea", "anthropic"), ev.TokensUsed("wt0", "model", Usage(output=2), 0.25))
    assert (0.75, 0.75, 0.75) == (
        tale.state.spent.usd,
        tale.state.spent_by["anthropic"].usd,
        tale.state.worktrees["wt0"].spent.usd,
    )


def test_a_proposal_knows_what_it_cost() -> None:
    """Not what the one before it did."""
    tale = calibrated(1)
    for usd in (0.5, 0.25):
        tale.tell(ev.ThinkingStarted("wt0", "anthropic"), ev.TokensUsed("wt0", "model", Usage(output=1), usd))
        number = len(tale.state.experiments) + 1
        tale.tell(ev.ExperimentProposed(number, "wt0", "x", "c0", "t0", f"c{number}", f"t{number}", "x", 1, 1, ()))
    assert [0.5, 0.25] == [tale.state.experiments[number].spent.usd for number in (1, 2)]


# --- While agents wait for their provider ---


def limited(pool: int = 3, **changes: object) -> Tale:
    """Return a lab of two slots, of whose agents one waits, with so many runs in trunk's pool."""
    tale = calibrated(2, gated(**changes)).pool("t0", dict.fromkeys(range(4, pool + 1), 1.1))
    return tale.tell(
        ev.ThinkingStarted("wt0", "anthropic"),
        ev.AgentStateChanged("wt0", "LIMIT", "429", 9e9),
        ev.ThinkingStarted("wt1"),
    )


def test_free_slots_measure_trunk_meanwhile() -> None:
    """Its mean is what everything is compared with."""
    assert [("baseline", "t0", 4), ("baseline", "t0", 5)] == started_runs(limited())


@pytest.mark.parametrize(("pool", "seeds"), [(6, [7, 8]), (7, [8]), (8, []), (9, [])])
def test_trunk_is_measured_up_to_a_number(pool: int, seeds: list[int]) -> None:
    """More would add little."""
    assert seeds == [seed for _, _, seed in started_runs(limited(pool))]


def test_runs_that_go_on_count() -> None:
    """Whatever happens in which order, the pool ends where it should."""
    tale = limited()
    for _ in range(20):
        for purpose, tree, seed in started_runs(tale):
            number = len(tale.state.runs) + 1
            slot = next(slot.name for slot in tale.state.slots if slot.name not in tale.busy())
            tale.tell(ev.RunStarted(number, purpose, None, "c0", tree, seed, 1, slot))  # type: ignore[arg-type]
        if tale.state.active:
            tale.tell(ended(min(tale.state.active), 1.1))
    assert list(range(1, POOL_MAX + 1)) == sorted(tale.state.pools["t0"])


def test_an_agent_that_works_is_waited_for() -> None:
    """Only a provider that keeps it from work is a reason."""
    tale = limited().tell(ev.AgentStateChanged("wt0", "THINK", "", None))
    assert [] == started_runs(tale)


@pytest.mark.parametrize("state", ["CUT", "FULL", "REFUSED"])
def test_another_trouble_is_no_reason(state: ev.AgentState) -> None:
    """It is the model's own, and over soon."""
    assert [] == started_runs(limited().tell(ev.AgentStateChanged("wt0", state, "", None)))


def test_what_others_wait_for_comes_first() -> None:
    """An experiment, then trunk."""
    tale = limited()
    tale.propose("wt1", "t1")
    assert [("screen", "t1", screening_seed(1)), ("baseline", "t0", 4)] == started_runs(tale)


def test_the_pool_that_is_filled_is_todays_trunks() -> None:
    """After a merge another one; the old trunk's is history."""
    tale = calibrated(2)
    tale.merge(tale.ready("wt0", "t1"))
    tale.run("baseline", "t1", 3, 0.85)
    tale.tell(ev.ThinkingStarted("wt0"), ev.AgentStateChanged("wt0", "LIMIT", "429", None), ev.ThinkingStarted("wt1"))
    assert [("baseline", "t1", 4), ("baseline", "t1", 5)] == started_runs(tale)


# --- Silence ---


def test_silent_agents_do_not_park() -> None:
    """Whoever stands in for them goes on; the failures of the search agent do park."""
    tale = calibrated(1).tell(*[ev.AgentFailed("wt0", "no idea", "anthropic")] * 9)
    silent = [each for each in tale.plan() if isinstance(each, Record)]
    tale.tell(*[ev.AgentFailed("wt0", "nothing new", "search")] * 3)
    parked = [each.event for each in tale.plan() if isinstance(each, Record)]
    assert ([], [ev.WorktreePaused("wt0", "3 failures in a row, the last: nothing new", "engine")]) == (silent, parked)


def test_an_excused_failure_counts_nowhere() -> None:
    """The money was spent, the key was refused: neither the worktree nor the agent is to blame."""
    tale = calibrated(1).tell(*[ev.AgentFailed("wt0", "no money", "anthropic", excused=True)] * 5)
    worktree = tale.state.worktrees["wt0"]
    assert (0, 0, {}, None) == (worktree.silent, worktree.failures, dict(tale.state.failed_by), worktree.thinking)


def test_a_silence_is_counted_by_backend() -> None:
    """So that backends can be compared."""
    tale = calibrated(1).tell(ev.AgentFailed("wt0", "x", "anthropic"), ev.AgentFailed("wt0", "x", "search"))
    assert {"anthropic": 1, "search": 1} == dict(tale.state.failed_by)


def test_a_proposal_ends_a_silence() -> None:
    """Also one that crashes later: it was a proposal."""
    tale = calibrated(1).tell(*[ev.AgentFailed("wt0", "no idea", "anthropic")] * 2)
    tale.propose("wt0", "t1")
    assert 0 == tale.state.worktrees["wt0"].silent


# --- Trunk moves while proposals wait ---


def moved() -> tuple[Tale, list[int]]:
    """Return a lab in which wt1 has one experiment that trains and two that wait, while wt0's win was merged."""
    tale = calibrated(2)
    winner = tale.ready("wt0", "t1")
    numbers = [tale.propose("wt1", tree) for tree in ("t2", "t3", "t4")]
    running(tale, numbers[0])
    return tale.merge(winner), numbers


def test_what_waits_is_replayed_on_the_new_trunk() -> None:
    """What trains already is measured against the trunk that it stands on."""
    tale, numbers = moved()
    assert [(number, "l1") for number in numbers[1:]] == rebased(tale)


def test_what_is_replayed_does_not_start_meanwhile() -> None:
    """A run of the old commit would be thrown away."""
    tale, _ = moved()
    assert [] == [each for each in tale.plan() if isinstance(each, StartRun) and each.purpose == "screen"]


def test_after_the_replay_the_new_commit_runs() -> None:
    """With the same seed, on the new trunk's pool."""
    tale, numbers = moved()
    tale.run("baseline", "t1", 3, 0.85)
    for number in numbers[1:]:
        tale.tell(ev.ExperimentRebased(number, "l1", "t1", f"c{number}9", f"t{number}9"))
    assert ([], ("screen", f"t{numbers[1]}9", screening_seed(numbers[1]))) == (rebased(tale), started_runs(tale)[0])


def test_an_own_ready_candidate_moves_what_waits_in_its_worktree() -> None:
    """Only there: wins stack at home."""
    tale = calibrated(2)
    tale.keep("wt0", "t1")
    waiting, other = tale.propose("wt0", "t2"), tale.propose("wt1", "t3")
    tale.rebase(1, "t1").confirm(1, {1: 0.8, 2: 0.9}).judge(1)
    assert ([(waiting, "l1")], "c0") == (rebased(tale), tale.state.experiments[other].base)


def test_a_lost_run_is_replayed_too() -> None:
    """It starts again, so it may start where trunk is."""
    tale = calibrated(2)
    winner, number = tale.ready("wt0", "t1"), tale.propose("wt1", "t2")
    tale.screen(number, None, "lost")
    assert [(number, "l1")] == rebased(tale.merge(winner))


def test_nothing_is_replayed_while_a_merge_is_open() -> None:
    """Nobody knows where to."""
    tale = calibrated(2)
    winner = tale.ready("wt0", "t1")
    tale.propose("wt1", "t2")
    tale.tell(ev.MergeIntended(winner, "c0", "l1", "t1", "nonce", "you"))
    assert [] == [each for each in rebased(tale) if each[0] != winner]


def test_a_returned_experiment_is_no_failure() -> None:
    """Its worktree is not on the way to being parked, nor was it a success."""
    tale = calibrated(1).tell(ev.AgentFailed("wt0", "x", "search"))
    tale.decide(tale.propose("wt0", "t1"), "returned")
    assert (1, ()) == (tale.state.worktrees["wt0"].failures, tale.state.worktrees["wt0"].pending)


def test_a_stopping_lab_replays_nothing() -> None:
    """It only ends what it has."""
    tale, _ = moved()
    assert [] == [each for each in tale.plan(stopping=True) if isinstance(each, RebaseExperiment)]


# --- The same with real git ---


async def waiting(at: Desk, *edits: tuple[str, str], worktree: str = "wt1") -> list[int]:
    """Let an agent prepare experiments that do not run yet; return their numbers."""
    agent, numbers = Scripted({worktree: list(edits)}), []
    for _ in edits:
        await proposing.move(at.lab, worktree, at.lab.state.trunk.commit if at.lab.state.trunk else "")
        await proposing.propose(at.lab, agent, prompts_folder(), worktree)
        numbers.append(len(at.lab.state.experiments))
    return numbers


async def base(at: Desk, *edits: tuple[str, str]) -> str:
    """Return a commit that trunk could move to: these edits on trunk."""
    assert at.lab.state.trunk is not None
    folder, start = at.lab.paths.worktree("wt0"), at.lab.state.trunk.commit
    await proposing.move(at.lab, "wt0", start)
    path = folder / "train.py"
    for old, new in edits:
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    return at.lab.repository.collect(folder, start, ["train.py"], "another's win")


async def test_an_experiment_that_fits_is_replayed(tmp_path: Path) -> None:
    """It holds both changes, stands on the new base, and is what its pin names."""
    async with desk(tmp_path / "lab") as at:
        await at.work({})
        [number] = await waiting(at, ("DEPTH = 4", "DEPTH = 3"))
        to = await base(at, ("RATE = 0.1", "RATE = 0.2"))
        await proposing.rebase(at.lab, number, to)
        found = at.lab.state.experiments[number]
        assert (to, ["RATE = 0.2", "DEPTH = 3"], found.commit, to, None) == (
            found.base,
            at.source(found.commit),
            at.lab.repository.resolve(f"refs/lab/experiments/{number:06d}"),
            at.lab.repository.parent_of(found.commit),
            found.outcome,
        )


async def test_an_experiment_that_does_not_fit_goes_back(tmp_path: Path) -> None:
    """With the file; its commit stays as it was, and its agent hears of it in the next brief."""
    async with desk(tmp_path / "lab") as at:
        await at.work({})
        [number] = await waiting(at, ("RATE = 0.1", "RATE = 0.3"))
        before = at.lab.state.experiments[number].commit
        await proposing.rebase(at.lab, number, await base(at, ("RATE = 0.1", "RATE = 0.2")))
        found = at.lab.state.experiments[number]
        assert ("returned", True, before, ()) == (
            found.outcome,
            "conflict in train.py" in found.reason,
            found.commit,
            at.lab.state.worktrees["wt1"].pending,
        )


async def test_an_experiment_that_trunk_holds_already_is_a_duplicate(tmp_path: Path) -> None:
    """Somebody else had the same idea, and it was merged."""
    async with desk(tmp_path / "lab") as at:
        await at.work({})
        [number] = await waiting(at, ("RATE = 0.1", "RATE = 0.2"))
        await proposing.rebase(at.lab, number, await base(at, ("RATE = 0.1", "RATE = 0.2")))
        found = at.lab.state.experiments[number]
        assert ("duplicate", True) == (found.outcome, "holds this change already" in found.reason)


async def test_two_that_become_the_same_run_once(tmp_path: Path) -> None:
    """On a trunk that holds the half of one of them."""
    async with desk(tmp_path / "lab") as at:
        await at.work({})
        both = ("RATE = 0.1\n\n# Layers (1 to 8).\nDEPTH = 4", "RATE = 0.2\n\n# Layers (1 to 8).\nDEPTH = 3")
        first, second = await waiting(at, ("DEPTH = 4", "DEPTH = 3"), both)
        to = await base(at, ("RATE = 0.1", "RATE = 0.2"))
        for number in (first, second):
            await proposing.rebase(at.lab, number, to)
        for action in plan(at.lab.state, Limits(stopping=True)):
            if isinstance(action, Record):
                at.lab.record(action.event)
        runs, other = sorted(map(at.lab.state.experiments.__getitem__, (first, second)), key=lambda each: each.reason)
        assert (None, "duplicate", True, ["RATE = 0.2", "DEPTH = 3"]) == (
            runs.outcome,
            other.outcome,
            f"the same tree as #{runs.number}" in other.reason,
            at.source(runs.commit),
        )


async def test_an_experiment_that_comes_back_is_no_duplicate_of_itself(tmp_path: Path) -> None:
    """Trunk moved and was taken back."""
    async with desk(tmp_path / "lab") as at:
        await at.work({})
        [number] = await waiting(at, ("DEPTH = 4", "DEPTH = 3"))
        start = at.lab.state.experiments[number]
        await proposing.rebase(at.lab, number, await base(at, ("RATE = 0.1", "RATE = 0.2")))
        await proposing.rebase(at.lab, number, start.base)
        found = at.lab.state.experiments[number]
        assert (start.tree, None) == (found.tree, found.outcome)


@pytest.mark.parametrize("edit", [("RATE = 0.1", "RATE = 0.3"), ("DEPTH = 4", "DEPTH = 3")], ids=["returned", "moved"])
async def test_a_tree_that_never_ran_may_be_proposed_again(tmp_path: Path, edit: tuple[str, str]) -> None:
    """Trunk moved, so it did not run; trunk was taken back: nobody has measured it."""
    async with desk(tmp_path / "lab") as at:
        await at.work({})
        [number] = await waiting(at, edit)
        await proposing.rebase(at.lab, number, await base(at, ("RATE = 0.1", "RATE = 0.2")))
        [again] = await waiting(at, edit, worktree="wt0")
        assert at.lab.state.experiments[again].outcome is None


async def test_thinking_ahead_all_ends_measured(tmp_path: Path) -> None:
    """Two worktrees, three proposals each: whatever trunk does meanwhile, each is decided on the trunk it ran on."""
    async with desk(tmp_path / "lab", mode="gate") as at:
        await at.work({})
        await waiting(at, ("RATE = 0.1", "RATE = 0.3"), ("RATE = 0.1", "RATE = 0.2"), worktree="wt0")
        await waiting(at, ("DEPTH = 4", "DEPTH = 3"), ("DEPTH = 4", "DEPTH = 5"))
        await at.work({})
        found = at.lab.state.experiments.values()
        ran = [each for each in found if each.run is not None]
        assert ([], True) == (
            [each.number for each in found if each.outcome is None],
            all(at.lab.repository.parent_of(each.commit) == each.base for each in ran),
        )
