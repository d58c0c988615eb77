"""Which processes does a lab have just now, and what is each of them?

Whoever calls `adopt` becomes the parent of every process of the lab that loses its own, so nothing that the lab ever
started can hide: it is a descendant, or it is dead.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from worktrees import processes

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h

ROLES = ("engine", "shim", "training", "evaluation", "sandbox", "agent", "agent's sandbox", "view")


@dataclass(frozen=True)
class Being:
    """A living process, with what it is of a lab; an empty role is a helper or a leftover."""

    pid: int
    role: str
    words: tuple[str, ...]


def adopt() -> None:
    """Let all that the lab starts and loses become children of this process."""
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("prctl(PR_SET_CHILD_SUBREAPER) failed")


def alive(root: Path) -> list[Being]:
    """Return every process of the lab at `root`: our descendants, and whoever names it in words, tag or folder."""
    descended = set(processes.descendants(os.getpid()))
    found = []
    for one in processes.every():
        words = _words(one.pid)
        if one.pid != os.getpid() and words and (one.pid in descended or _is_of(root, one.pid, words)):
            found.append(Being(one.pid, _role(one.pid, words), words))
    return found


def of_role(root: Path, *roles: str) -> list[int]:
    """Return the pids of the lab's processes with one of these roles."""
    return [each.pid for each in alive(root) if each.role in roles]


def kill(pids: Iterable[int], number: signal.Signals = signal.SIGKILL) -> int:
    """Send a signal to those that still live; return how many there were."""
    count = 0
    for pid in pids:
        try:
            os.kill(pid, number)
            count += 1
        except ProcessLookupError:
            continue
    return count


def kill_all(root: Path) -> int:
    """End everything of the lab at once, as a power cut does; return how many there were."""
    first, end = kill(each.pid for each in alive(root)), time.monotonic() + 10
    while (left := [each.pid for each in alive(root)]) and time.monotonic() < end:
        kill(left)
        reap()
        time.sleep(0.005)
    return first


def reap(keep: Iterable[int] = ()) -> None:
    """Collect the dead among our children, but for those that somebody else asks about."""
    kept = set(keep)
    for text in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        pid = int(text)
        if pid not in kept:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue


def _words(pid: int) -> tuple[str, ...]:
    try:
        return tuple(os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")[:-1])
    except (FileNotFoundError, ProcessLookupError):
        return ()


def _tag(pid: int) -> str:
    """Return the folder that a process was started for, as the lab marks it in its environment."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return ""
    mark = f"{processes.TAG}=".encode()
    return next((os.fsdecode(each[len(mark) :]) for each in environment.split(b"\0") if each.startswith(mark)), "")


def _is_of(root: Path, pid: int, words: tuple[str, ...]) -> bool:
    if _tag(pid).startswith(f"{root}/") or str(root) in words:
        return True
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(root)
    except OSError:
        return False


def _role(pid: int, words: tuple[str, ...]) -> str:
    program, tag = Path(words[0]).name, _tag(pid)
    is_agent = "/worktrees/" in tag
    if program == "bwrap" or "worktrees.landlock" in words:
        return "agent's sandbox" if is_agent else "sandbox"
    if "agentcore" in words:
        return "engine"
    if "worktrees.shim" in words:
        return "shim"
    if "tui.cli" in words:
        return "view" if "view" in words else ""
    if not tag or not program.startswith("python"):
        return ""
    if is_agent:
        return "agent"
    return "evaluation" if {"evaluate.py", "predict.py"} & set(words) else "training"
