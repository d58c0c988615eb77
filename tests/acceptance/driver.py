"""A person at a tmux pane: the real program on a played lab, driven by keys and read from the screen.

One tmux server for each seat, with a name of its own. A seat that is left ends the lab's engine and all that it plays.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from agentcore.engine.control import Command, EngineUnreachable
from agentcore.engine.launch import send, wait_until_gone
from agentcore.overview import Overview
from agentcore.overview.observer import Observer
from agentcore.state import LabState
from tests.engines import state_of
from worktrees import processes
from worktrees.layout import LabPaths

PATIENCE_S = 30.0
BEAT_S = 0.1
ROOT = Path(__file__).parents[2]
PANE = "g"

_servers = itertools.count(1)


class Seat:
    """A pane of `size` (columns, lines) in which the view of one played lab runs."""

    def __init__(self, folder: Path, size: tuple[int, int], env: Mapping[str, str]) -> None:
        self.paths = LabPaths(folder)
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(folder.parent), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8",
            "NIGHTLAB_DEMO_DIR": str(folder), "NIGHTLAB_DIR": str(folder), "TZ": "UTC", **env,
        }  # fmt: skip
        self.size = size
        self._server = ""

    # The pane

    def open(self, *words: str) -> None:
        """Run `nightlab` with these words in a new session, in the place of the one that was there."""
        self.close()
        self._server = f"nightlab-{os.getpid()}-{next(_servers)}"
        command = " ".join([f"exec {sys.executable} -P -m tui.cli", *words])
        settings = [f"-e{name}={value}" for name, value in self.env.items()]
        columns, lines = map(str, self.size)
        self.tmux(
            "-u", "-f", "/dev/null", "new-session", "-d", "-s", PANE, "-x", columns, "-y", lines, *settings, command
        )
        self.tmux("set-option", "-s", "escape-time", "0")
        self.tmux("set-option", "-g", "remain-on-exit", "on")

    def close(self) -> None:
        """End this seat's tmux, as a line that drops does; the lab goes on."""
        if self._server:
            self.tmux("kill-server", check=False)

    def tmux(self, *words: str, check: bool = True) -> str:
        """Ask this seat's own server."""
        env = {name: value for name, value in self.env.items() if name not in ("LC_ALL",)}
        argv = ["tmux", "-L", self._server, *words]
        return subprocess.run(argv, capture_output=True, text=True, env=env, check=check, timeout=20).stdout

    def nightlab(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the view."""
        argv = [sys.executable, "-P", "-m", "tui.cli", *words]
        full = {**self.env, **env}
        return subprocess.run(argv, capture_output=True, text=True, env=full, check=False, timeout=PATIENCE_S)

    def git(self, *words: str) -> str:
        """Run git in the lab's folder."""
        argv = ["git", "-C", str(self.paths.root), "-c", "user.name=hand", "-c", "user.email=hand@localhost", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def press(self, *keys: str) -> None:
        """Press keys, each when the pane has answered the one before."""
        for key in keys:
            before = self.text
            self.tmux("send-keys", "-t", PANE, "--", key)
            end = time.monotonic() + 1.0
            while self.text == before and time.monotonic() < end:  # some keys change nothing
                time.sleep(BEAT_S / 2)

    def type(self, text: str) -> None:
        """Type without a pause."""
        self.tmux("send-keys", "-t", PANE, "-l", "--", text)

    def resize(self, columns: int, lines: int) -> None:
        """Give the pane another size."""
        self.size = (columns, lines)
        self.tmux("resize-window", "-t", PANE, "-x", str(columns), "-y", str(lines))

    @property
    def text(self) -> str:
        """The screen, without trailing blanks."""
        return self.tmux("capture-pane", "-p", "-t", PANE, check=False)

    @property
    def codes(self) -> str:
        """The screen with its colours and other attributes."""
        return self.tmux("capture-pane", "-e", "-p", "-t", PANE)

    @property
    def lines(self) -> list[str]:
        """The lines of the screen."""
        return self.text.split("\n")[: self.size[1]]

    def row(self, pattern: str) -> str:
        """Return the first line in which the pattern is found."""
        return next((line for line in self.lines if re.search(pattern, line)), "")

    @property
    def is_open(self) -> bool:
        """True while the program in the pane runs."""
        return self.tmux("display-message", "-p", "-t", PANE, "#{pane_dead}", check=False).strip() == "0"

    # Waiting

    def until(self, holds: Callable[[], bool], what: str = "", patience_s: float = PATIENCE_S) -> None:
        """Wait until it holds; what stands on the screen is the failure's message."""
        end = time.monotonic() + patience_s
        while not holds():
            assert time.monotonic() < end, f"never: {what}\n{self.text}"
            time.sleep(BEAT_S)

    def sees(self, pattern: str, patience_s: float = PATIENCE_S) -> str:
        """Wait until the pattern is on the screen; return the line in which it is."""
        self.until(lambda: re.search(pattern, self.text) is not None, pattern, patience_s)
        return self.row(pattern)

    def holds_for(self, seconds: float, holds: Callable[[], bool]) -> None:
        """Watch that something stays so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert holds(), self.text
            time.sleep(5 * BEAT_S)

    def comes_to(self, holds: Callable[[LabState], bool], what: str, patience_s: float = 2 * PATIENCE_S) -> LabState:
        """Wait until the journal says so."""
        self.until(lambda: holds(self.state), what, patience_s)
        return self.state

    # The lab

    @property
    def state(self) -> LabState:
        """What the journal says."""
        return state_of(self.paths)

    @property
    def overview(self) -> Overview:
        """What the first screen is made of."""
        observer = Observer(self.paths)
        observer.refresh()
        return observer.overview(time.time())

    @property
    def trunk(self) -> str:
        """Where trunk is in git."""
        return self.git("rev-parse", "lab/trunk")

    def leave(self) -> None:
        """End everything."""
        self.close()
        with suppress(EngineUnreachable):
            send(self.paths, Command("stop", arguments={"now": True}))
            wait_until_gone(self.paths)
        for number in self.state.active:
            status = self.paths.run(number).read_status()
            if status and processes.is_alive(status.pid, status.start_ticks, status.boot_id):
                processes.send([status.pid], signal.SIGTERM)


@contextmanager
def seated(
    folder: Path, scenario: str, size: tuple[int, int] = (80, 24), *, speed: float = 1.0, **env: str
) -> Iterator[Seat]:
    """Sit down at a scenario; its first screen is there."""
    seat = Seat(folder / "lab", size, env)
    try:
        seat.open("demo", "--seed", "1", "--speed", str(speed), "--scenario", scenario)
        seat.sees(r"1 LAB")
        yield seat
    finally:
        seat.leave()
        shutil.rmtree(seat.paths.root, ignore_errors=True)
