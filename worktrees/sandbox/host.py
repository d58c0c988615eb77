"""What of the host does every command see?

Its programs and libraries, the few files in /etc that they need, the interpreter that runs the lab, and a description
of the CPUs. Never a home folder, never the rest of /etc. The users and hosts that a command finds are made up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from worktrees.sandbox.policy import Policy

PROGRAMS = Path("/usr")
OUTSIDE_USR = tuple(map(Path, ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")))
"""Links into /usr on most systems, folders on older ones."""
CONFIGURATION = tuple(map(Path, ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives")))
NETWORK_CONFIGURATION = tuple(
    map(Path, ("/etc/resolv.conf", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls"))
)
"""Name servers and certificates, never a private key."""
PROCESSORS = tuple(map(Path, ("/sys/devices/system/cpu", "/sys/devices/system/node")))
"""Thread pools and torch count the CPUs here."""
GPU_DESCRIPTIONS = Path("/sys")
"""Without all of it CUDA does not start (error 304)."""
GPU_DAEMON = Path("/run/nvidia-persistenced")


def readable(policy: Policy) -> list[Path]:
    """Return what exists here of the paths that every command under this policy may read, links resolved by nobody."""
    paths = [PROGRAMS, *OUTSIDE_USR, *CONFIGURATION, *PROCESSORS]
    if policy.network:
        paths += NETWORK_CONFIGURATION
    if policy.device_nodes:
        paths += (GPU_DESCRIPTIONS, GPU_DAEMON)
    return [path for path in (*paths, *interpreter()) if path.exists()]


@lru_cache(maxsize=1)
def interpreter() -> tuple[Path, ...]:
    """Return the folders of the running interpreter, its virtual environment's among them.

    A virtual environment's ``bin/python`` may be a link to a link: whatever lies on the way and in none of the folders
    is returned as well.
    """
    folders = tuple(dict.fromkeys(map(Path, (sys.prefix, sys.base_prefix, sys.base_exec_prefix))))
    return (*folders, *(link for link in _links(Path(sys.executable)) if not any(map(link.is_relative_to, folders))))


def _links(path: Path) -> Iterator[Path]:
    """Yield a file and, where it is a link, where it leads, step by step."""
    yield path
    while path.is_symlink():
        path = Path(os.path.normpath(path.parent / path.readlink()))
        yield path


def made_up(policy: Policy, uid: int) -> dict[str, str]:
    """Return the text of the files in /etc that name users and hosts, by path."""
    sources = "files dns" if policy.network else "files"
    return {
        "/etc/passwd": f"root:x:0:0::/:/bin/sh\nlab:x:{uid}:{uid}::/tmp:/bin/bash\n",
        "/etc/group": f"root:x:0:\nlab:x:{uid}:\n",
        "/etc/hosts": "127.0.0.1 localhost lab\n::1 localhost\n",
        "/etc/nsswitch.conf": f"passwd: files\ngroup: files\nhosts: {sources}\n",
    }
