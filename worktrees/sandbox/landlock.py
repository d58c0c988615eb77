"""How does backend `reduced` start a command?

Where no namespaces can be made (rented containers, mostly) `launcher` starts in its place: it gives its process a
Landlock domain with the policy's paths, the filter of system calls, the limits, and the user of its own where the lab
belongs to root, and becomes the command. There are walls around files, signals and the network, but no world of its
own: other processes are seen in /proc (not their memory, not their environment), names and sizes of files are seen
everywhere, /tmp and /dev/shm are the host's. An ordinary user's command can also change the mode and the times of the
user's other files: Landlock does not look at those.
"""

from __future__ import annotations

import errno
import os
import resource
import stat
import sys
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from worktrees.sandbox import host, seccomp
from worktrees.sandbox.policy import NO_DUMP, Layer, Policy, layers

# linux/landlock.h
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_FILE, MAKE_CHAR, MAKE_REG, MAKE_BLOCK = 1 << 5, 1 << 6, 1 << 8, 1 << 11
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
EVERYTHING = (1 << 16) - 1
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = EVERYTHING & ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV)
DEVICE = READ_FILE | WRITE_FILE | IOCTL_DEV
SHARED = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE

DEVICES = tuple(map(Path, ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")))
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # semaphores and shared tensors lie here
ETC = tuple(map(Path, ("/etc/passwd", "/etc/group", "/etc/hosts", "/etc/nsswitch.conf")))
LAUNCHER = Path(__file__).with_name("launcher.py")
# linux/capability.h: enter any folder; the second one where containers lack the first
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


@dataclass(frozen=True)
class Rule:
    """What Landlock allows beneath a path."""

    path: Path
    rights: int


def command(argv: Sequence[str], policy: Policy, is_root: bool) -> list[str]:
    """Return the command that runs `argv` under `policy`.

    Raises FileNotFoundError and ValueError as `layers` does, ValueError too where something read-only or hidden
    lies inside a writable folder: Landlock cannot take away what it has given.
    """
    system = (*host.readable(policy), Path("/proc"), *(path for path in ETC if path.exists()))
    granted = layers(policy, always=system)
    return [
        *(sys.executable, "-I", "-S", str(LAUNCHER), f"folder={policy.folder}"),
        *(_identity(policy, [layer.path for layer in granted]) if is_root else ()),
        *_limits(policy, is_root),
        *(() if policy.network else ("no-tcp",)),
        f"filter={_filter(policy.network).hex()}",
        *(f"rule={rule.rights}:{rule.path}" for rule in rules(granted, policy.device_nodes)),
        *("--", *argv),
    ]


@lru_cache(maxsize=2)
def _filter(network: bool) -> bytes:
    """Without a network namespace no family is harmless: by a Unix socket one talks to the user's session.

    Pairs of sockets stay possible. Data-loader workers, which hand tensors over through a Unix socket, do not.
    """
    families = {seccomp.AF_INET, seccomp.AF_INET6, seccomp.AF_NETLINK} if network else set()
    return seccomp.compiled(frozenset(families), own_limits_only=True)


def rules(granted: Sequence[Layer], nodes: Sequence[Path]) -> Iterator[Rule]:
    """Yield what is allowed, file by file around what is hidden. Raises ValueError as `command` does."""
    hidden = {layer.path for layer in granted if layer.access == "hide"}
    around = {parent for path in hidden for parent in path.parents}
    for layer in granted:
        inside = [other for other in granted if layer.path in other.path.parents] if layer.access == "write" else []
        if inside:
            raise ValueError(f"{layer.path} is writable, so is {inside[0].path} in it without namespaces: give a copy")
        yield from _allowed(layer, hidden, around)
    for device in (*DEVICES, *nodes):
        if device.exists():
            yield Rule(device, DEVICE if device in nodes else READ_FILE | WRITE_FILE)
    if SHARED_MEMORY.is_dir():
        yield Rule(SHARED_MEMORY, SHARED)


def _allowed(layer: Layer, hidden: Set[Path], around: Set[Path]) -> Iterator[Rule]:
    if layer.path in hidden:
        return
    rights = READ if layer.access == "read" else WRITE
    if layer.path not in around:
        yield Rule(layer.path, rights if layer.path.is_dir() else rights & OF_A_FILE)
        return
    yield Rule(layer.path, READ_DIR)  # names are listed, also those of hidden files
    for child in layer.path.iterdir():
        if not child.is_symlink():  # where it leads is granted by itself, or not
            yield from _allowed(Layer(child, layer.access), hidden, around)


def _identity(policy: Policy, paths: Sequence[Path]) -> Iterator[str]:
    """Become the policy's user; keep the right to enter any folder where the way to a path needs it.

    Landlock still decides what is read there. Without it no interpreter below /root could be used. Programs that ask
    access(2) first are told no beneath such a folder (git does), since it asks for the user without the right.
    """
    yield f"uid={policy.uid}"
    if not all(_is_reachable(path, policy.uid) for path in paths):
        bounding = next(
            line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd")
        )
        has_search = int(bounding.split()[1], 16) >> CAP_DAC_READ_SEARCH & 1
        yield f"keep={CAP_DAC_READ_SEARCH if has_search else CAP_DAC_OVERRIDE}"


def _is_reachable(path: Path, uid: int) -> bool:
    for parent in path.resolve().parents:
        status = parent.stat()
        if not status.st_mode & (stat.S_IXUSR if status.st_uid == uid else stat.S_IXOTH):
            return False
    return True


def _limits(policy: Policy, is_root: bool) -> Iterator[str]:
    """Processes are counted for the user, so an ordinary one's other processes come on top."""
    limits = policy.limits
    others = 0 if is_root else _threads(os.getuid())
    for number, value in (
        (resource.RLIMIT_CORE, NO_DUMP),
        (resource.RLIMIT_NPROC, limits.processes + others),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
    ):
        if value is not None:
            hard = resource.getrlimit(number)[1]
            yield f"limit={number}:{value if hard == resource.RLIM_INFINITY else min(value, hard)}"


def _threads(uid: int) -> int:
    count = 0
    for name in os.listdir("/proc"):
        try:
            if name.isdecimal() and os.stat(f"/proc/{name}").st_uid == uid:
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ESRCH, errno.EACCES):
                raise
    return count
