"""What is due follows from the state alone; whatever happens, the lab comes to rest and counts nothing twice."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentcore import events as ev
from agentcore.fold import fold
from agentcore.plan import (
    Action,
    Judge,
    JudgeStack,
    Limits,
    MoveWorktree,
    Promote,
    Propose,
    Rebase,
    RebaseExperiment,
    Record,
    Stack,
    StartRun,
    home_base,
    plan,
)
from agentcore.queue.judging import SCREENING_SEEDS, confirmation_seeds, is_calibrated, judge, screening_seed
from agentcore.queue.stacks import halves
from tests.agentcore.tales import CONFIG, Tale, calibrated, ended, gated, kinds, opened, started
from worktrees.runs import Ending


def runs(actions: list[Action]) -> list[StartRun]:
    """Return the runs among the actions."""
    return [action for action in actions if isinstance(action, StartRun)]


def due(tale: Tale, **limits: object) -> list[tuple[str, str, int]]:
    """Return purpose, tree and seed of the runs that are due."""
    return [(run.purpose, run.tree, run.seed) for run in runs(tale.plan(**limits))]


# --- Before there is anything to judge by ---


def test_a_lab_without_trunk_has_nothing_to_do() -> None:
    """Everything begins with trunk."""
    assert [] == Tale().tell(started(), CONFIG).plan()


def test_calibration_comes_first() -> None:
    """Trunk's own runs fill the slots, with seeds from 1 on, and no agent is asked yet."""
    assert ["StartRun", "StartRun"] == kinds(opened().plan())


def test_calibration_goes_on_where_it_was() -> None:
    """One run is there and one is going on: the third seed is due."""
    tale = opened().pool("t0", {1: 1.0}).tell(ev.RunStarted(2, "baseline", None, "c0", "t0", 2, 1, "cpu0"))
    assert [("baseline", "t0", 3)] == due(tale)


def test_a_calibration_run_that_failed_is_tried_once_more() -> None:
    """One failure may be an accident."""
    tale = opened()
    tale.run("baseline", "t0", 1, None)
    assert [("baseline", "t0", 1), ("baseline", "t0", 2)] == due(tale)


def test_a_trunk_that_does_not_train_stops_the_lab() -> None:
    """After the second failure nothing is run and nobody is asked."""
    tale = opened()
    tale.run("baseline", "t0", 1, None)
    tale.run("baseline", "t0", 1, None)
    assert [] == tale.plan()


def test_every_worktree_proposes_once_there_is_a_number() -> None:
    """After calibration all agents are asked."""
    assert [Propose("wt0"), Propose("wt1")] == calibrated().plan()


# --- Slots ---


def test_a_slot_has_one_run_at_a_time() -> None:
    """Three runs are wanted, two slots are there."""
    assert ["cpu0", "cpu1"] == [run.slot for run in runs(opened().plan())]


def test_a_busy_slot_is_not_used() -> None:
    """What is free is used."""
    tale = opened().tell(ev.RunStarted(1, "baseline", None, "c0", "t0", 1, 1, "cpu0"))
    assert ["cpu1"] == [run.slot for run in runs(tale.plan())]


def test_an_experiment_runs_at_home() -> None:
    """wt1's home is cpu1, though cpu0 is free too."""
    tale = calibrated()
    tale.propose("wt1", "t1")
    assert ["cpu1"] == [run.slot for run in runs(tale.plan())]


def test_an_experiment_runs_elsewhere_while_its_home_is_busy() -> None:
    """Slots are a pool, a worktree is a home."""
    tale = calibrated()
    tale.propose("wt1", "t1")
    tale.tell(ev.RunStarted(4, "baseline", None, "c0", "t0", 9, 1, "cpu1"))
    assert ["cpu0"] == [run.slot for run in runs(tale.plan())]


