"""A command that goes wild harms itself only."""

from __future__ import annotations

import sys

import pytest

from tests.worktrees.walls.rooms import Room
from worktrees.sandbox import Limits


def test_a_fork_bomb_meets_its_limit(room: Room) -> None:
    """A command cannot have more processes than its policy says, and the lab's user has its own."""
    script = """if True:
    import os, time
    children = []
    try:
        while len(children) < 400:
            if not (pid := os.fork()):
                time.sleep(60)
            children.append(pid)
    except OSError as error:
        print(error.strerror, len(children) < 200)
    for pid in children:
        os.kill(pid, 9)
    """
    done = room.run(sys.executable, "-I", "-S", "-c", script, limits=Limits(processes=100), uid=64_003)
    assert "Resource temporarily unavailable True\n" == done.stdout, done.stderr


def test_two_commands_do_not_share_a_limit(room: Room) -> None:
    """Commands with users of their own each have all of their processes."""
    script = "for i in $(seq 20); do sleep 60 & done; jobs -p | wc -l; kill $(jobs -p)"
    for uid in (64_001, 64_002):
        done = room.run("bash", "-c", script, limits=Limits(processes=40), uid=uid)
        assert "20\n" == done.stdout, done.stderr


def test_a_file_meets_its_limit(room: Room) -> None:
    """A file grows to the policy's size and no further."""
    script = f"trap '' XFSZ; head -c 3000000 /dev/zero >{room.lab.scratch}/big; stat -c %s {room.lab.scratch}/big"
    done = room.run("bash", "-c", script, limits=Limits(file_bytes=1 << 20))
    assert f"{1 << 20}\n" == done.stdout, done.stderr


def test_limits_cannot_be_raised(room: Room) -> None:
    """Descriptors and CPU seconds are the policy's, no memory is dumped, and none of it can be raised again."""
    script = "ulimit -n; ulimit -t; ulimit -c; ulimit -n 4096"
    done = room.run("bash", "-c", script, limits=Limits(open_files=99, cpu_s=5))
    assert ("99\n5\n0\n", True) == (done.stdout, "cannot modify limit" in done.stderr)


def test_memory_that_looks_like_files_is_bounded(room: Room) -> None:
    """/tmp and /dev/shm of a command are its own, with a size. Without namespaces they are not."""
    if room.backend == "reduced":
        pytest.skip("not covered by `reduced`: /tmp cannot be written there, and /dev/shm is the host's")
    script = "for d in /tmp /dev/shm; do head -c 3000000 /dev/zero >$d/big; stat -c %s $d/big; done"
    done = room.run("bash", "-c", script, limits=Limits(tmp_bytes=1 << 20, shared_bytes=2 << 20))
    assert f"{1 << 20}\n{2 << 20}\n" == done.stdout, done.stderr
