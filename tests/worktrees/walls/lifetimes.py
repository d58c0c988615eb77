"""How commands end, seen from outside; run as a script in a room's place, prints what happened as JSON.

python -m tests.worktrees.walls.lifetimes PICKLED_BACKEND_AND_POLICY
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from tests.worktrees.running import wait_for
from worktrees import processes, sandbox
from worktrees.sandbox import Backend, Policy

DAEMON = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(sys.argv[1], "w").close()
        time.sleep(600)
    os._exit(0)
while not os.path.exists(sys.argv[1]): time.sleep(0.005)
"""
LINGERS = f"{DAEMON}time.sleep(600)"
CLEANS_UP = """
import os, signal, sys, time
def clean(*_):
    open(sys.argv[1] + ".clean", "w").close()
    sys.exit(3)
signal.signal(signal.SIGTERM, clean)
open(sys.argv[1], "w").close()
time.sleep(600)
"""
ANSWERS = """
import os, sys
for number in sys.argv[2].split(","):
    os.write(int(number), number.encode())
"""
STARTS_AND_WAITS = "import os, subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True).wait()"


class Place:
    """Starts commands in one room, each with a mark of its own."""

    def __init__(self, using: Backend, policy: Policy) -> None:
        self.using, self.policy = using, policy
        self.scratch = policy.writable[-1]
        self.count = 0
        self.mark = self.tag = ""

    def start(self, script: str, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
        self.count += 1
        self.mark = str(self.scratch / f"mark-{os.getpid()}-{self.count}")
        self.tag = f"{self.mark}.tag"
        argv = [sys.executable, "-I", "-S", "-c", textwrap.dedent(script), self.mark, *arguments]
        prefix: list[str] = options.pop("prefix", [])  # type: ignore[assignment]
        environment = {"PATH": "/usr/bin:/bin", processes.TAG: self.tag}
        command = [*prefix, *sandbox.wrap(argv, self.policy, self.using)]
        return subprocess.Popen(command, env=environment, start_new_session=True, **options)  # type: ignore[call-overload, no-any-return]

    def lasting(self, script: str) -> subprocess.Popen[bytes]:
        """Start a script and wait until it runs."""
        process = self.start(script)
        wait_for(Path(self.mark).exists, 20)
        return process

    def left(self) -> int:
        """Return how many of the last command's processes there still are once it should be over."""
        try:
            wait_for(lambda: not processes.tagged(self.tag), 3)
        except AssertionError:
            pids = processes.tagged(self.tag)
            processes.send(pids, signal.SIGKILL)
            return len(pids)
        return 0


def exit_code(place: Place) -> object:
    return place.start("raise SystemExit(7)").wait()


def killed(place: Place) -> object:
    return place.start("import os; os.kill(os.getpid(), 9)").wait()


def not_found(place: Place) -> object:
    return subprocess.call(sandbox.wrap(["/no/such"], place.policy, place.using), env={}, stderr=subprocess.DEVNULL)


def told_to_end(place: Place) -> object:
    """SIGTERM to the session: the command has its moment."""
    process = place.lasting(CLEANS_UP)
    leader = processes.stat(process.pid)
    assert leader is not None
    processes.send(processes.in_session(process.pid, leader.start_ticks), signal.SIGTERM)
    return [process.wait(10), Path(f"{place.mark}.clean").exists(), place.left()]


def killed_from_outside(place: Place) -> object:
    """SIGKILL to the process that was started."""
    process = place.lasting(LINGERS)
    process.kill()
    return [process.wait(10), place.left()]


def ends_before_its_daemon(place: Place) -> object:
    process = place.start(DAEMON)
    return [process.wait(10), place.left()]


def starter_killed(place: Place) -> object:
    """SIGKILL to the process that started the command."""
    process = place.start(LINGERS, prefix=[sys.executable, "-c", STARTS_AND_WAITS])
    wait_for(Path(place.mark).exists, 20)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return place.left()


def reaper_killed(place: Place) -> object:
    """SIGKILL to process 1 of the command's namespace."""
    process = place.lasting(LINGERS)
    (reaper,) = processes.descendants(process.pid)[:1]
    os.kill(reaper, signal.SIGKILL)
    return [process.wait(10), place.left()]


def found_by_its_tag(place: Place) -> object:
    """A daemon that nobody started, seen from outside."""
    process = place.lasting(LINGERS)
    daemons = [pid for pid in processes.tagged(place.tag) if processes.stat(pid).session not in (process.pid, 0)]  # type: ignore[union-attr]
    processes.send(processes.tagged(place.tag), signal.SIGKILL)
    process.wait()
    return [len(daemons), place.left()]


def descriptors(place: Place) -> object:
    """Many descriptors that are handed on, small numbers among them: they arrive under their numbers."""
    pipes = [os.pipe() for _ in range(12)]
    numbers = [write for _, write in pipes]
    process = place.start(ANSWERS, ",".join(map(str, numbers)), pass_fds=numbers)
    code = process.wait(10)
    return [code, all(os.read(read, 99) == str(write).encode() for read, write in pipes if code == 0)]


SCENARIOS: dict[str, Callable[[Place], object]] = {
    scenario.__name__: scenario
    for scenario in (
        exit_code,
        killed,
        not_found,
        told_to_end,
        killed_from_outside,
        ends_before_its_daemon,
        starter_killed,
        reaper_killed,
        found_by_its_tag,
        descriptors,
    )
}
WITH_NAMESPACES_ONLY = {
    "killed_from_outside",
    "ends_before_its_daemon",
    "starter_killed",
    "reaper_killed",
}
"""Without them whoever starts a command ends what it leaves, as the shim's family does."""


def main() -> None:
    using, policy = pickle.loads(base64.b64decode(sys.argv[1]))
    sandbox.prepare(policy)
    place = Place(using, policy)
    names = SCENARIOS.keys() - (WITH_NAMESPACES_ONLY if using == "reduced" else set())
    print(json.dumps({name: SCENARIOS[name](place) for name in SCENARIOS if name in names}))


if __name__ == "__main__":
    main()
