"""Which walls can stand on this machine?

The best that works when it is tried, with the options that commands are started with: an entry in a settings file may
say that namespaces are allowed, and a container's own filter refuse them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from worktrees.sandbox import bubblewrap, landlock
from worktrees.sandbox.policy import Policy

Backend = Literal["full", "reduced", "none"]

TRIAL = ("/bin/sh", "-c", "true | true")
"""Succeeds where the command can also start processes."""
TRIAL_LIMIT_S = 20.0
OLDEST = "bubblewrap 0.8, coreutils 8.31, util-linux 2.34"
SETTINGS = {
    "kernel/unprivileged_userns_clone": "0",
    "kernel/apparmor_restrict_unprivileged_userns": "1",
    "user/max_user_namespaces": "0",
}
"""What in /proc/sys keeps ordinary users from namespaces."""


class Uncontained(Exception):
    """No walls can stand here, and nobody has asked to do without; carries why."""


@dataclass(frozen=True)
class Choice:
    """A backend, and why it is not a better one."""

    backend: Backend
    why: str


@lru_cache(maxsize=1)
def choose() -> Choice:
    """Find out once per process; about 10 ms, 50 where there is only `reduced`."""
    is_root = os.geteuid() == 0
    found = tools()
    if isinstance(found, str):
        without = found
    else:
        trouble = _trouble(lambda: bubblewrap.command(TRIAL, Policy(), found, is_root))
        if not trouble:
            return Choice("full", f"full: bubblewrap ({found.bwrap}) and a filter of system calls")
        without = f"bubblewrap does not work here: {trouble}{_setting()}"
    trouble = _trouble(lambda: landlock.command(TRIAL, Policy(), is_root))
    if not trouble:
        return Choice("reduced", f"reduced: Landlock and a filter of system calls, because {without}")
    return Choice("none", f"none: {without}; nor does Landlock: {trouble}")


@lru_cache(maxsize=1)
def tools() -> bubblewrap.Tools | str:
    """Return where the programs are, or which one is missing."""
    paths: dict[str, str] = {}
    for name, package in (
        ("bwrap", "bubblewrap"),
        ("bash", "bash"),
        ("env", "coreutils"),
        ("prlimit", "util-linux"),
        ("setpriv", "util-linux"),
    ):
        if (path := shutil.which(name)) is None:
            return f"{name} is not installed: apt-get install {package}"
        paths[name] = path
    return bubblewrap.Tools(**paths)


def _trouble(command: Callable[[], Sequence[str]]) -> str:
    """Return why a trial fails, or an empty string."""
    try:
        done = subprocess.run(
            command(),
            env={"PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRIAL_LIMIT_S,
            check=False,
        )
    except (OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.decode(errors="replace").split("\n")
    words = next((line.strip() for line in lines if line.strip()), f"exit code {done.returncode}")
    return f"{words} ({OLDEST} or newer is needed)" if "nknown option" in words else words


def _setting() -> str:
    if os.geteuid() == 0:
        return ""
    for name, value in SETTINGS.items():
        path = Path("/proc/sys", name)
        if path.exists() and path.read_text().strip() == value:
            return f" (sysctl {name.replace('/', '.')} is {value})"
    return ""