def test_the_agent_with_the_fewest_experiments_is_first() -> None:
    """One slot is free: it goes to the worktree that has had fewer."""
    tale = calibrated()
    tale.decide(tale.propose("wt0", "t1"), "drop")
    tale.propose("wt0", "t2")
    tale.propose("wt1", "t3")
    tale.tell(ev.RunStarted(4, "baseline", None, "c0", "t0", 9, 1, "cpu1"))
    assert [("screen", "t3", screening_seed(3))] == due(tale)


def test_confirmation_comes_before_screening() -> None:
    """Merging what was found is worth more than finding more."""
    tale = calibrated()
    tale.rebase(tale.keep("wt0", "t1"), "t1")
    tale.propose("wt0", "t2")
    assert [("confirm", "t1", 1), ("confirm", "t1", 2)] == due(tale)


def test_trunks_own_runs_come_before_confirmation() -> None:
    """A trunk that was moved by hand is measured first."""
    tale = calibrated()
    tale.tell(ev.TrunkMoved("c0", "c9", "t9", None, "hand")).run("baseline", "t9", 1, 1.0)
    tale.rebase(tale.keep("wt0", "t1"), "t1")
    assert [("baseline", "t9", 2), ("baseline", "t9", 3)] == due(tale)


# --- Experiments ---


@pytest.mark.parametrize("ending", ["ok", "crash", "nan", "timeout", "invalid"])
def test_an_ended_screening_run_is_decided(ending: Ending) -> None:
    """Before anything else happens."""
    tale = calibrated()
    tale.screen(tale.propose("wt0", "t1"), 0.8 if ending == "ok" else None, ending)
    assert isinstance(tale.plan()[0], Record)


def test_a_lost_screening_run_is_done_again_with_its_seed() -> None:
    """Losing a run is no outcome."""
    tale = calibrated()
    number = tale.propose("wt0", "t1")
    tale.screen(number, None, "lost")
    assert [("screen", "t1", screening_seed(number))] == due(tale)


def test_a_run_that_goes_on_is_not_started_again() -> None:
    """The plan of an engine that was just started is the plan of the one before."""
    tale = calibrated()
    number = tale.propose("wt0", "t1")
    tale.tell(ev.RunStarted(4, "screen", number, "c1", "t1", screening_seed(number), 1, "cpu0"), started(pid=2))
    assert [] == due(tale)


def test_an_experiment_that_outlived_its_harness_is_cancelled() -> None:
    """There is nothing fair to compare it with: its base's pool was measured in another way."""
    tale = calibrated()
    tale.screen(tale.propose("wt0", "t1"), 0.8)
    tale.tell(replace(CONFIG, harness="other"))
    assert ["cancelled"] == [action.event.outcome for action in tale.plan() if isinstance(action, Record)]  # type: ignore[union-attr]


def test_an_experiment_waits_for_the_noise_of_a_harness_that_came_back() -> None:
    """Its run began under it, and one run of trunk says nothing of the noise yet: it is decided after the second."""
    tale = calibrated()
    number = tale.propose("wt0", "t1")
    tale.tell(ev.RunStarted(4, "screen", number, "c1", "t1", screening_seed(number), 1, "cpu0"))
    tale.tell(replace(CONFIG, harness="other"), CONFIG, ended(4, 0.8)).run("baseline", "t0", 1, 1.0)
    assert "Record" not in kinds(tale.plan())
    tale.run("baseline", "t0", 2, 1.2)
    assert "Record" in kinds(tale.plan())


def test_the_limit_counts_experiments_and_open_turns() -> None:
    """Two allowed, one done, one agent at work: nobody else is asked."""
    tale = calibrated(count=3)
    tale.decide(tale.propose("wt0", "t1"), "drop")
    tale.tell(ev.ThinkingStarted("wt1"))
    assert "Propose" not in kinds(tale.plan(experiments=2))


def test_a_worktree_is_parked_after_failures_in_a_row() -> None:
    """The reason says what failed last."""
    tale = calibrated().tell(*[ev.AgentFailed("wt0", "nothing new")] * 3)
    assert Record(ev.WorktreePaused("wt0", "3 failures in a row, the last: nothing new", "engine")) in tale.plan()


