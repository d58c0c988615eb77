"""How does a command start inside the walls?

As another command, which the caller starts with the environment that the command is to have: nothing is added to it but
PWD. The walls hold from before its first instruction.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from worktrees.sandbox import bubblewrap, landlock
from worktrees.sandbox.choice import Backend, Uncontained, choose, tools
from worktrees.sandbox.policy import Policy


def backend() -> Backend:
    """Name what contains the commands on this machine; ``none`` means that nothing can. Tried once per process."""
    return choose().backend


def why() -> str:
    """Say in one line which backend that is, and why it is not a better one."""
    return choose().why


def find(program: str, search_path: str, folder: Path = Path()) -> str:
    """Return the file that a program's name means to a command in `folder`; ask before `wrap`, which cannot say.

    Raises FileNotFoundError and PermissionError.
    """
    if "/" in program:
        path = folder / program
        if not path.exists():
            raise FileNotFoundError(f"no file {program}")
        if not os.access(path, os.X_OK):
            raise PermissionError(f"Permission denied: {program} is not executable")
        return str(path)
    if (found := shutil.which(program, path=search_path)) is None:
        raise FileNotFoundError(f"no command {program} in {search_path}")
    return found


def wrap(argv: Sequence[str], policy: Policy, using: Backend) -> list[str]:
    """Return the command that runs `argv` under `policy`, enforced by `using`. With ``none`` that is `argv` itself.

    Start it from a thread that lives as long as the command: with backend ``full`` it dies with the thread that
    started it, and with the process. Its standard input, output and error and every other descriptor that it is given
    are the command's too. A command that is killed by signal N ends with exit code 128 + N, or with the signal itself
    where nothing stood in between (``reduced``); one that is not found with 127.

    Raises Uncontained where a program is missing that `using` needs, FileNotFoundError for a granted path that does not
    exist, ValueError for one that is not absolute or that `using` cannot enforce.
    """
    if using == "none":
        return list(argv)
    is_root = os.geteuid() == 0
    if using == "reduced":
        return landlock.command(argv, policy, is_root)
    found = tools()
    if isinstance(found, str):
        raise Uncontained(found)
    return bubblewrap.command(argv, policy, found, is_root)
