"""A command ends as it would without walls, and ends as a whole."""

from __future__ import annotations

import base64
import json
import pickle
import subprocess
import sys

import pytest

from tests.worktrees.walls.lifetimes import SCENARIOS, WITH_NAMESPACES_ONLY
from tests.worktrees.walls.rooms import ENVIRONMENT, REPOSITORY, Room, as_nobody

EXPECTED = {
    "exit_code": 7,
    "killed": 137,
    "not_found": 127,
    "told_to_end": [3, True, 0],
    "killed_from_outside": [-9, 0],
    "ends_before_its_daemon": [0, 0],
    "starter_killed": 0,
    "reaper_killed": [137, 0],
    "found_by_its_tag": [1, 0],
    "descriptors": [0, True],
}
MEANING = {
    "exit_code": "its exit code is told",
    "killed": "its death by a signal is told as 128 + the signal",
    "not_found": "a program that is not there is told as 127",
    "told_to_end": "SIGTERM to its session lets it clean up, and nothing is left",
    "killed_from_outside": "killing the process that was started kills all, daemons too",
    "ends_before_its_daemon": "a daemon ends with the command",
    "starter_killed": "it does not outlive the process that started it, however that ends",
    "reaper_killed": "killing the namespace's first process kills all",
    "found_by_its_tag": "its daemons are found from outside by their environment",
    "descriptors": "descriptors that it is given arrive under their numbers",
}


@pytest.fixture(scope="module")
def happened(room: Room) -> dict[str, object]:
    """What came of all scenarios."""
    packed = base64.b64encode(pickle.dumps((room.backend, room.lab.policy()))).decode()
    command = [sys.executable, "-P", "-m", "tests.worktrees.walls.lifetimes", packed]
    done = subprocess.run(
        [*(as_nobody(room.lab.root) if room.becomes_nobody else ()), *command],
        env={**ENVIRONMENT, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda name: MEANING[name])
def test_how_it_ends(room: Room, happened: dict[str, object], scenario: str) -> None:
    """Codes, signals, daemons and descriptors are those of a command without walls, but that nothing survives."""
    if room.backend == "reduced" and scenario in WITH_NAMESPACES_ONLY:
        pytest.skip("not covered by `reduced`: without namespaces whoever starts a command ends what it leaves")
    expected = -9 if (room.backend, scenario) == ("reduced", "killed") else EXPECTED[scenario]
    assert expected == happened[scenario]