def test_a_paused_worktree_is_not_asked() -> None:
    """The others are."""
    tale = calibrated().tell(ev.WorktreePaused("wt0", "by you", "you"))
    assert [Propose("wt1")] == tale.plan()


def test_stopping_starts_nothing_but_decides() -> None:
    """What ended is still written down."""
    tale = calibrated()
    tale.screen(tale.propose("wt0", "t1"), 0.8)
    tale.propose("wt1", "t2")
    assert ["Record"] == kinds(tale.plan(stopping=True))


# --- Where a proposal starts ---


def test_a_worktree_returns_to_trunk() -> None:
    """Its last experiment was dropped: the edit goes."""
    tale = calibrated()
    tale.decide(tale.propose("wt0", "t1"), "drop")
    assert [MoveWorktree("wt0", "c0"), Propose("wt0")] == [each for each in tale.plan() if "wt1" not in str(each)]


def test_a_kept_experiment_is_no_base() -> None:
    """Never on an unconfirmed commit."""
    tale = calibrated()
    tale.keep("wt0", "t1")
    assert "c0" == home_base(tale.state, tale.state.worktrees["wt0"])


def test_a_worktree_stands_on_its_own_ready_candidate() -> None:
    """Wins stack while the researcher sleeps; another worktree's win does not move this one."""
    tale = calibrated()
    tale.ready("wt0", "t1")
    assert ["l1", "c0"] == [home_base(tale.state, tale.state.worktrees[name]) for name in ("wt0", "wt1")]


def test_the_best_of_several_ready_candidates_is_the_base() -> None:
    """By its verdict's gain."""
    tale = calibrated()
    tale.ready("wt0", "t1", gain=0.2)
    tale.ready("wt0", "t2", gain=0.3)
    assert "l2" == home_base(tale.state, tale.state.worktrees["wt0"])


def test_a_busy_worktree_is_not_moved() -> None:
    """Trunk moved while its experiment waits: it is moved between experiments."""
    tale = calibrated()
    tale.propose("wt1", "t2")
    tale.merge(tale.ready("wt0", "t1"))
    assert ["wt0"] == [each.worktree for each in tale.plan() if isinstance(each, MoveWorktree)]


# --- The queue ---


def test_a_new_candidate_is_replayed_on_trunk() -> None:
    """NEW and STALE wait for that."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    assert Rebase(number) in tale.plan()


def test_the_best_screened_are_confirmed_first_and_two_at_a_time() -> None:
    """A deeper queue would measure on trunks that never come."""
    tale = calibrated(count=3)
    for index, z in enumerate((1.5, 3.0, 2.0)):
        tale.keep(f"wt{index}", f"t{index + 1}", z=z)
    assert [Rebase(2), Rebase(3)] == [each for each in tale.plan() if isinstance(each, Rebase)]


def test_a_confirmation_runs_what_both_sides_lack() -> None:
    """Trunk has seeds 1 to 3, the candidate has 1: seed 4 is due for both, 2 for the candidate."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1", (1, 2, 4)).confirm(number, {1: 0.8})
    wanted = [("confirm", "t1", 2), ("confirm", "t1", 4)]
    assert (wanted, ("baseline", "t0", 4)) == (due(tale), due(tale.confirm(number, {2: 0.8, 4: 0.8}))[0])


def test_two_candidates_share_trunks_new_seed() -> None:
    """The same run of trunk serves both."""
    tale = calibrated(count=4)
    for worktree, tree in (("wt0", "t1"), ("wt1", "t2")):
        tale.rebase(tale.keep(worktree, tree), tree, (4,))
    assert 1 == due(tale).count(("baseline", "t0", 4))


def test_a_complete_confirmation_is_judged() -> None:
    """Every seed of it has run on both sides."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1").confirm(number, {1: 0.8, 2: 0.9})
    assert Judge(number) in tale.plan()


def test_a_candidate_that_does_not_train_is_judged_too() -> None:
    """Two of its runs failed: no third is tried."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1")
    for _ in range(2):
        tale.run("confirm", "t1", 1, None, experiment=number)
    assert (True, []) == (Judge(number) in tale.plan(), due(tale))


