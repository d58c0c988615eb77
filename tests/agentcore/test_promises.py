"""What the queue promises, whatever happens in whatever order: results, kills, hands on trunk, and people at the keys.

Each promise is checked in the journal alone, entry by entry, as an auditor would: the state is asked nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from agentcore import events as ev
from agentcore import verbs
from agentcore.fold import fold
from tests.agentcore.tales import ended
from tests.agentcore.test_plan import SETTINGS, World

EXAMPLES = settings(SETTINGS, max_examples=40)


class Harried(World):
    """A world where also the engine is killed, a merge is cut in two, and people release what is BLOCKED."""

    def _kill(self, which: int) -> None:
        """The next engine knows what the journal says, and starts."""
        self.tale.state = fold(self.tale.entries)
        self._restart(which)

    def _cut(self, which: int) -> None:
        """An engine dies between a merge's intent and its outcome; trunk has moved, or somebody's hand has moved it."""
        ready = [each for each in self.state.candidates.values() if each.state == "READY"]
        if candidate := self._pick(sorted(ready, key=lambda each: each.experiment), which):
            number, old, new, tree = candidate.experiment, candidate.trunk, candidate.landing, candidate.tree
            self.tale.tell(ev.MergeIntended(number, old, new, tree, "nonce", "you"))
            assert [] == [each for each in self.plan_only() if type(each).__name__ in ("Rebase", "Promote", "Judge")]
            self._kill(which)
            if which % 2:
                self.tale.tell(ev.TrunkMoved(old, new, tree, number, "you"))
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

    def _in(self, state: str) -> list[int]:
        return sorted(each.experiment for each in self.state.candidates.values() if each.state == state)


HAPPENINGS = st.tuples(
    st.sampled_from(
        [
            "think", "think", "think", "score", "score", "score", "score", "score", "score", "crash", "contend", "lose",
            "merge", "merge", "undo", "move_by_hand", "cut", "kill", "block", "release", "pause", "resume",
            "change_harness", "reorder", "leave", "kill_run", "retire",
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
    """Return a world after a life, at rest."""
    mode, ahead, happenings = life
    world = Harried(mode, ahead=ahead)
    for what, which in happenings:
        world.act()
        world.disturb(what, which)
    world.rest()
    return world


def promotions(entries: list[ev.Entry]) -> Iterator[tuple[int, ev.TrunkMoved]]:
    """Return (place in the journal, move) of every promotion."""
    for place, entry in enumerate(entries):
        if isinstance(entry.event, ev.TrunkMoved) and entry.event.experiment is not None:
            yield place, entry.event


def measured(entries: list[ev.Entry]) -> dict[str, set[int]]:
    """Return {tree: seeds} of runs with a score under the last harness, but for screening runs."""
    found: dict[str, set[int]] = {}
    runs: dict[int, ev.RunStarted] = {}
    harness = ""
    for each in (entry.event for entry in entries):
        if isinstance(each, ev.LabConfigured) and each.harness != harness:
            found, runs, harness = {}, {}, each.harness
        elif isinstance(each, ev.RunStarted) and each.purpose != "screen":
            runs[each.run] = each
        elif isinstance(each, ev.RunEnded) and each.ending == "ok" and (run := runs.get(each.run)):
            found.setdefault(run.tree, set()).add(run.seed)
    return found


def last(entries: list[ev.Entry], kind: type, experiment: int) -> ev.Any:
    """Return the newest event of a kind about an experiment."""
    events = (entry.event for entry in reversed(entries) if isinstance(entry.event, kind))
    return next(event for event in events if event.experiment == experiment)  # type: ignore[union-attr]


@given(LIVES)
@EXAMPLES
def test_trunk_is_moved_to_measured_trees_alone(life: Life) -> None:
    """Every seed of its confirmation has run on both sides, under the harness of that day; a hand may do otherwise."""
    entries = lived(life).tale.entries
    for place, move in promotions(entries):
        before = entries[:place]
        rebased, seeds = last(before, ev.CandidateRebased, move.experiment), measured(before)
        assert rebased.tree == move.tree
        assert set(rebased.seeds) <= seeds.get(move.tree, set()) & seeds.get(rebased.trunk_tree, set())


@given(LIVES)
@EXAMPLES
def test_every_promotion_was_announced_and_judged(life: Life) -> None:
    """The commit that landed is that of a verdict which passed, on the trunk that it replaced."""
    entries = lived(life).tale.entries
    for place, move in promotions(entries):
        before = entries[:place]
        judged, intent = (last(before, kind, move.experiment) for kind in (ev.CandidateJudged, ev.MergeIntended))
        assert (True, move.new) == (judged.verdict.passed, judged.landing)
        assert (move.old, move.new, move.tree) == (intent.old, intent.new, intent.tree)


@given(LIVES)
@EXAMPLES
def test_nothing_is_promoted_twice(life: Life) -> None:
    """Unless a person took it back in between."""
    moves = [entry.event for entry in lived(life).tale.entries if isinstance(entry.event, ev.TrunkMoved)]
    standing: Counter[int] = Counter()
    for move in moves:
        standing[move.experiment or 0] += move.experiment is not None
        standing[move.undone or 0] -= move.undone is not None
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
    again: list[int] = []
    landed = chances = 0
    for event in (entry.event for entry in lived(life).tale.entries):
        if isinstance(event, ev.LabConfigured):
            confirmed.clear()
        elif isinstance(event, ev.CandidateRebased):
            confirmed[event.experiment] += 1
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
@settings(SETTINGS, max_examples=20)
def test_an_engine_that_is_killed_anywhere_forgets_nothing(life: Life) -> None:
    """Whatever part of the journal is there, the rest of it leads to the same end."""
    world = lived(life)
    half = len(world.tale.entries) // 2
    assert world.state == fold(world.tale.entries[half:], fold(world.tale.entries[:half]))


def test_such_lives_are_not_empty() -> None:
    """They have promotions, second chances and cut merges in them, or nothing was tried above."""
    happenings = [("think", 0), ("score", 0), ("score", 1), ("merge", 0), ("cut", 1)] * 16
    world = lived(("me", None, happenings))
    entries = world.tale.entries
    intents = sum(isinstance(entry.event, ev.MergeIntended) for entry in entries)
    assert (True, True) == (len(list(promotions(entries))) > 0, intents > 0)
