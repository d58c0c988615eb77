"""Which system calls does a command get refused?

Those that reach past its walls or into parts of the kernel that no training needs: a list of refusals, compiled here
into the kernel's own filter language (classic BPF, seccomp(2)), so that neither a compiler nor a library is needed.
A call that is newer than this table does not exist for a command.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

NEWEST = 467
"""The last system call that this table knows (Linux 6.16). Programs take ENOSYS for an older kernel."""

# linux/audit.h
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Numbers on x86_64 and aarch64, None where there is no such call; from 424 on they are the same everywhere.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "setns": (308, 268),
    "unshare": (272, 97),
    # files past their folders
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # parts of the kernel where most of its holes were
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "modify_ldt": (154, None),
    "lookup_dcookie": (212, 18),
    "uselib": (134, None),
    "nfsservctl": (180, 42),
    # the machine
    "create_module": (174, None),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "settimeofday": (164, 170),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "vhangup": (153, 58),
    "syslog": (103, 116),
    "sched_setaffinity": (203, 122),  # a slot's cores are its own
}

# Flags in structures, where a filter cannot read them: without these calls libraries use the older ones.
MISSING = {"clone3": (435, 435), "openat2": (437, 437)}

# A call, its numbers, and the argument that holds the mode of a file.
MODES: dict[str, tuple[int | None, int | None, int]] = {
    "chmod": (90, None, 1),
    "fchmod": (91, 52, 1),
    "fchmodat": (268, 53, 2),
    "fchmodat2": (452, 452, 2),
    "creat": (85, None, 1),
    "open": (2, None, 2),
    "openat": (257, 56, 3),
    "mknod": (133, None, 1),
    "mknodat": (259, 33, 2),
}
SET_ID = 0o6000

CLONE, IOCTL, SOCKET, SOCKETPAIR, PRLIMIT = (56, 220), (16, 29), (41, 198), (53, 199), (302, 261)
NEW_NAMESPACE = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: linux/sched.h
FORGED_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into the terminal that started us
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, NETLINK_ROUTE = 1, 2, 10, 16, 0

# linux/bpf_common.h, linux/seccomp.h
LOAD, EQUAL, GREATER, ANY_BIT, RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16


@dataclass(frozen=True)
class Step:
    """One instruction. A branch that is not taken goes on with the next step; `to` counts the steps it skips."""

    code: int
    value: int
    to: int = 0
    otherwise: int = 0


def compiled(sockets: frozenset[int], own_limits_only: bool, machine: str | None = None) -> bytes:
    """Return the filter as an array of ``struct sock_filter``, for seccomp(2) and for bubblewrap's ``--seccomp``.

    `sockets` are the address families that socket(2) may have; where `own_limits_only`, prlimit(2) changes no other
    process. Raises LookupError on a machine without a table.
    """
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise LookupError(f"no table of system calls for {machine}, only for {' and '.join(ARCHITECTURES)}")
    at = list(ARCHITECTURES).index(machine)
    steps = [
        Step(LOAD, ARCHITECTURE_AT),
        Step(EQUAL, ARCHITECTURES[machine], to=1),
        Step(RETURN, KILL_PROCESS),  # a program of another architecture, with other numbers
        Step(LOAD, NUMBER_AT),
        *_answer(Step(GREATER, NEWEST), errno.ENOSYS),
    ]
    for numbers in MISSING.values():
        steps += _answer(Step(EQUAL, numbers[at]), errno.ENOSYS)
    for refused in REFUSED.values():
        if (number := refused[at]) is not None:
            steps += _answer(Step(EQUAL, number), errno.EPERM)
    for *pair, argument in MODES.values():
        if (number := pair[at]) is not None:
            steps += _call(number, _argument(argument), *_answer(Step(ANY_BIT, SET_ID), errno.EPERM))
    steps += _call(CLONE[at], _argument(0), *_answer(Step(ANY_BIT, NEW_NAMESPACE), errno.EPERM))
    forged = [step for request in FORGED_INPUT for step in _answer(Step(EQUAL, request), errno.EPERM)]
    steps += _call(IOCTL[at], _argument(1), *forged)
    steps += _call(SOCKETPAIR[at], _argument(0), *_only((AF_UNIX,)))
    steps += _call(SOCKET[at], *_sockets(sockets))
    if own_limits_only:
        steps += _call(PRLIMIT[at], _argument(0), *_only((0,), errno.EPERM))
    steps.append(Step(RETURN, ALLOW))
    return b"".join(struct.pack("=HBBI", step.code, step.to, step.otherwise, step.value) for step in steps)


def _argument(index: int) -> Step:
    """Load the low half: the kernel takes these arguments as 32 bits and ignores the rest, and so must a comparison."""
    return Step(LOAD, ARGUMENTS_AT + 8 * index)  # little-endian, as both machines are


def _answer(question: Step, number: int) -> list[Step]:
    """Refuse with an error where the question's answer is yes."""
    return [Step(question.code, question.value, to=0, otherwise=1), Step(RETURN, ERRNO | number)]


def _call(number: int, *steps: Step) -> list[Step]:
    """Do `steps` for this call only; whoever gets to their end is allowed."""
    body = [*steps, Step(RETURN, ALLOW)]
    return [Step(EQUAL, number, to=0, otherwise=len(body)), *body]


def _only(allowed: tuple[int, ...], number: int = errno.EAFNOSUPPORT) -> list[Step]:
    """Refuse every value but these."""
    questions = [Step(EQUAL, value, to=len(allowed) - at) for at, value in enumerate(allowed)]
    return [*questions, Step(RETURN, ERRNO | number)]


def _sockets(families: frozenset[int]) -> list[Step]:
    """Allow these families; of netlink only what lists interfaces and routes."""
    steps = [_argument(0), *_only(tuple(sorted(families)))]
    if AF_NETLINK in families:
        steps += [
            Step(EQUAL, AF_NETLINK, to=1),
            Step(RETURN, ALLOW),
            _argument(2),
            *_only((NETLINK_ROUTE,), errno.EPROTONOSUPPORT),
        ]
    return steps