def test_a_candidate_is_not_judged_for_a_trunk_that_fails() -> None:
    """Its own runs went well: that trunk does not train is not its fault."""
    tale = calibrated()
    number = tale.keep("wt0", "t1")
    tale.rebase(number, "t1", (1, 4)).confirm(number, {1: 0.8, 4: 0.8})
    for _ in range(2):
        tale.run("baseline", "t0", 4, None)
    assert Judge(number) not in tale.plan()


def test_a_ready_candidate_waits_for_the_researcher() -> None:
    """In mode `me` nothing merges by itself."""
    tale = calibrated()
    tale.ready("wt0", "t1")
    assert "Promote" not in kinds(tale.plan())


def test_the_gate_merges_the_best_ready_candidate() -> None:
    """In mode `gate`, one at a time; no other is replayed on a trunk that is about to go."""
    tale = calibrated(config=gated(mode="gate"))
    tale.ready("wt0", "t1", gain=0.2)
    best = tale.ready("wt1", "t2", gain=0.3)
    tale.keep("wt0", "t3")
    assert [Promote(best)] == [each for each in tale.plan() if isinstance(each, Promote | Rebase)]


def test_the_gate_does_not_repeat_what_a_person_undid() -> None:
    """Else an undo would last a quarter of a second; the rest of the queue goes on."""
    tale = calibrated(config=gated(mode="gate"))
    number = tale.ready("wt0", "t1")
    tale.merge(number).tell(ev.TrunkMoved("l1", "c0", "t0", None, "you", undone=number))
    other = tale.keep("wt1", "t2")
    assert [Rebase(other)] == [each for each in tale.plan() if isinstance(each, Promote | Rebase)]


def test_in_hold_no_confirmation_starts() -> None:
    """New candidates wait, agents go on."""
    tale = calibrated(config=gated(mode="hold"))
    tale.keep("wt0", "t1")
    assert {"MoveWorktree", "Propose"} == set(kinds(tale.plan()))


def test_the_queue_stands_still_while_a_merge_is_open() -> None:
    """An intent without outcome: nobody knows which trunk it is."""
    tale = calibrated(config=gated(mode="gate"))
    tale.ready("wt0", "t1")
    tale.keep("wt1", "t2")
    tale.tell(ev.MergeIntended(1, "c0", "l1", "t1", "nonce", "gate"))
    assert {"Promote", "Rebase", "Judge"}.isdisjoint(kinds(tale.plan()))


# --- A whole lab without git or processes, in a world that does what it likes ---


def truth(tree: str) -> float:
    """Return the true score of a tree such as `t3ont1ont0`: two of three experiments help, and gains add up."""
    return 1.0 - sum(0.06 if int(number) % 3 else -0.02 for number in re.findall(r"t([1-9][0-9]*)", tree))


