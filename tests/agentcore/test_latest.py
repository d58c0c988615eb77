"""What follows from an immutable map is worked out once, and never shown for another one."""

from __future__ import annotations

from agentcore.journal.latest import latest


def test_the_same_objects_are_worked_out_once() -> None:
    """Asked again about the very same object it answers with what it had."""
    asked = []

    @latest
    def total(numbers: list[int]) -> int:
        asked.append(numbers)
        return sum(numbers)

    numbers = [1, 2]
    assert (3, 3) == (total(numbers), total(numbers))
    assert [numbers] == asked


def test_an_equal_object_is_another_one() -> None:
    """Identity is what is compared: two equal maps cost more to compare than most answers."""
    asked = []

    @latest
    def total(numbers: list[int]) -> int:
        asked.append(numbers)
        return sum(numbers)

    assert (3, 3, 7) == (total([1, 2]), total([1, 2]), total([3, 4]))
    assert [[1, 2], [1, 2], [3, 4]] == asked
