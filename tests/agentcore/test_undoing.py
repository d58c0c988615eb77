"""What a person did can be taken back and done again, also by the next engine; what machines did is left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import Answer, Command
from agentcore.fold import fold
from agentcore.journal.rows import Reader
from agentcore.state import LabState
from agentcore.undo import undoing
from tests.agentcore.labs import Desk, desk
from tests.agentcore.tales import calibrated, gated

FASTER, FLATTER = ("RATE = 0.1", "RATE = 0.3"), ("DEPTH = 4", "DEPTH = 3")


@asynccontextmanager
async def lab(root: Path, *edits: tuple[str, str]) -> AsyncIterator[Desk]:
    """A lab after wt0 (and wt1) made one edit each, with agents that read."""
    async with desk(root / "lab") as at:
        await at.work({f"wt{index}": [edit] for index, edit in enumerate(edits)})
        yield at


async def ask(at: Desk, verb: str, **arguments: object) -> Answer:
    """Ask the engine's desk as ada."""
    return await Counter(at.lab, lambda reason, now: None).handle(Command(verb, "ada", arguments))


async def turn(at: Desk, *verbs: str) -> list[str]:
    """Undo and redo; return what was answered."""
    return [(await ask(at, verb)).message for verb in verbs]


def names(state: LabState) -> list[str]:
    """Return what is remembered, with a mark where it is undone."""
    return [f"{each.kind}{'-' if each.undone else ''}" for each in state.actions]


# --- One kind after another: back, and again ---

CASES: dict[str, tuple[str, dict[str, object], Callable[[LabState], object]]] = {
    "pause": ("pause", {"worktree": "wt0"}, lambda state: state.worktrees["wt0"].paused),
    "pause all": ("pause", {"all": True}, lambda state: [each.paused for _, each in sorted(state.worktrees.items())]),
    "hold": ("hold", {"experiment": 1}, lambda state: state.candidates[1].state),
    "cancel": ("cancel", {"experiment": 1, "because": "no"}, lambda state: state.candidates[1].state),
    "pin": ("pin", {"experiment": 1}, lambda state: 1 in state.pinned),
    "mode": ("mode", {"mode": "hold"}, lambda state: state.gate.mode),
    "say": ("say", {"text": "fewer layers"}, lambda state: [len(each.messages) for each in state.worktrees.values()]),
    "merge": ("merge", {"experiment": 1}, lambda state: state.candidates[1].state),
}


async def test_every_action_is_taken_back_and_done_again(tmp_path: Path) -> None:
    """Afterwards all is as it was before it, then as after it; and again, as often as one likes."""
    async with lab(tmp_path, FASTER) as at:
        for case, (verb, arguments, look) in CASES.items():
            before = look(at.lab.state)
            assert (await ask(at, verb, **arguments)).done, case
            after = look(at.lab.state)
            assert before != after, case
            back = "STALE" if verb in ("hold", "cancel") else before
            for _ in range(2):
                assert ((await ask(at, "undo")).code, look(at.lab.state)) == (0, back), case
                assert ((await ask(at, "redo")).code, look(at.lab.state)) == (0, after), case
            assert (await ask(at, "undo")).done
            await at.work({})  # what was held is brought to today's trunk again, by the runs that it has


async def test_the_ends_of_pause_and_hold_and_pin_are_actions_too(tmp_path: Path) -> None:
    """With the reason that there was before."""
    async with lab(tmp_path, FASTER) as at:
        await ask(at, "pause", worktree="wt0", because="lunch")
        await ask(at, "resume", worktree="wt0")
        await turn(at, "undo")
        assert "lunch" == at.lab.state.worktrees["wt0"].paused
        await turn(at, "redo")
        assert "" == at.lab.state.worktrees["wt0"].paused
        await ask(at, "hold", experiment=1)
        await ask(at, "unhold", experiment=1)
        await turn(at, "undo")
        assert "HELD" == at.lab.state.candidates[1].state
        await ask(at, "pin", experiment=1)
        pinned = dict(at.lab.state.pinned)
        await ask(at, "unpin", experiment=1)
        await turn(at, "undo")
        assert (pinned, pinned[1]) == (
            dict(at.lab.state.pinned),
            at.lab.repository.resolve("refs/lab/pinned/000001"),
        )