class World:
    """Carries the plan out on paper. `disturb` is everything that may happen between two plans."""

    def __init__(self, mode: str = "me", slots: int = 2, ahead: int | None = 0) -> None:
        self.tale = opened(slots, gated(mode=mode))
        self.limits = Limits(experiments=8, proposals_ahead=ahead)
        self.scores = random.Random(1)

    @property
    def state(self) -> ev.Any:
        """The lab as it is."""
        return self.tale.state

    def truth(self, run: ev.Any) -> float:
        """Return the true score of a run."""
        return truth(run.tree)

    def act(self) -> list[Action]:
        """Plan once and carry it out."""
        actions = plan(self.state, self.limits)
        for action in actions:
            self._carry_out(action)
        return actions

    def rest(self, rounds: int = 400) -> int:
        """Go on without disturbance, everything going well, until nothing is due; return the rounds that it took."""
        for which in (0, 1):
            self._resume(which)
        for spent in range(rounds):
            if not self.act() and not self._progress():
                return spent
        return rounds

    def disturb(self, what: str, which: int) -> None:
        """Let something happen."""
        getattr(self, f"_{what}")(which)

    def _carry_out(self, action: Action) -> None:
        tell = self.tale.tell
        match action:
            case Record(event):
                tell(event)
            case StartRun():
                assert action.slot not in self.tale.busy(), "a slot has one run at a time"
                number = len(self.state.runs) + 1
                what = (action.purpose, action.experiment, action.commit, action.tree, action.seed)
                tell(ev.RunStarted(number, *what, 1, action.slot))
            case MoveWorktree(name, base):
                tell(ev.WorktreeMoved(name, base, self._tree_of(base)))
            case Propose(name):
                tell(ev.ThinkingStarted(name))
            case RebaseExperiment(number, base):
                self._move_experiment(number, base)
            case Rebase(number):
                self._rebase(number)
            case Stack(numbers):
                self._stack(numbers)
            case Judge(number):
                self._judge(number)
            case JudgeStack(numbers):
                self._judge_stack(numbers)
            case Promote(number):
                self.tale.merge(number)

    def _tree_of(self, commit: str) -> str:
        """A landing commit's tree is its candidate's, every other one is named like its commit."""
        landed = {each.landing: each.tree for each in self.state.candidates.values() if each.landing}
        moves = {
            entry.event.new: entry.event.tree for entry in self.tale.entries if isinstance(entry.event, ev.TrunkMoved)
        }
        return {**landed, **moves}.get(commit) or commit.replace("c", "t")

    def _rebase(self, number: int) -> None:
        trunk = self.state.trunk
        if number % 5 == 0:
            self.tale.tell(ev.CandidateMoved(number, "CONFLICT", "conflict in train.py", "engine"))
            return
        tree, simpler = f"t{number}on{trunk.tree}", self.state.candidates[number].simpler
        self.tale.rebase(number, tree, confirmation_seeds(self.state, simpler=simpler))

    def _stack(self, numbers: tuple[int, ...]) -> None:
        """As stacking.rebase does: who conflicts with trunk, or touches another (every sixth does), is left out."""
        conflicting = [number for number in numbers if number % 5 == 0]
        for number in conflicting:
            self._rebase(number)
        members = tuple(n for n in numbers if n not in conflicting and (n % 6 or n == numbers[0]))
        if len(members) < 2:
            for number in members:
                self._rebase(number)
            return
        trunk, tree = self.state.trunk, self.state.trunk.tree
        commits = []
        for number in members:
            tree = f"t{number}on{tree}"
            commits.append(tree.replace("t", "c"))
        seeds = confirmation_seeds(self.state)
        self.tale.tell(ev.StackRebased(members, tuple(commits), trunk.commit, trunk.tree, tree, seeds))

    def _judge_stack(self, numbers: tuple[int, ...]) -> None:
        leader = self.state.candidates[numbers[-1]]
        if self.state.broken(leader.tree):
            self.tale.tell(ev.StackJudged(numbers, None, (), halves(numbers), "a confirmation run failed"))
            return
        standing, verdict = judge(self.state, leader)
        landings = tuple(f"l{number}.{len(self.tale.entries)}" for number in numbers)
        if standing == "READY":
            self.tale.tell(ev.StackJudged(numbers, verdict, landings, (), ""))
        else:
            self.tale.tell(ev.StackJudged(numbers, verdict, (), halves(numbers), "no gain"))

    def _move_experiment(self, number: int, base: str) -> None:
        """Every seventh does not fit on its new base."""
        if number % 7 == 0:
            self.tale.decide(number, "returned")
            return
        base_tree = self._tree_of(base)
        tree = f"t{number}on{base_tree}"
        self.tale.tell(ev.ExperimentRebased(number, base, base_tree, tree.replace("t", "c"), tree))

    def _judge(self, number: int) -> None:
        candidate = self.state.candidates[number]
        if self.state.broken(candidate.tree):
            self.tale.tell(ev.CandidateMoved(number, "REJECTED", "a confirmation run failed", "engine"))
            return
        standing, verdict = judge(self.state, candidate)
        landing = f"l{number}.{len(self.tale.entries)}" if standing == "READY" else ""
        self.tale.tell(ev.CandidateJudged(number, standing, verdict, landing, ""))

    def _progress(self) -> bool:
        """Every open turn and run comes to a good end; False where there was none."""
        thinking = [name for name, each in self.state.worktrees.items() if each.thinking is not None]
        active = list(self.state.active)
        for index, _ in enumerate(thinking):
            self._think(index)
        for _ in active:
            self._score(0)
        return bool(thinking or active)

    def _pick(self, items: list[ev.Any], which: int) -> ev.Any:
        return items[which % len(items)] if items else None

    def _think(self, which: int) -> None:
        thinking = [name for name, each in self.state.worktrees.items() if each.thinking is not None]
        if name := self._pick(thinking, 0):
            number, base = len(self.state.experiments) + 1, self.state.worktrees[name]
            tree = f"t{number}on{base.base_tree}"
            self.tale.tell(
                ev.ExperimentProposed(
                    number,
                    name,
                    "search",
                    base.base,
                    base.base_tree,
                    tree.replace("t", "c"),
                    tree,
                    "idea",
                    1,
                    1 + (number % 3 == 0),
                    (),
                )
            )

    def _repeat(self, which: int) -> None:
        """An agent proposes a tree that was there already."""
        before = len(self.state.experiments)
        self._think(which)
        if len(self.state.experiments) > before:
            self.tale.decide(before + 1, "duplicate")

    def _give_up(self, which: int) -> None:
        thinking = [name for name, each in self.state.worktrees.items() if each.thinking is not None]
        if name := self._pick(thinking, which):
            self.tale.tell(ev.AgentFailed(name, "nothing new"))

    def _limit(self, which: int) -> None:
        """A provider is busy, or is no longer."""
        thinking = [name for name, each in self.state.worktrees.items() if each.thinking is not None]
        if name := self._pick(thinking, which):
            self.tale.tell(ev.AgentStateChanged(name, "THINK" if which % 2 else "LIMIT", "429", None))

    def _end(self, which: int, ending: Ending) -> None:
        if number := self._pick(sorted(self.state.active), which):
            score = self.truth(self.state.runs[number]) + self.scores.gauss(0, 0.02)
            self.tale.tell(ended(number, score if ending == "ok" else None, ending, "it broke"))

    def _score(self, which: int) -> None:
        self._end(which, "ok")

    def _crash(self, which: int) -> None:
        self._end(which, "crash")

    def _lose(self, which: int) -> None:
        self._end(which, "lost")

    def _cancel(self, which: int) -> None:
        self._end(which, "cancelled")

    def _merge(self, which: int) -> None:
        ready = [each.experiment for each in self.state.candidates.values() if each.state == "READY"]
        if number := self._pick(sorted(ready), which):
            self.tale.merge(number)

    def _undo(self, which: int) -> None:
        last = self.state.merges[-1] if self.state.merges else None
        if last and not last.undone and last.new == self.state.trunk.commit:
            tree = self._tree_of(last.old)
            undone, stack = last.experiment, last.stack
            self.tale.tell(ev.TrunkMoved(last.new, last.old, tree, None, "you", undone=undone, stack=stack))

    def _move_by_hand(self, which: int) -> None:
        name = f"h{len(self.tale.entries)}"
        self.tale.tell(ev.TrunkMoved(self.state.trunk.commit, f"c{name}", f"t{name}", None, "hand"))

    def _restart(self, which: int) -> None:
        self.tale.tell(started(1 + which % 3, pid=which))

    def _resume(self, which: int) -> None:
        self.tale.tell(ev.WorktreeResumed(f"wt{which % 2}", "you"))

    def _pause(self, which: int) -> None:
        self.tale.tell(ev.WorktreePaused(f"wt{which % 2}", "by you", "you"))

    def _change_harness(self, which: int) -> None:
        self.tale.tell(replace(self.state.config, harness=f"harness{which % 3}"))


