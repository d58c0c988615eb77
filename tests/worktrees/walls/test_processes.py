"""A command has its own processes, and no hold on any other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.worktrees.walls.inside import processes
from tests.worktrees.walls.rooms import Room


@pytest.mark.parametrize("attempt", processes.attempts(0))
def test_no_other_process_is_touched(tries: Callable[[str], dict[str, str]], attempt: str) -> None:
    """A process of the lab cannot be signalled, traced, read or limited."""
    assert "refused" == tries("processes")[attempt]


def test_no_other_process_is_seen(room: Room, tries: Callable[[str], dict[str, str]]) -> None:
    """Backend `full` shows the command and its reaper."""
    if room.backend == "reduced":
        pytest.skip("not covered by `reduced`: the others are seen, though not touched")
    assert 2 == tries("processes")["seen"]