# --- Several actions ---


async def test_undo_walks_back_and_redo_walks_forth(tmp_path: Path) -> None:
    """Newest first, and forth in the order in which they were done."""
    async with lab(tmp_path, FASTER) as at:
        await ask(at, "pause", worktree="wt0")
        await ask(at, "mode", mode="hold")
        await ask(at, "pin", experiment=1)
        await turn(at, "undo", "undo")
        assert ["pause", "mode-", "pin-"] == names(at.lab.state)
        await turn(at, "redo")
        assert (["pause", "mode", "pin-"], "hold") == (names(at.lab.state), at.lab.state.gate.mode)
        await turn(at, "redo")
        assert ["pause", "mode", "pin"] == names(at.lab.state)


async def test_a_new_action_ends_redo(tmp_path: Path) -> None:
    """What was undone stays undone."""
    async with lab(tmp_path) as at:
        await ask(at, "pause", worktree="wt0")
        await turn(at, "undo")
        await ask(at, "pause", worktree="wt1")
        answer = await ask(at, "redo")
        assert (5, True) == (answer.code, "only right after an undo" in answer.message)


async def test_the_next_engine_knows_what_can_be_undone(tmp_path: Path) -> None:
    """The list follows from the journal alone, undone and redone actions with it."""
    async with lab(tmp_path, FASTER) as at:
        await ask(at, "merge", experiment=1)
        await turn(at, "undo")
    async with desk(tmp_path / "lab") as at:
        with closing(Reader(at.lab.paths.journal)) as reader:
            assert fold(reader.after(0)).actions == at.lab.state.actions
        assert (await ask(at, "redo")).done
        assert {1: "MERGED"} == at.states()


async def test_what_a_machine_did_is_nobodys_action(tmp_path: Path) -> None:
    """The engine parks, the gate merges, an agent writes again: `u` finds nothing."""
    tale = calibrated()
    number = tale.ready("wt0", "t1")
    candidate = tale.state.candidates[number]
    tale.tell(
        ev.WorktreePaused("wt0", "3 failures", "engine"),
        ev.MergeIntended(number, "c0", candidate.landing, "t1", "nonce", "gate"),
        ev.TrunkMoved("c0", candidate.landing, "t1", number, "gate"),
        ev.CandidateMoved(tale.keep("wt1", "t2"), "CANCELLED", "written again as #3", "anthropic"),
    )
    assert ((), None) == (tale.state.actions, undoing.undoable(tale.state))


async def test_what_no_longer_holds_is_passed_over(tmp_path: Path) -> None:
    """A message that was read cannot be taken back: the pause before it is."""
    async with lab(tmp_path) as at:
        await ask(at, "pause", worktree="wt0")
        await ask(at, "say", text="fewer layers", worktree="wt1")
        at.lab.record(ev.MessagesRead("wt1", 1))
        assert ["took the pause of wt0 back: wt0 goes on"] == await turn(at, "undo")


# --- Trunk ---


def test_a_pause_by_the_engine_is_not_an_older_one_of_a_person() -> None:
    """That one is over; the worktree failed since, and undo must not let it go on."""
    tale = calibrated().tell(
        ev.WorktreePaused("wt0", "lunch", "ada"),
        ev.WorktreeResumed("wt0", "ada"),
        ev.WorktreePaused("wt0", "3 failures in a row", "engine"),
    )
    assert undoing.undoable(tale.state) is None


LEAVES, RETURNS = ev.AwayStarted(None, None, "gate", "park", "ada"), ev.AwayEnded("ada came back", "ada")


