"""The backend is the best that works, and says why it is not a better one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.worktrees.walls.rooms import ENVIRONMENT, REPOSITORY, as_nobody, without
from worktrees import sandbox

ASKS = "from worktrees import sandbox; print(sandbox.backend()); print(sandbox.why())"
REFUSES_LANDLOCK = """
import ctypes, errno, struct
from worktrees.sandbox import launcher, seccomp
number = (444,)
steps = [seccomp.Step(0x20, 0), *seccomp._answer(seccomp.Step(0x15, 444), errno.ENOSYS), seccomp.Step(0x06, 0x7FFF0000)]
packed = b"".join(struct.pack("=HBBI", step.code, step.to, step.otherwise, step.value) for step in steps)
launcher.prctl("", 38, 1)
held = ctypes.create_string_buffer(packed)
launcher.call("", launcher.SECCOMP, 1, 0, launcher.words(len(steps)) + launcher.words(ctypes.addressof(held)))
"""


def ask(prefix: Sequence[str] = (), path: str = ENVIRONMENT["PATH"], script: str = ASKS) -> tuple[str, str]:
    """Return backend and reason as a new process finds them."""
    done = subprocess.run(
        [*prefix, sys.executable, "-P", "-c", script],
        env={"PATH": path, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    backend, why = done.stdout.splitlines()
    return backend, why


def fake(tmp_path: Path, text: str) -> str:
    """Return a PATH on which bubblewrap prints `text` and fails."""
    path = without(tmp_path, "bwrap")
    (tmp_path / "bwrap").write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    return path


def test_here_the_backend_is_full() -> None:
    """With bubblewrap all walls stand."""
    assert ("full", "full: bubblewrap (/usr/bin/bwrap) and a filter of system calls") == ask()


def test_a_missing_program_is_named_with_its_package(tmp_path: Path) -> None:
    """Without bubblewrap there is Landlock, and a hint at what to install."""
    expected = (
        "reduced: Landlock and a filter of system calls, because bwrap is not installed: apt-get install bubblewrap"
    )
    assert ("reduced", expected) == ask(path=without(tmp_path, "bwrap"))


def test_a_bubblewrap_that_fails_is_quoted(tmp_path: Path) -> None:
    """What bubblewrap says reaches the reason."""
    backend, why = ask(path=fake(tmp_path, "bwrap: Creating new namespace failed: Operation not permitted"))
    assert ("reduced", True) == (backend, "bwrap: Creating new namespace failed: Operation not permitted" in why), why


def test_an_old_bubblewrap_is_quoted(tmp_path: Path) -> None:
    """An option that it does not know means that it is too old."""
    backend, why = ask(path=fake(tmp_path, "bwrap: Unknown option --size"))
    assert ("reduced", True) == (backend, "Unknown option --size" in why and "0.8" in why), why


def test_refused_namespaces_are_noticed() -> None:
    """Where an ordinary user may not make namespaces, the reason names the setting."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a place where namespaces are refused")
    nested = [
        "bwrap",
        "--dev-bind",
        "/",
        "/",
        "--unshare-user",
        "--disable-userns",
        "--uid",
        "1000",
        "--gid",
        "1000",
        "--",
    ]
    backend, why = ask(prefix=nested)
    assert ("reduced", True) == (backend, "bubblewrap does not work here: bwrap: " in why), why


def test_an_ordinary_user_has_all_walls(tmp_path: Path) -> None:
    """User namespaces are enough."""
    prefix = as_nobody(tmp_path) if os.geteuid() == 0 else []
    assert "full" == ask(prefix=prefix)[0]


def test_without_anything_there_is_none(tmp_path: Path) -> None:
    """Neither bubblewrap nor Landlock: the reason names both."""
    backend, why = ask(path=without(tmp_path, "bwrap"), script=f"{REFUSES_LANDLOCK}\n{ASKS}")
    assert ("none", True) == (backend, "bwrap is not installed" in why and "Landlock: Function not impl" in why), why


def test_what_cannot_work_is_not_done_without(tmp_path: Path) -> None:
    """Asking for `full` where it does not work is an error, not a command without walls."""
    script = (
        "from worktrees import sandbox\n"
        "try: sandbox.wrap(['true'], sandbox.Policy(), 'full')\n"
        "except sandbox.Uncontained as error: print('refused'); print(error)"
    )
    assert "refused" == ask(path=without(tmp_path, "bwrap"), script=script)[0]


def test_only_who_says_so_runs_without_walls() -> None:
    """Backend `none` returns the command itself."""
    assert ["python", "train.py"] == sandbox.wrap(("python", "train.py"), sandbox.Policy(), "none")
