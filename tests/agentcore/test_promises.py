"""What the queue promises, whatever happens in whatever order: results, kills, hands on trunk, and people at the keys.

Each promise is checked in the journal alone, entry by entry, as an auditor would: the state is asked nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentcore import events as ev
from agentcore.fold import fold
from agentcore.queue import verbs
from agentcore.queue.judging import claimed, more_seeds
from agentcore.queue.verbs import QUEUED, refusal
from tests.agentcore.tales import ended
from tests.agentcore.test_plan import SETTINGS, World
from worktrees.statistics import NOT_WORSE_Z

EXAMPLES = settings(SETTINGS, max_examples=40)
FEWER = settings(SETTINGS, max_examples=20)


class Harried(World):
    """A world where also the engine is killed, a merge is cut in two, and people release what is BLOCKED.

    Candidates pile up while the queue is on hold, and are sure enough to be stacked; one idea in eight is only lucky.
    """

    def __init__(self, mode: str, ahead: int | None) -> None:
        super().__init__(mode, ahead=ahead)
        gate = replace(self.state.config.gate, stack_max=4)
        self.tale.tell(replace(self.state.config, gate=gate))

    def truth(self, run: ev.Any) -> float:
        """What helps does so clearly; a lucky idea does it in its screening run alone, and harms in others."""
        lucky = sum(int(number) % 8 == 4 for number in re.findall(r"t([1-9][0-9]*)", run.tree))
        return 1.0 + 6 * (super().truth(run) - 1.0) + (0.0 if run.purpose == "screen" else 2.0 * lucky)

    def _pile_up(self, which: int) -> None:
        """Nothing is confirmed for a while."""
        self.tale.tell(ev.ModeChanged("hold", "you", ""))

    def _work_off(self, which: int) -> None:
        self.tale.tell(ev.ModeChanged("gate" if which % 2 else "me", "you", ""))

    def _hold(self, which: int) -> None:
        if number := self._pick(self._in(*QUEUED), which):
            self.tale.tell(ev.CandidateMoved(number, "HELD", "held by you", "you"))

    def _unhold(self, which: int) -> None:
        if number := self._pick(self._in("HELD"), which):
            back = "STALE" if self.state.candidates[number].tree else "NEW"
            self.tale.tell(ev.CandidateMoved(number, back, "let go by you", "you"))

    def _verify(self, which: int) -> None:
        """Three more seeds, asked for by a person."""
        fit = [n for n in self._in("CONFIRM", "READY") if not refusal(self.state, "verify", n)]
        if number := self._pick(fit, which):
            candidate = self.state.candidates[number]
            seeds = (*candidate.seeds, *more_seeds(self.state, candidate))
            self.tale.tell(ev.CandidateExtended(number, seeds, "you", "three more seeds"))

    def _kill(self, which: int) -> None:
        """The next engine knows what the journal says, and starts."""
        self.tale.state = fold(self.tale.entries)
        self._restart(which)

    def _cut(self, which: int) -> None:
        """An engine dies between a merge's intent and its outcome; trunk has moved, or somebody's hand has moved it."""
        ready = [each for each in self.state.candidates.values() if each.state == "READY"]
        if candidate := self._pick(sorted(ready, key=lambda each: each.experiment), which):
            leader = self.state.leader(candidate)
            number, old, new, tree = leader.experiment, leader.trunk, leader.landing, leader.tree
            self.tale.tell(ev.MergeIntended(number, old, new, tree, "nonce", "you", stack=leader.stack))
            assert [] == [each for each in self.plan_only() if type(each).__name__ in ("Rebase", "Promote", "Judge")]
            self._kill(which)
            if which % 2:
                self.tale.tell(ev.TrunkMoved(old, new, tree, number, "you", stack=leader.stack))
            else:
                self.tale.tell(ev.CandidateMoved(number, "STALE", "trunk moved before the merge", "engine"))
                self._move_by_hand(which)

    def plan_only(self) -> list[ev.Any]:
        """Return what is due, and do nothing of it."""
        return self.tale.plan(experiments=8)

    def _block(self, which: int) -> None:
        """What is READY is found to be too good to be true."""
        if number := self._pick(self._in("READY"), which):
            self.tale.tell(ev.CandidateMoved(number, "BLOCKED", "gain above max_gain", "engine"))

    def _release(self, which: int) -> None:
        if number := self._pick(self._in("BLOCKED"), which):
            self.tale.tell(ev.CandidateMoved(number, "NEW", "released", "you"))

    def _contend(self, which: int) -> None:
        """Another process was on the device: the run is done again."""
        self._end(which, "contended")

    def _reorder(self, which: int) -> None:
        """A person puts a candidate first."""
        if number := self._pick(self._in("READY") + self._in("STALE"), which):
            self.tale.tell(ev.CandidateReordered(number, verbs.moved(self.state, number, -9), "you"))

    def _leave(self, which: int) -> None:
        """A person leaves the lab to the gate, or comes back."""
        if self.state.away:
            self.tale.tell(ev.AwayEnded("you came back", "you"))
        else:
            self.tale.tell(ev.AwayStarted(None, None, "gate" if which % 2 else "none", "park", "you"))

    def _kill_run(self, which: int) -> None:
        """A person ends a run."""
        if number := self._pick(sorted(self.state.active), which):
            self.tale.tell(ev.RunStopped(number, "you"))
            self.tale.tell(ended(number, None, "cancelled", "stopped by you"))

    def _retire(self, which: int) -> None:
        """A person retires wt1, or brings it back."""
        if self.state.worktrees["wt1"].retired is not None:
            self.tale.tell(ev.WorktreeRestored("wt1", "you"), ev.WorktreeResumed("wt1", "you"))
        elif self.state.worktrees["wt1"].thinking is None:
            self.tale.tell(ev.WorktreeRetiring("wt1", "wt1-1", "you"), ev.WorktreeRetired("wt1", "wt1-1", "", "you"))

    def _in(self, *states: str) -> list[int]:
        return sorted(each.experiment for each in self.state.candidates.values() if each.state in states)


HAPPENINGS = st.tuples(
    st.sampled_from(
        [
            "think", "think", "think", "score", "score", "score", "score", "score", "score", "crash", "contend", "lose",
            "merge", "merge", "undo", "move_by_hand", "cut", "kill", "block", "release", "pause", "resume",
            "change_harness", "reorder", "leave", "kill_run", "retire",
            "change_harness", "pile_up", "pile_up", "work_off", "work_off", "work_off", "hold", "unhold", "verify",
        ]
    ),
    st.integers(0, 9),
)  # fmt: skip
LIVES = st.tuples(
    st.sampled_from(["me", "gate"]),
    st.sampled_from([0, 1, None]),
    st.lists(HAPPENINGS, min_size=20, max_size=80),
)
Life = tuple[str, int | None, list[tuple[str, int]]]


def lived(life: Life) -> Harried:
    """Return a world after a life, and after the last merge of it was taken back, at rest."""
    mode, ahead, happenings = life
    world = Harried(mode, ahead=ahead)
    for what, which in happenings:
        world.act()
        world.disturb(what, which)
    world.disturb("work_off", mode == "gate" or len(happenings) % 2)
    world.rest()
    world.disturb("undo", 0)
    world.rest()
    return world


def promotions(entries: list[ev.Entry]) -> Iterator[tuple[int, ev.TrunkMoved]]:
    """Return (place in the journal, move) of every promotion."""
    for place, entry in enumerate(entries):
        if isinstance(entry.event, ev.TrunkMoved) and entry.event.experiment is not None:
            yield place, entry.event


def measured(entries: list[ev.Entry]) -> dict[str, set[int]]:
    """Return {tree: seeds} of runs with a score under the last harness, but for screening runs.

    One that outlives a harness which comes back counts again: it was measured by it.
    """
    found: dict[str, set[int]] = {}
    runs: dict[int, tuple[ev.RunStarted, str]] = {}
    harness = ""
    for each in (entry.event for entry in entries):
        if isinstance(each, ev.LabConfigured) and each.harness != harness:
            found, harness = {}, each.harness
        elif isinstance(each, ev.RunStarted) and each.purpose != "screen":
            runs[each.run] = (each, harness)
        elif isinstance(each, ev.RunEnded) and each.ending == "ok" and each.run in runs:
            run, began_under = runs[each.run]
            if began_under == harness:
                found.setdefault(run.tree, set()).add(run.seed)
    return found


def last(entries: list[ev.Entry], move: ev.TrunkMoved, alone: type, stacked: type) -> ev.Any:
    """Return the newest event of a kind about what a move has brought: one candidate, or exactly that stack."""
    for event in (entry.event for entry in reversed(entries)):
        if isinstance(event, stacked if move.stack else alone) and about(event) == about(move):
            return event
    raise AssertionError(f"nothing was told of {about(move)}")


def about(event: ev.Any) -> tuple[int, ...]:
    """Return the experiments that an event speaks of."""
    return getattr(event, "experiments", ()) or getattr(event, "stack", ()) or (event.experiment,)


@given(LIVES)
@EXAMPLES
def test_trunk_is_moved_to_measured_trees_alone(life: Life) -> None:
    """Every seed of its confirmation has run on both sides, under the harness of that day; a hand may do otherwise."""
    entries = lived(life).tale.entries
    for place, move in promotions(entries):
        before = entries[:place]
        rebased, seeds = last(before, move, ev.CandidateRebased, ev.StackRebased), measured(before)
        assert rebased.tree == move.tree
        assert set(rebased.seeds) <= seeds.get(move.tree, set()) & seeds.get(rebased.trunk_tree, set())


@given(LIVES)
@EXAMPLES
def test_every_promotion_was_announced_and_judged(life: Life) -> None:
    """The commit that landed is that of a verdict which passed, on the trunk that it replaced."""
    entries = lived(life).tale.entries
    for place, move in promotions(entries):
        before = entries[:place]
        judged = last(before, move, ev.CandidateJudged, ev.StackJudged)
        intent = last(before, move, ev.MergeIntended, ev.MergeIntended)
        landing = judged.landings[-1] if move.stack else judged.landing
        assert (True, move.new) == (judged.verdict.passed, landing)
        assert (move.old, move.new, move.tree) == (intent.old, intent.new, intent.tree)


@given(LIVES)
@EXAMPLES
def test_nothing_is_promoted_twice(life: Life) -> None:
    """Unless a person took it back in between."""
    moves = [entry.event for entry in lived(life).tale.entries if isinstance(entry.event, ev.TrunkMoved)]
    standing: Counter[int] = Counter()
    for move in moves:
        for number in about(move) if move.experiment is not None else ():
            standing[number] += 1
        for number in move.stack or (move.undone,) if move.undone is not None else ():
            standing[number] -= 1
        assert max(standing.values(), default=0) <= 1


@given(LIVES)
@EXAMPLES
def test_trunk_is_where_its_moves_have_brought_it(life: Life) -> None:
    """Each starts where the one before ended: no merge forgets another, whoever moved trunk between them."""
    world = lived(life)
    moves = [entry.event for entry in world.tale.entries if isinstance(entry.event, ev.TrunkMoved)]
    assert [move.new for move in moves[:-1]] == [move.old for move in moves[1:]]
    assert moves[-1].new == world.state.trunk.commit


@given(LIVES)
@EXAMPLES
def test_patience_is_bounded(life: Life) -> None:
    """A candidate is confirmed three times in a row at most, and each promotion gives at most one second chance."""
    confirmed: Counter[int] = Counter()
    fellows: dict[int, tuple[int, ...]] = {}
    again: list[int] = []
    landed = chances = 0
    for event in (entry.event for entry in lived(life).tale.entries):
        if isinstance(event, ev.LabConfigured):
            confirmed.clear()
        elif isinstance(event, ev.CandidateRebased | ev.StackRebased):
            confirmed.update(about(event))
            fellows.update(dict.fromkeys(about(event), about(event)))
        elif isinstance(event, ev.StackJudged) and event.halves:
            for number in event.experiments:
                del confirmed[number]
        elif isinstance(event, ev.CandidateMoved) and event.state in ("HELD", "BLOCKED"):
            for number in fellows.get(event.experiment, ()):
                confirmed[number] = 0
        elif isinstance(event, ev.CandidateMoved) and event.state == "NEW":
            del confirmed[event.experiment]
            again += [event.experiment] if event.reason.startswith("a near miss") else []
        elif isinstance(event, ev.TrunkMoved) and event.experiment is not None:
            landed += 1
            chances = len(again)
        assert max(confirmed.values(), default=0) <= 3
        assert len(again) <= min(landed, chances + 1)
    assert len(again) == len(set(again))


@given(LIVES)
@FEWER
def test_a_member_of_a_failed_stack_is_never_restacked(life: Life) -> None:
    """But with those of its half, all of them or fewer."""
    half: dict[int, set[int]] = {}
    for event in (entry.event for entry in lived(life).tale.entries):
        if isinstance(event, ev.StackRebased):
            assert all(
                set(event.experiments) <= half.get(number, set(event.experiments)) for number in event.experiments
            )
        elif isinstance(event, ev.StackJudged):
            half.update({number: set(each) for each in event.halves for number in each})


@given(LIVES)
@FEWER
def test_what_is_claimed_is_the_verdict_of_each_move_once(life: Life) -> None:
    """Not once for each member of a stack, and nothing of what was taken back."""
    world = lived(life)
    standing: list[tuple[str, float]] = []
    verdicts: dict[tuple[int, ...], float] = {}
    for event in (entry.event for entry in world.tale.entries):
        if isinstance(event, ev.CandidateJudged | ev.StackJudged) and event.verdict:
            simpler = not isinstance(event, ev.StackJudged) and world.state.candidates[event.experiment].simpler
            is_luck = simpler and event.verdict.gain > 0 and event.verdict.z < NOT_WORSE_Z
            verdicts[about(event)] = 0.0 if is_luck else event.verdict.gain
        elif isinstance(event, ev.TrunkMoved) and event.experiment is not None:
            standing.append((event.new, verdicts[about(event)]))
        elif isinstance(event, ev.TrunkMoved) and event.undone is not None:
            standing.pop()
    claims = [verdict.gain for merge in world.state.merges if (verdict := claimed(world.state, merge))]
    assert fsum(gain for _, gain in standing) == pytest.approx(fsum(claims))


@given(LIVES)
@FEWER
def test_an_engine_that_is_killed_anywhere_forgets_nothing(life: Life) -> None:
    """Whatever part of the journal is there, the rest of it leads to the same end."""
    world = lived(life)
    half = len(world.tale.entries) // 2
    assert world.state == fold(world.tale.entries[half:], fold(world.tale.entries[:half]))


def test_such_lives_are_not_empty() -> None:
    """They have promotions, second chances, cut merges and stacks in them, or nothing was tried above."""
    happenings = [("think", 0), ("score", 0), ("score", 1), ("merge", 0), ("cut", 1)] * 16
    piled = [("pile_up", 0)] + [("think", 0), ("score", 0)] * 20 + [("work_off", 1)]
    told = [lived((mode, None, each)).tale.entries for mode, each in (("me", happenings), ("gate", piled))]
    intents = sum(isinstance(entry.event, ev.MergeIntended) for entry in told[0])
    moves = [[move for _, move in promotions(entries)] for entries in told]
    halved = any(isinstance(entry.event, ev.StackJudged) and entry.event.halves for entry in told[1])
    assert (True, True, True, True) == (len(moves[0]) > 0, intents > 0, any(move.stack for move in moves[1]), halved)