DISTURBANCES = st.tuples(
    st.sampled_from(
        [
            "think", "think", "limit", "repeat", "give_up", "score", "score", "score", "score", "crash", "lose",
            "cancel", "merge", "undo", "move_by_hand", "restart", "pause", "resume", "change_harness",
        ]
    ),
    st.integers(0, 9),
)  # fmt: skip
Story = tuple[tuple[str, int | None], list[tuple[str, int]]]
"""(who merges, proposals ahead), and what happens."""
WORLDS = st.tuples(st.sampled_from(["me", "gate", "hold"]), st.sampled_from([0, 1, 2, None]))
STORIES = st.tuples(WORLDS, st.lists(DISTURBANCES, max_size=60))
SETTINGS = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def told(story: Story) -> World:
    """Return a world after a story: the plan is carried out after each thing that happens."""
    (mode, ahead), happenings = story
    world = World(mode, ahead=ahead)
    for what, which in happenings:
        world.act()
        world.disturb(what, which)
    return world


@given(STORIES)
@SETTINGS
def test_the_lab_always_comes_to_rest(story: Story) -> None:
    """With a bounded number of experiments the plan runs dry: no pair of actions undoes each other for ever."""
    assert told(story).rest() < 400


@given(STORIES)
@SETTINGS
def test_at_rest_every_experiment_is_decided(story: Story) -> None:
    """Unless trunk itself does not train, nothing waits that nobody will ever take up."""
    world = told(story)
    world.rest()
    waiting = [each.number for each in world.state.experiments.values() if each.outcome is None]
    assert world.state.broken(world.state.trunk.tree) or [] == waiting


