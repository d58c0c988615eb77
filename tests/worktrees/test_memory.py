"""Memory is counted over all processes, shared pages once where it matters."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from worktrees import memory, processes

SHARES = """
import os, sys
held = bytearray(b"x") * (96 << 20)
for _ in range(3):
    if os.fork() == 0:
        break
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def family() -> Iterator[list[int]]:
    """Four processes that share 96 MiB."""
    argv = [sys.executable, "-S", "-c", SHARES]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        for _ in range(4):
            parent.stdout.readline()
        yield [parent.pid, *processes.descendants(parent.pid)]


def test_shared_pages_count_for_each_below_the_limit(family: list[int]) -> None:
    """That is quick, and enough where even so the limit is kept."""
    assert 4 * 96 < memory.held_mb(family, 10_000) < 4 * 96 + 200


def test_shared_pages_count_once_above_it(family: list[int]) -> None:
    """Loader workers do not end a training that holds what it may."""
    assert 96 < memory.held_mb(family, 200) < 200


def test_a_process_that_has_ended_holds_nothing() -> None:
    """It is no error."""
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    assert 0.0 == memory.held_mb([child.pid], 1.0)


def test_the_machine_has_no_less_than_this_process() -> None:
    """The container's limit counts, where there is one."""
    assert memory.held_mb([os.getpid()], 1e9) < memory.total_mb()
