"""Real sandboxes for the tests of the walls, around a lab that has something to take.

There are four rooms: backends `full` and `reduced`, each as root and as an ordinary user. Where the tests run as root
the user's rooms run as `nobody`, in mounts where it can reach the interpreter and the lab. Where bubblewrap does not
work these tests fail instead of being skipped: walls that nobody tried do not stand.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from worktrees import sandbox
from worktrees.sandbox import Backend, Policy

REPOSITORY = Path(__file__).parents[3]
INSIDE = Path(__file__).with_name("inside")
NOBODY = 65_534
ROOMS: tuple[tuple[Backend, str], ...] = (("full", "root"), ("full", "user"), ("reduced", "root"), ("reduced", "user"))
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
ENTER = """
import base64, os, pickle, subprocess, sys
from worktrees import sandbox
using, argv, policy = pickle.loads(base64.b64decode(sys.argv[1]))
sandbox.prepare(policy)
code = subprocess.call(sandbox.wrap(argv, policy, using), env=dict(os.environ), cwd="/")
sys.exit(code if code >= 0 else 128 - code)
"""


@dataclass(frozen=True)
class Lab:
    """A researcher's home and lab, with one worktree that an agent works in."""

    root: Path

    @property
    def worktree(self) -> Path:
        return self.root / "lab/worktrees/wt0"

    @property
    def scratch(self) -> Path:
        return self.root / "lab/scratch/wt0"

    def make(self) -> None:
        """Write it all."""
        for name, text in {
            "home/.ssh/id_ed25519": "key",
            "home/.config/nightlab/keys": "key",
            "lab/journal.db": "rows",
            "lab/worktrees/wt0/train.py": "lr = 1",
            "lab/worktrees/wt0/data.py": "frozen",
            "lab/worktrees/wt0/answers/validation.txt": "text",
            "lab/worktrees/wt0/.git": "gitdir: ../../repository",
            "lab/worktrees/wt1/train.py": "lr = 2",
            "lab/repository/config": "[core]",
            "lab/data/train/tokens.bin": "train",
            "lab/data/validation/tokens.bin": "validation",
            "lab/scratch/wt1/notes": "other",
        }.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        self.scratch.mkdir(parents=True)

    def policy(self, **changes: Any) -> Policy:
        """Return what an agent may do: read its worktree and the training data, write one file and its scratch."""
        what: dict[str, Any] = {
            "readable": (self.worktree, self.root / "lab/data/train"),
            "writable": (self.worktree / "train.py", self.scratch),
            "hidden": (self.worktree / "answers",),
            "folder": self.worktree,
        }
        return Policy(**{**what, **changes})

    def snapshot(self) -> dict[str, tuple[int, str]]:
        """Return mode and content of every file that no command may change."""
        return {
            str(path.relative_to(self.root)): (path.stat().st_mode, path.read_text())
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and self.scratch not in path.parents and path.name != "attempts.py"
        }


@dataclass(frozen=True)
class Room:
    """A way to run commands in a lab."""

    backend: Backend
    user: str
    lab: Lab
    ports: Mapping[str, Any] = field(default_factory=dict)
    """What listens outside."""

    @property
    def becomes_nobody(self) -> bool:
        return self.user == "user" and os.geteuid() == 0

    def start(self, argv: Sequence[str], environment: Mapping[str, str] | None = None, **changes: Any) -> list[str]:
        """Return the command that runs `argv` here."""
        policy = self.lab.policy(**changes)
        if not self.becomes_nobody:
            sandbox.prepare(policy)
            return sandbox.wrap(argv, policy, self.backend)
        packed = base64.b64encode(pickle.dumps((self.backend, list(argv), policy))).decode()
        return [*as_nobody(self.lab.root), sys.executable, "-P", "-c", ENTER, packed]

    def run(
        self, *argv: str, environment: Mapping[str, str] | None = None, **changes: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command here to its end."""
        return subprocess.run(
            self.start(argv, **changes),
            env={**ENVIRONMENT, "PYTHONPATH": str(REPOSITORY), **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def outcomes(self, name: str) -> dict[str, str]:
        """Try everything that `inside/NAME.py` tries; return how each attempt ended."""
        shutil.copy(INSIDE / f"{name}.py", self.lab.worktree / "attempts.py")
        facts = json.dumps({"root": str(self.lab.root), "pid": os.getpid(), "backend": self.backend, **self.ports})
        done = self.run(sys.executable, "-I", "-S", "attempts.py", facts)
        assert 0 == done.returncode, done.stderr
        outcomes: dict[str, str] = json.loads(done.stdout)
        return outcomes

    @cached_property
    def name(self) -> str:
        return f"{self.backend}, {self.user}"


def as_nobody(root: Path) -> list[str]:
    """Return a command that runs another one as `nobody`, where it can enter the folders of tests and interpreter."""
    needed = [Path(sys.prefix), Path(sys.base_prefix), REPOSITORY, root]
    closed = {top for path in needed if (top := _closed(path))}
    argv = ["bwrap", "--dev-bind", "/", "/"]
    made = set(closed)
    for top in sorted(closed):
        argv += ["--perms", "0755", "--tmpfs", str(top)]
    for path in needed:
        if not any(path.is_relative_to(top) for top in closed):
            continue
        for parent in reversed(path.parents):
            if parent not in made and any(parent.is_relative_to(top) for top in closed):
                made.add(parent)
                argv += ["--perms", "0755", "--dir", str(parent)]
        argv += ["--bind" if path == root else "--ro-bind", str(path), str(path)]
        made.add(path)
    return [*argv, "--", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]


def without(folder: Path, *missing: str) -> str:
    """Return a PATH with the programs of the chain but some."""
    folder.mkdir(exist_ok=True)
    for name in {"bwrap", "bash", "env", "prlimit", "setpriv"} - set(missing):
        program = shutil.which(name)
        assert program is not None
        (folder / name).symlink_to(program)
    return str(folder)


def _closed(path: Path) -> Path | None:
    """Return the outermost folder on the way to `path` that only its owner may enter."""
    real = [*reversed(path.parents)]
    return next((parent for parent in real if not parent.stat().st_mode & stat.S_IXOTH), None)


def open_room(backend: Backend, user: str, root: Path) -> Iterator[Room]:
    """Make a lab with listeners around it, and a room in it."""
    if "bubblewrap" not in sandbox.why() or sandbox.backend() != "full":
        pytest.fail(f"the walls cannot be tried: {sandbox.why()}")
    if user == "root" and os.geteuid() != 0:
        pytest.skip("root's walls are tried by root only: run the tests as root, too")
    lab = Lab(root / "r")
    lab.make()
    listener = socket.create_server(("127.0.0.1", 0))
    engine = socket.socket(socket.AF_UNIX)
    engine.bind(str(lab.root / "lab/engine.sock"))
    engine.listen()
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0nightlab-{os.getpid()}-{id(lab)}")
    abstract.listen()
    if user == "user" and os.geteuid() == 0:
        for path in (lab.root, *lab.root.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    ports = {"port": listener.getsockname()[1], "abstract": abstract.getsockname()[1:].decode()}
    with listener, engine, abstract:
        yield Room(backend, user, lab, ports)
