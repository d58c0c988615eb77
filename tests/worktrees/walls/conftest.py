"""Rooms for the tests of the walls; each is made once per test process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.worktrees.walls.rooms import ROOMS, Room, open_room

Tries = Callable[[str], dict[str, str]]


@pytest.fixture(scope="session", params=ROOMS, ids=lambda param: "-".join(param))
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Each backend, as root and as an ordinary user."""
    backend, user = request.param
    yield from open_room(backend, user, tmp_path_factory.mktemp(f"{backend}-{user}"))


@pytest.fixture(scope="session")
def tries(room: Room) -> Tries:
    """Return how the attempts of one script ended, all of them tried in one command."""
    known: dict[str, dict[str, str]] = {}

    def outcomes(name: str) -> dict[str, str]:
        if name not in known:
            known[name] = room.outcomes(name)
        return known[name]

    return outcomes
