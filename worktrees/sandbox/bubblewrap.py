"""How does backend `full` start a command?

bubblewrap gives it namespaces of its own (mounts, processes, network, IPC, host name), in which only the policy's paths
exist. Where the lab belongs to root no user namespace is made, and the command ends as a user of its own without a
capability: with uid 0 inside, a remount rewrote a read-only file of the host, and /proc/sys/kernel could be written.
An ordinary user needs the user namespace, and none can be made in it.

The chain is bash, bubblewrap, prlimit, setpriv (root only), env, the command; each replaces the one before, so the pid
that was started is bubblewrap's. bash opens the files that bubblewrap takes by descriptor. From bubblewrap on SIGTERM
is ignored, which env undoes for the command: bubblewrap would otherwise end on it, and all inside with it, before the
command had a moment to react. The environment is the caller's to give and stays as it is: /proc/1/environ shows it.
"""

from __future__ import annotations

import fcntl
import os
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from worktrees.sandbox import host, seccomp
from worktrees.sandbox.policy import NO_DUMP, Layer, Limits, Policy, layers

INSIDE = "lab"
"""Host name."""
NAMESPACES = ("ipc", "pid", "uts", "cgroup-try")
DESCENT = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
"""What setpriv needs to give up everything."""
FAMILIES = frozenset({seccomp.AF_UNIX, seccomp.AF_INET, seccomp.AF_INET6, seccomp.AF_NETLINK})
"""Without network the namespace holds a loopback and nothing to reach; torch's process groups use it."""
PRIVATE, SHARED = "/tmp", "/dev/shm"  # noqa: S108  # each command's own
CANNOT_OPEN = 125


@dataclass(frozen=True)
class Tools:
    """The programs of the chain."""

    bwrap: str
    bash: str
    env: str
    prlimit: str
    setpriv: str


def command(argv: Sequence[str], policy: Policy, tools: Tools, is_root: bool) -> list[str]:
    """Return the command that runs `argv` under `policy`. Raises FileNotFoundError and ValueError as `layers` does.

    The calling process must live until the command has started: the filter lies in its memory.
    """
    uid = policy.uid
    files = {path: str(_in_memory(text.encode())) for path, text in host.made_up(policy, uid).items()}
    sources = [str(_in_memory(_filter())), *files.values()]
    return [
        *(tools.bash, "-pc", _script(list(files)), tools.bwrap, *sources),
        *_isolation(policy, is_root),
        *_mounts(policy),
        *("--chdir", str(policy.folder), "--"),
        *(tools.prlimit, *_limits(policy.limits), "--"),
        *(_descent(tools, uid) if is_root else ()),
        *(tools.env, "--default-signal=TERM", "-u", "_", "-u", "SHLVL", "-u", "OLDPWD"),
        *argv,
    ]


def _script(paths: Sequence[str]) -> str:
    """Return what bash does: ignore SIGTERM, open the files, become bubblewrap with their numbers."""
    opened = " ".join(f'{{f{at}}}<"${at + 1}"' for at in range(len(paths) + 1))
    files = " ".join(f"--perms 0644 --file $f{at} {path}" for at, path in enumerate(paths, 1))
    return (
        f"trap '' TERM; exec {opened} || exit {CANNOT_OPEN}; shift {len(paths) + 1}; "
        f'exec "$0" --seccomp $f0 --perms 0755 --dir /etc {files} "$@"'
    )


@cache
def _filter() -> bytes:
    return seccomp.compiled(FAMILIES, own_limits_only=False)


@cache
def _in_memory(content: bytes) -> Path:
    """Return a file of this process's memory that holds `content` and that nobody can change; it needs no cleaning."""
    descriptor = os.memfd_create("nightlab", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(descriptor, content)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")


def _isolation(policy: Policy, is_root: bool) -> Iterator[str]:
    yield from (f"--unshare-{name}" for name in NAMESPACES)
    if not policy.network:
        yield "--unshare-net"
    yield from ("--hostname", INSIDE, "--die-with-parent", "--cap-drop", "ALL")
    if is_root:
        for name in DESCENT:
            yield from ("--cap-add", name)
    else:
        yield from ("--unshare-user", "--disable-userns", "--uid", str(policy.uid), "--gid", str(policy.uid))


def _mounts(policy: Policy) -> Iterator[str]:
    links = [path for path in host.OUTSIDE_USR if path.is_symlink()]
    for link in links:
        yield from ("--symlink", str(link.readlink()), str(link))
    yield from ("--proc", "/proc", "--dev", "/dev")
    yield from _tmpfs(PRIVATE, policy.limits.tmp_bytes)
    yield from _tmpfs(SHARED, policy.limits.shared_bytes)
    for node in policy.device_nodes:
        yield from ("--dev-bind", str(node), str(node))  # a plain bind is nodev
    yield from ("--remount-ro", "/dev")
    wanted = layers(policy, always=(path for path in host.readable(policy) if path not in links))
    yield from _layers(wanted)
    for layer in wanted:
        if layer.access == "hide" and layer.path.is_dir():
            yield from ("--remount-ro", str(layer.path))
    yield from ("--remount-ro", "/")  # an ordinary user would own it


def _layers(wanted: Sequence[Layer]) -> Iterator[str]:
    made = {Path("/"), Path("/etc"), Path("/proc"), Path("/dev"), Path(PRIVATE)}
    for layer in wanted:
        path = str(layer.path)
        for parent in reversed(layer.path.parents):
            if parent not in made:  # bubblewrap would make it for root alone
                made.add(parent)
                yield from ("--perms", "0755", "--dir", str(parent))
        made.add(layer.path)
        if layer.access == "read":
            yield from ("--ro-bind", path, path)
        elif layer.access == "write":
            yield from ("--bind", path, path)
        elif layer.path.is_dir():
            yield from ("--perms", "0755", "--tmpfs", path)
        else:
            yield from ("--ro-bind", os.devnull, path)  # nodev: it cannot even be opened


def _tmpfs(path: str, size: int) -> Iterator[str]:
    yield from ("--size", str(size), "--perms", "1777", "--tmpfs", path)


def _limits(limits: Limits) -> Iterator[str]:
    """Set them inside: an ordinary user's processes outside of the namespace count for nothing there."""
    wanted = {
        "core": (resource.RLIMIT_CORE, NO_DUMP),
        "nproc": (resource.RLIMIT_NPROC, limits.processes),
        "nofile": (resource.RLIMIT_NOFILE, limits.open_files),
        "fsize": (resource.RLIMIT_FSIZE, limits.file_bytes),
        "cpu": (resource.RLIMIT_CPU, limits.cpu_s),
    }
    for name, (number, value) in wanted.items():
        if value is not None:
            hard = resource.getrlimit(number)[1]
            yield f"--{name}={value if hard == resource.RLIM_INFINITY else min(value, hard)}"


def _descent(tools: Tools, uid: int) -> Iterator[str]:
    yield from (tools.setpriv, f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs")
    yield from ("--inh-caps=-all", "--bounding-set=-all", "--")