@pytest.mark.parametrize(
    "events",
    [
        (LEAVES, ev.ModeChanged("me", "ada", ""), RETURNS),
        (replace(LEAVES, until=112.5), ev.ModeChanged("me", "ada", ""), ev.AwayLimitReached("until", "it is over")),
        (ev.ModeChanged("gate", "ada", ""), LEAVES),
    ],
    ids=["back", "hour", "left"],
)
def test_a_mode_of_before_somebody_left_or_came_back_is_over(events: tuple[ev.Event, ...]) -> None:
    """The gate of away mode must not merge again because of an undo; nor does one hold that the return would take."""
    tale = calibrated(config=gated(mode="me")).tell(*events)
    assert undoing.undoable(tale.state) is None


async def two_merged(at: Desk) -> None:
    """Merge #1, then #2 on top of it."""
    for number in (1, 2):
        await ask(at, "merge", experiment=number)
        await at.work({})


async def test_an_older_merge_is_taken_back_by_a_commit(tmp_path: Path) -> None:
    """The last one goes back with trunk, the one below by a revert, and no other merge with it."""
    async with lab(tmp_path, FASTER, FLATTER) as at:
        await two_merged(at)
        action = at.lab.state.actions[0]
        assert "a new commit takes exactly this change back" in undoing.back(at.lab.state, action)
        await turn(at, "undo", "undo")
        assert ({1: "REVERTED", 2: "STALE"}, ["merge-", "merge-"]) == (at.states(), names(at.lab.state))


async def test_a_revert_is_taken_back_by_confirming_it_again(tmp_path: Path) -> None:
    """Nothing lands unmeasured: it comes back to the queue, and is merged by a person once it is READY."""
    async with lab(tmp_path, FASTER, FLATTER) as at:
        await two_merged(at)
        await ask(at, "revert", experiment=1, because="worse")
        await turn(at, "undo")
        assert {1: "NEW", 2: "MERGED"} == at.states()
        await at.work({})
        assert {1: "READY", 2: "MERGED"} == at.states()
        assert ["again: #1 is taken out again"] == await turn(at, "redo")
        assert {1: "REVERTED", 2: "MERGED"} == at.states()


async def test_a_merge_under_others_is_undone_and_redone(tmp_path: Path) -> None:
    """By a revert, and by confirming it again on the trunk of that day."""
    async with lab(tmp_path, FASTER, FLATTER) as at:
        await ask(at, "merge", experiment=1)
        await at.work({})
        await Counter(at.lab, lambda reason, now: None).handle(Command("merge", "gate", {"experiment": 2}))
        await at.work({})
        assert (await ask(at, "undo")).done
        assert ({1: "REVERTED", 2: "MERGED"}, ["RATE = 0.1", "DEPTH = 3"]) == (at.states(), at.source(at.trunk()))
        await at.work({})
        assert ["again: #1 is confirmed again on today's trunk before it is merged"] == await turn(at, "redo")
        await at.work({})
        assert {1: "READY", 2: "MERGED"} == at.states()


async def test_a_merge_is_not_redone_before_it_is_ready_again(tmp_path: Path) -> None:
    """The reason names its state."""
    async with lab(tmp_path, FASTER) as at:
        await ask(at, "merge", experiment=1)
        await turn(at, "undo")
        at.lab.record(ev.CandidateMoved(1, "STALE", "trunk moved", "engine"))
        answer = await ask(at, "redo")
        assert (5, True) == (answer.code, "#1 is STALE: it is merged again once" in answer.message)


async def test_what_changed_while_it_was_read_is_not_undone(tmp_path: Path) -> None:
    """The person saw another action."""
    async with lab(tmp_path) as at:
        await ask(at, "pause", worktree="wt0")
        answer = await ask(at, "undo", expect={"action": 1})
        assert (5, True) == (answer.code, "changed while you read" in answer.message)
