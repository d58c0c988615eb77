"""System calls that no training needs are refused, by a filter whose numbers are the kernel's own."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import json
import os
import platform
import shutil
import sys

import pytest

from tests.worktrees.walls.rooms import INSIDE, Room
from worktrees.sandbox import seccomp

AT = list(seccomp.ARCHITECTURES).index(platform.machine())
NUMBERS = {name: pair[:2] for name, pair in (seccomp.REFUSED | seccomp.MISSING | seccomp.MODES).items()}
NUMBERS |= {
    "clone": seccomp.CLONE,
    "ioctl": seccomp.IOCTL,
    "socket": seccomp.SOCKET,
    "socketpair": seccomp.SOCKETPAIR,
    "prlimit64": seccomp.PRLIMIT,
}


def expected() -> dict[str, tuple[tuple[int, ...], int]]:
    """Return calls and their errors by name; none would do harm if it were allowed."""
    calls = {name: ((pair[AT],), errno.EPERM) for name, pair in seccomp.REFUSED.items() if pair[AT] is not None}
    calls |= {name: ((pair[AT],), errno.ENOSYS) for name, pair in seccomp.MISSING.items()}
    for name, numbers in seccomp.MODES.items():
        if (number := numbers[AT]) is not None:
            calls[f"{name} set-id"] = ((number, *[0] * numbers[2], 0o4755), errno.EPERM)
    calls["a user namespace"] = ((seccomp.CLONE[AT], 0x10000000 | 17), errno.EPERM)
    calls["typing into the terminal"] = ((seccomp.IOCTL[AT], 0, 0x5412), errno.EPERM)
    calls["typing, with a bit that the kernel ignores"] = ((seccomp.IOCTL[AT], 0, 1 << 32 | 0x5412), errno.EPERM)
    calls["a call of the future"] = ((seccomp.NEWEST + 1,), errno.ENOSYS)
    calls["a call by its x32 number"] = ((0x40000000 + 39,), errno.ENOSYS)
    return calls  # type: ignore[return-value]


@pytest.fixture(scope="module")
def errors(room: Room) -> dict[str, int]:
    """The errors of all calls, made in one command."""
    shutil.copy(INSIDE / "calls.py", room.lab.worktree / "attempts.py")
    facts = {"calls": {name: [*arguments, *[0] * (7 - len(arguments))] for name, (arguments, _) in expected().items()}}
    done = room.run(sys.executable, "-I", "-S", "attempts.py", json.dumps(facts))
    assert 0 == done.returncode, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", expected())
def test_a_call_is_refused(errors: dict[str, int], name: str) -> None:
    """Mounts, namespaces, tracing, keys, io_uring and their like end in the error that the filter gives."""
    assert errno.errorcode[expected()[name][1]] == errno.errorcode.get(errors[name], "none")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_numbers_are_the_kernels(machine: str, name: str) -> None:
    """Every number of the table is the one that libseccomp knows, on each machine."""
    if (library := ctypes.util.find_library("seccomp")) is None:
        pytest.skip("libseccomp, against which the table is checked, is not installed")
    resolve = ctypes.CDLL(library).seccomp_syscall_resolve_name_arch
    number = resolve(ctypes.c_uint32(seccomp.ARCHITECTURES[machine]), name.encode())
    if number == -1 and name == "open_tree_attr":
        pytest.skip("open_tree_attr is newer than this libseccomp: its number was not checked")
    assert (number if number >= 0 else None) == NUMBERS[name][list(seccomp.ARCHITECTURES).index(machine)]


def test_a_machine_without_a_table_is_named() -> None:
    """No filter is made up for an unknown machine."""
    with pytest.raises(LookupError, match="no table of system calls for riscv64"):
        seccomp.compiled(frozenset(), own_limits_only=False, machine="riscv64")


def test_the_filter_keeps_to_the_kernels_limit() -> None:
    """A filter has at most 4096 instructions, and each branch of ours stays within a byte."""
    families = frozenset({1, 2, 10, 16})
    sizes = [len(seccomp.compiled(families, True, machine)) for machine in seccomp.ARCHITECTURES]
    assert all(size % 8 == 0 and size < 4096 * 8 for size in sizes), sizes
    assert os.uname().machine in seccomp.ARCHITECTURES
