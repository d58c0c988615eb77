"""What nearly passed is tried again once trunk holds something new: one for each promotion, each once."""

from __future__ import annotations

import pytest

from agentcore import events as ev
from agentcore.plan import Record
from agentcore.queue.judging import second_chance
from tests.agentcore.tales import POOL, Tale, calibrated, gated


def missed(tale: Tale, worktree: str, tree: str, gain: float, state: str = "NOISE") -> int:
    """Tell a candidate that was confirmed and did not pass, with this gain at a standard error of 0.1."""
    number = tale.keep(worktree, tree)
    tale.rebase(number, tree).judge(number, state, gain)  # type: ignore[arg-type]
    return number


def promoted(tale: Tale, tree: str) -> int:
    """Tell another candidate that lands."""
    number = tale.ready("wt1", tree)
    tale.merge(number)
    tale.pool(tree, {3: POOL[3] - 0.25})
    return number


def again(tale: Tale) -> list[int]:
    """Return which candidates the plan puts back into the queue, and tell so."""
    events = [each.event for each in tale.plan(experiments=1) if isinstance(each, Record)]
    moved = [event for event in events if isinstance(event, ev.CandidateMoved)]
    tale.tell(*moved)
    return [event.experiment for event in moved if event.state == "NEW"]


def test_the_best_near_miss_is_tried_again_after_a_promotion() -> None:
    """On the new trunk, without an agent; the reason says why."""
    tale = calibrated()
    missed(tale, "wt0", "t1", 0.06)
    best = missed(tale, "wt0", "t2", 0.12)
    lands = promoted(tale, "t3")
    assert [best] == again(tale)
    assert ("NEW", f"a near miss: tried again now that #{lands} is in trunk") == (
        tale.state.candidates[best].state,
        tale.state.candidates[best].reason,
    )


def test_a_promotion_gives_one_second_chance() -> None:
    """And the next promotion one to the next."""
    tale = calibrated()
    second, best = missed(tale, "wt0", "t1", 0.06), missed(tale, "wt0", "t2", 0.12)
    promoted(tale, "t3")
    assert ([best], []) == (again(tale), again(tale))
    tale.tell(ev.CandidateMoved(best, "CANCELLED", "", "you"))
    promoted(tale, "t4")
    assert [second] == again(tale)


def test_each_is_tried_again_once() -> None:
    """However many promotions come."""
    tale = calibrated()
    number = missed(tale, "wt0", "t1", 0.12)
    promoted(tale, "t2")
    assert [number] == again(tale)
    tale.rebase(number, "t8").judge(number, "NOISE", 0.1)
    promoted(tale, "t3")
    assert [] == again(tale)


def test_a_miss_on_todays_trunk_waits_for_the_next() -> None:
    """The same tree by the same seeds would say the same."""
    tale = calibrated()
    promoted(tale, "t1")
    number = missed(tale, "wt0", "t2", 0.12)
    assert [] == again(tale)
    promoted(tale, "t3")
    assert [number] == again(tale)


@pytest.mark.parametrize("state", ["REJECTED", "CANCELLED", "HELD"])
def test_only_near_misses_are_tried_again(state: str) -> None:
    """What was clearly no gain, or was taken out, stays out."""
    tale = calibrated()
    missed(tale, "wt0", "t1", 0.12, state)
    promoted(tale, "t2")
    assert [] == again(tale)


def test_a_promotion_that_was_taken_back_gives_none() -> None:
    """Trunk is what it was."""
    tale = calibrated()
    missed(tale, "wt0", "t1", 0.12)
    lands = promoted(tale, "t2")
    tale.tell(ev.TrunkMoved(f"l{lands}", "c0", "t0", None, "you", undone=lands))
    assert None is second_chance(tale.state)


def test_nothing_is_tried_again_on_hold() -> None:
    """No confirmation starts there."""
    tale = calibrated(config=gated(mode="hold"))
    missed(tale, "wt0", "t1", 0.12)
    promoted(tale, "t2")
    assert [] == again(tale)
