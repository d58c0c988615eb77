"""The self-test finds walls that stand, and walls that do not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.worktrees.walls.rooms import REPOSITORY, Lab, Room, open_room, without
from worktrees import processes, sandbox
from worktrees.sandbox import Backend, Finding

TRIED = {
    "write to /usr",
    "start folder",
    "no new privileges",
    "system calls filtered",
    "no capability",
    "not root",
    "change the kernel's settings",
    "other processes",
    "network",
    "GPU",
}
ASKS = """
import sys
from pathlib import Path
from worktrees import processes, sandbox
findings = sandbox.self_test(sandbox.Policy(), "full", tag=sys.argv[1], limit_s=0.5)
while left := processes.tagged(sys.argv[1]):
    pass
print([finding.name for finding in findings], left)
"""
"""Waits for ever where something is left."""
HERE = "root" if os.geteuid() == 0 else "user"


@pytest.fixture(scope="module", params=["full", "reduced"])
def near(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Both backends, as the user who runs the tests."""
    backend: Backend = request.param
    yield from open_room(backend, HERE, tmp_path_factory.mktemp("proof"))


def proof(room: Room, **changes: object) -> list[Finding]:
    """Prepare a policy and try its walls."""
    policy = room.lab.policy(**changes)
    sandbox.prepare(policy)
    return sandbox.self_test(policy, room.backend, absent=(room.lab.root / "lab", room.lab.root / "home", Path.home()))


def bad(findings: list[Finding]) -> list[str]:
    """Return the names of what is wrong."""
    return [finding.name for finding in findings if not finding.ok]


def test_good_walls_pass(near: Room) -> None:
    """Everything that the walls are built for is tried, and holds."""
    findings = proof(near)
    missing = TRIED - {finding.name for finding in findings}
    assert ([], set()) == (bad(findings), missing), findings


def test_without_walls_it_fails(tmp_path: Path) -> None:
    """The same probe with no walls around it reports each of them missing."""
    lab = Lab(tmp_path)
    lab.make()
    findings = sandbox.self_test(lab.policy(folder=lab.worktree), "none", absent=(tmp_path / "lab",))
    expected = {f"write to {lab.worktree}", f"read {lab.worktree / 'answers'}", f"look into {tmp_path / 'lab'}"}
    assert expected | {"no new privileges", "system calls filtered", "network"} <= set(bad(findings)), findings


def test_a_network_that_is_not_asked_for_is_found(near: Room) -> None:
    """A policy with network is proved as one with network; the finding names the interfaces."""
    assert [] == bad(proof(near, network=True))


def test_a_folder_that_cannot_be_written_is_found(near: Room) -> None:
    """What the command needs to change and cannot is a finding, too: somebody forgot to prepare."""
    if os.geteuid() != 0:
        pytest.skip("only root's commands run as another user")
    folder = near.lab.root / "lab/unprepared"
    folder.mkdir(exist_ok=True)
    policy = near.lab.policy(writable=(folder,), hidden=())
    assert [f"change {folder}"] == bad(sandbox.self_test(policy, near.backend))


def test_a_sandbox_that_does_not_start_is_one_finding(near: Room) -> None:
    """A path that does not exist is named."""
    (finding,) = sandbox.self_test(near.lab.policy(readable=(Path("/no/such"),)), near.backend)
    assert (False, True) == (finding.ok, "does not exist" in finding.text)


def test_nothing_is_left_of_a_sandbox_that_is_killed_as_it_starts(tmp_path: Path) -> None:
    """The kernel ends bubblewrap where memory runs out, and the process that it made inside would wait for ever."""
    path = without(tmp_path, "bwrap")
    (tmp_path / "bwrap").write_text("#!/bin/sh\nsleep 600 &\nkill -9 $$\n")
    (tmp_path / "bwrap").chmod(0o755)
    argv = [sys.executable, "-P", "-c", ASKS, str(tmp_path)]
    environment = {"PATH": path, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, text=True, timeout=20, check=True)
    assert "['start'] []\n" == done.stdout


def test_a_self_test_is_marked_as_the_commands_after_it(near: Room) -> None:
    """So what an engine that was killed left of it is found by the next one."""
    policy = near.lab.policy()
    sandbox.prepare(policy)
    with ThreadPoolExecutor(1) as pool:
        testing = pool.submit(sandbox.self_test, policy, near.backend, (), str(near.lab.root))
        seen = 0
        while not testing.done():
            seen = max(seen, len(processes.tagged(str(near.lab.root))))
        assert (True, []) == (seen > 0, bad(testing.result()))
