"""What honest work needs is there: shells, Python with all that a training uses, memory to share, and no GPU."""

from __future__ import annotations

import json
import os
import shlex
import sys

import pytest

from tests.worktrees.walls.rooms import Room

SHELL = {
    "pipes and loops": "for i in 1 2; do echo $i; done | tail -1 | grep -q 2",
    "here documents": "cat <<E | grep -q here\nhere\nE",
    "process substitution": "diff <(echo 1) <(echo 1)",
    "background jobs": "sleep 0.01 & wait $!",
    "searching": "grep -rnq frozen . --include='*.py' && find . -name '*.py' | xargs head -1 >/dev/null",
    "editing by sed in a folder": "cp data.py $S/copy.py; sed -i s/fro/tha/ $S/copy.py; grep -q tha $S/copy.py",
    "archives": "tar -C $S -czf $S/a.tgz copy.py && tar -tzf $S/a.tgz >/dev/null",
    "copying with modes and times": "cp -p data.py $S/exact && cmp data.py $S/exact",
    "a user's name": "test $(id -u) -ne 0 && id >/dev/null",
    "temporary files": "test -w $(mktemp -p $S)",
    "nothing": 'echo 1 >/dev/null && test -z "$(cat /dev/null)"',
    "random bytes": "head -c 8 /dev/urandom | wc -c | grep -q 8",
    "locale and time": "date >/dev/null && test $(printf 'ü' | wc -m) = 1",
    "a script of its own": "printf '#!/bin/sh\\necho ran' >$S/run && chmod +x $S/run && $S/run | grep -q ran",
}
PYTHON = """
import json, multiprocessing, os, subprocess, sys, tempfile, threading
from multiprocessing import shared_memory

def double(number):
    return 2 * number

def main():
    results = {}
    with multiprocessing.Pool(2) as pool:
        results["pool"] = pool.map(double, [1, 2])
    block = shared_memory.SharedMemory(create=True, size=1 << 20)
    block.buf[:2] = b"ok"
    results["shared"] = bytes(block.buf[:2]).decode()
    block.close()
    block.unlink()
    with tempfile.TemporaryDirectory() as folder:
        results["temporary"] = os.path.isdir(folder)
    thread = threading.Thread(target=results.update, args=({"thread": True},))
    thread.start()
    thread.join()
    results["child"] = subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True).stdout
    print(json.dumps(results))

main()
"""
LOADER = """
import sys, warnings
warnings.simplefilter("error")
import torch
from torch.utils.data import DataLoader

class Squares(torch.utils.data.Dataset):
    def __len__(self): return 8
    def __getitem__(self, at): return torch.full((64, 64), at * at)

print(int(sum(batch.sum() for batch in DataLoader(Squares(), batch_size=4, num_workers=int(sys.argv[1])))) // 4096)
"""
COMPILED = "import torch; print(int(torch.compile(lambda x: (x * 2 + 1).sum())(torch.ones(100))))"


@pytest.fixture(scope="module")
def shell(room: Room) -> dict[str, str]:
    """The exit code of every line of `SHELL`, all run in one command, with what it printed."""
    tries = (
        f"said=$(bash -e -o pipefail -c {shlex.quote(line)} 2>&1); echo {shlex.quote(name)}: $? $said"
        for name, line in SHELL.items()
    )
    done = room.run("bash", "-c", "\n".join(tries), environment={"S": str(room.lab.scratch)})
    assert 0 == done.returncode, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", SHELL)
def test_a_shell_works(shell: dict[str, str], name: str) -> None:
    """The usual tools do their usual work."""
    assert "0" == shell[name].strip()


def test_python_works(room: Room) -> None:
    """Pools, shared memory, temporary folders, threads and child processes work."""
    environment = {"TMPDIR": str(room.lab.scratch)}
    done = room.run(sys.executable, "-c", PYTHON, environment=environment)
    expected = {"pool": [2, 4], "shared": "ok", "temporary": True, "thread": True, "child": "1\n"}
    assert expected == json.loads(done.stdout or "{}"), done.stderr


def test_torch_loads_data_in_workers(room: Room) -> None:
    """Workers hand tensors over in shared memory. Without namespaces there are no sockets for it: none are used."""
    workers = "2" if room.backend == "full" else "0"
    done = room.run(sys.executable, "-c", LOADER, workers, environment={"TMPDIR": str(room.lab.scratch)})
    assert (0, "140\n", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_torch_compiles(room: Room) -> None:
    """The compiler, its workers and what they make work."""
    if room.backend == "reduced" or (room.user == "user" and os.geteuid() == 0):
        pytest.skip("tried in one room: it takes long, and the others differ in nothing that a compiler needs")
    environment = {
        "TMPDIR": str(room.lab.scratch),
        "HOME": str(room.lab.scratch),
        "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
        "TORCHINDUCTOR_VEC_ISA_OK": "0",  # else it compiles a program for each set of vector instructions first: 9 s
    }
    done = room.run(sys.executable, "-c", COMPILED, environment=environment)
    assert "300\n" == done.stdout, done.stderr


def test_there_is_no_gpu(room: Room) -> None:
    """Without a GPU in the policy no node of one is there to be opened."""
    done = room.run("bash", "-c", "for node in /dev/nvidia* /dev/dri/*; do test -r $node && echo $node; done; true")
    assert "" == done.stdout, done.stderr


def test_git_is_harmless(room: Room) -> None:
    """In a worktree git finds no repository: nothing to stash, commit, filter or hook. One of its own works."""
    who = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**who, "HOME": str(room.lab.scratch), "GIT_CONFIG_NOSYSTEM": "1"}
    mine = f"git init -q {room.lab.scratch}/mine && cd {room.lab.scratch}/mine && git commit -q --allow-empty -m mine"
    done = room.run("bash", "-c", f"git stash || ({mine} && git log --format=%s)", environment=environment)
    assert "fatal: " in done.stderr
    if (room.backend, room.user) != (
        "reduced",
        "root",
    ):  # there git cannot work below a folder that is closed to others
        assert "mine\n" == done.stdout, done.stderr
