"""Several merges that a person asked for at once: which comes when, and what ends the list."""

from __future__ import annotations

from agentcore import events as ev
from agentcore.plan import Limits as Bounds
from agentcore.plan import Promote, plan
from agentcore.queue.stacks import groups, parties
from agentcore.state import Wish
from tests.agentcore.tales import Tale, calibrated, gated


def asked() -> tuple[Tale, int, int]:
    """A lab where #1 has been merged and #2 and #3 are wanted after it."""
    tale = calibrated(3)
    numbers = [tale.ready(f"wt{index}", f"t1{index}") for index in range(3)]
    tale.merge(numbers[0]).tell(ev.MergesWanted((numbers[1], numbers[2]), "ada"))
    return tale, numbers[1], numbers[2]


def promotions(tale: Tale) -> list[Promote]:
    """Return the merges that are due."""
    return [each for each in plan(tale.state, Bounds()) if isinstance(each, Promote)]


def confirm_again(tale: Tale, number: int, tree: str) -> None:
    """Tell that a stale candidate passes on today's trunk."""
    tale.rebase(number, tree).confirm(number, {1: 0.7, 2: 0.8}).judge(number)


def test_what_is_wanted_waits_for_its_confirmation() -> None:
    """On the new trunk nothing of the list has been measured yet."""
    tale, _, _ = asked()
    assert [] == promotions(tale)


def test_the_next_one_is_merged_for_who_asked_once_it_passes() -> None:
    """Also where merges are a person's: this person has said so."""
    tale, second, _ = asked()
    confirm_again(tale, second, "t21")
    assert [Promote(second, "ada")] == promotions(tale)


def test_the_order_is_kept() -> None:
    """The third waits for the second, though it is READY first."""
    tale, _, third = asked()
    confirm_again(tale, third, "t22")
    assert [] == promotions(tale)


def test_a_merge_is_struck_off() -> None:
    """The list goes on behind it."""
    tale, second, third = asked()
    confirm_again(tale, second, "t21")
    tale.merge(second)
    assert Wish((third,), "ada") == tale.state.wanted


def test_the_first_that_fails_ends_the_list() -> None:
    """What stood behind it is not merged either: it was wanted after that one."""
    tale, second, third = asked()
    tale.rebase(second, "t21").confirm(second, {1: 1.0, 2: 1.2}).judge(second, "NOISE", 0.0)
    confirm_again(tale, third, "t22")
    assert (None, []) == (tale.state.wanted, promotions(tale))


def test_a_later_one_that_fails_leaves_those_before_it() -> None:
    """They do not depend on it."""
    tale, second, third = asked()
    tale.tell(ev.CandidateMoved(third, "HELD", "held", "ada"))
    assert Wish((second,), "ada") == tale.state.wanted


def test_any_other_move_of_trunk_ends_the_list() -> None:
    """Nobody has asked for a merge into what a hand, or an undo, has made of it."""
    tale, _, _ = asked()
    trunk = tale.state.trunk
    assert trunk is not None
    tale.tell(ev.TrunkMoved(trunk.commit, "c0", "t0", None, "ada", undone=1))
    assert tale.state.wanted is None


def test_what_is_wanted_is_stacked_with_nothing_else() -> None:
    """A stack lands whole: it would bring what nobody asked for."""
    tale = calibrated(3, gated(stack_max=4))
    numbers = [tale.keep(f"wt{index}", f"t1{index}", z=4.0) for index in range(3)]
    tale.tell(ev.MergesWanted((numbers[0], numbers[2]), "ada"))
    waiting = [tale.state.candidates[number] for number in numbers]
    assert [(numbers[0], numbers[2]), (numbers[1],)] == groups(tale.state, waiting)


def test_a_stack_is_merged_once() -> None:
    """However many of its members are marked."""
    tale = calibrated(3, gated(stack_max=4))
    first, second, third = (tale.keep(f"wt{index}", f"t1{index}", z=4.0) for index in range(3))
    tale.stack(second, third)
    assert ((second, third), (first,)) == parties(tale.state, (third, first, second))