@given(STORIES)
@SETTINGS
def test_at_rest_the_queue_is_worked_off(story: Story) -> None:
    """Unless held, no candidate is left half way."""
    world = told(story)
    world.rest()
    half_way = [
        each for each in world.state.candidates.values() if each.state in ("NEW", "CONFIRM", "STALE", "MERGING")
    ]
    assert world.state.broken(world.state.trunk.tree) or story[0][0] == "hold" or [] == half_way


@given(STORIES)
@SETTINGS
def test_no_pool_ever_holds_a_screening_run(story: Story) -> None:
    """The value that an experiment was kept for is in no estimate of its gain."""
    world = told(story)
    world.rest()
    assert all(seed < SCREENING_SEEDS for pool in world.state.pools.values() for seed in pool)


@given(STORIES)
@SETTINGS
def test_nothing_is_scored_twice(story: Story) -> None:
    """While the harness stays, each (tree, seed) has one score."""
    world = told((story[0], [each for each in story[1] if each[0] != "change_harness"]))
    world.rest()
    scored = Counter((run.tree, run.seed) for run in world.state.runs.values() if run.ending == "ok")
    assert [] == [key for key, times in scored.items() if times > 1]


@given(STORIES)
@SETTINGS
def test_a_story_read_again_has_the_same_end(story: Story) -> None:
    """The state holds nothing but its events."""
    world = told(story)
    assert world.state == fold(world.tale.entries)


@given(STORIES)
@SETTINGS
def test_what_was_merged_was_confirmed_against_its_trunk(story: Story) -> None:
    """Every seed of every merge was run on both sides, by runs whose purpose was not the screening."""
    world = told(story)
    world.rest()
    fair = {(run.tree, run.seed) for run in world.state.runs.values() if run.ending == "ok" and run.purpose != "screen"}
    merged = [each for each in world.state.candidates.values() if each.state == "MERGED"]
    assert [] == [
        (each.experiment, seed)
        for each in merged
        for seed in each.seeds
        if not {(each.tree, seed), (each.trunk_tree, seed)} <= fair
    ]


def test_a_quiet_world_finds_and_merges() -> None:
    """The world is not trivial: under the gate, without disturbance, candidates land."""
    world = World("gate")
    world.rest()
    assert (8, True, True) == (
        len(world.state.experiments),
        len(world.state.merges) > 0,
        is_calibrated(world.state),
    )
