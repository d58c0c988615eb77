"""Whose are the files that a command may change?

Where the lab belongs to root, commands run as another user, and what they may write must be given to it. Whoever makes
the folders of a command calls `prepare` once they are filled and before the self-test and the first command.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from worktrees.sandbox.policy import FIRST_UID, Policy

LOW_UID, LAST_UID = 65_536, 524_287
"""Users that nobody has: systemd and Debian leave them to containers and the like (systemd.io/UIDS-GIDS)."""
BLOCK = 512


def users(owner: Path) -> int:
    """Return the first of `BLOCK` users for the commands of one lab, the folder `owner`.

    The kernel counts a user's processes over the whole machine, so two labs share none: what runs wild in one must not
    keep the other from starting anything. Where a container maps few users all labs share the block at the top.
    """
    mapped = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    if not any(int(first) == 0 and int(count) > LAST_UID for first, _, count in mapped):
        return FIRST_UID
    place = int.from_bytes(hashlib.sha256(os.fsencode(owner)).digest()[:8], "big")
    return LOW_UID + BLOCK * (place % ((LAST_UID - LOW_UID) // BLOCK))


def prepare(policy: Policy) -> None:
    """Make what `policy` lets a command write writable for its user, and nothing else. Nothing to do unless root."""
    if os.geteuid() == 0:
        for path in policy.writable:
            give(path, policy.uid)


def give(path: Path, uid: int) -> None:
    """Give a file, or a folder with all that is in it, to a user.

    The folder itself keeps its owner and is opened to the user as its group: git refuses a worktree whose folder
    belongs to somebody else. Links are not followed, `.git` right in it is left alone, and so is a file that has a
    second name: it may be one outside.
    """
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            os.chown(path, uid, uid, follow_symlinks=False)
        return
    os.chown(path, -1, uid, follow_symlinks=False)
    path.chmod(stat.S_IMODE(status.st_mode) | stat.S_IRWXG)
    for folder, folders, files, descriptor in os.fwalk(path, follow_symlinks=False):
        if folder == str(path) and ".git" in folders:
            folders.remove(".git")
        for name in (*folders, *files):
            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            is_alone = stat.S_ISDIR(found.st_mode) or found.st_nlink == 1
            if is_alone and not (folder == str(path) and name == ".git"):
                os.chown(name, uid, uid, dir_fd=descriptor, follow_symlinks=False)
