"""How does a lab live through a night of faults? It is started again as the product starts it, and must go on.

A person who comes back types `nightlab`; a service types `nightlab start`; both start an engine that is dead and leave
one that lives alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agentcore.engine import launch
from agentcore.engine.control import Command, EngineUnreachable
from agentcore.overview.observer import Observer
from agentcore.state import LabState
from tests.bench.terminal import Terminal
from tests.torture import beings
from worktrees.layout import LabPaths

SIZES = ((80, 24), (160, 45), (60, 15))


class Stuck(Exception):
    """The lab does not come back, or does not go on. The message says after what."""


class Night:
    """A lab, whoever watches it, and how long its returns have taken."""

    def __init__(self, paths: LabPaths, stuck_s: float) -> None:
        self.paths = paths
        self._stuck_s = stuck_s
        self.view: Terminal | None = None
        self.views = 0
        self.view_s: list[float] = []
        """From the start of `nightlab` on a lab without an engine to the painted screen of one that answers."""
        self.start_s: list[float] = []
        """From the start of an engine to its first answer."""
        self.caught = 0
        """Kills that fell into a write, see `instants`."""
        self._observer = Observer(paths)

    @property
    def root(self) -> Path:
        """The lab's folder."""
        return self.paths.root

    def state(self) -> LabState:
        """Return what the journal says now."""
        self._observer.refresh()
        return self._observer.state

    @property
    def last_state(self) -> LabState:
        """What the journal said when it was read last: the lab may be gone."""
        return self._observer.state

    def decided(self) -> int:
        """Return how many experiments have an outcome."""
        return self.state().counts.decided

    def answers(self) -> bool:
        """Tell whether an engine answers."""
        try:
            return launch.send(self.paths, Command("ping")).done
        except EngineUnreachable:
            return False

    def start(self, how: str) -> None:
        """Let an engine answer: one that lives is left alone. Raises Stuck where none comes."""
        self.reap()
        if how == "view":
            self.look()
            return
        is_down, began = not beings.of_role(self.root, "engine"), time.monotonic()
        if how == "command":
            done = nightlab(self.paths, "start")
            if done.returncode:
                raise Stuck(f"nightlab start: {done.stderr.strip()}")
        else:
            try:
                launch.start(self.paths)
            except launch.StartError as error:
                raise Stuck(f"the engine does not start: {error}") from error
        if is_down:
            self.start_s.append(time.monotonic() - began)

    def look(self) -> None:
        """Open the view, in the place of one that is open; it starts an engine where none lives. Raises Stuck."""
        self.leave()
        is_down = not beings.of_role(self.root, "engine")
        size, self.views = SIZES[self.views % len(SIZES)], self.views + 1
        argv = [sys.executable, "-P", "-m", "tui.cli", "view", "--lab", str(self.root)]
        self.view = Terminal(argv, size=size, env={**os.environ, "TERM": "xterm-256color"})
        try:
            painted = self.view.wait_for("wt0", timeout_s=30.0)
        except TimeoutError as error:
            raise Stuck(f"the view does not come: {error}") from error
        if not self.answers():
            raise Stuck("the view has come, and no engine answers")
        if is_down:
            self.view_s.append(painted - self.view.started)

    def leave(self) -> None:
        """Close the terminal that the view is in, if one is open."""
        if self.view is not None:
            with self.view:
                pass
            self.view = None

    def reap(self) -> None:
        """Collect our dead; the terminal asks for its own."""
        beings.reap([self.view.process.pid] if self.view is not None else [])
        if self.view is not None and self.view.process.poll() is not None:
            self.leave()

    def go_on(self, decided: int, how: str) -> None:
        """Wait until so many experiments have an outcome. Raises Stuck where the lab stands still."""
        last, since = (-1, -1), time.monotonic()
        while (state := self.state()).counts.decided < decided:
            headway = (state.counts.decided, sum(run.score is not None for run in state.runs.values()))
            if headway != last:
                last, since = headway, time.monotonic()
            if state.trunk and state.broken(state.trunk.tree):  # we killed its runs twice in a row: a person looks
                self.stop()
                self.start(how)
            if time.monotonic() - since > self._stuck_s:
                went = f"{headway[0]} outcomes and {headway[1]} scores"
                raise Stuck(f"still {went} after {self._stuck_s:.0f} s; {self.last_words()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the engine and end its runs, as a person does. Raises Stuck where it does not leave."""
        self.leave()
        self.start("start")
        done = nightlab(self.paths, "stop", "--now")
        if done.returncode:
            raise Stuck(f"nightlab stop --now: {done.stderr.strip()}")
        self.wait(lambda: not beings.alive(self.root), 10.0)  # what lives then is an orphan

    def wait(self, condition: Callable[[], bool], patience_s: float) -> bool:
        """Wait for something; False where it does not come true."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            self.reap()
            if condition():
                return True
            time.sleep(0.02)
        return False

    def last_words(self) -> str:
        """Return the end of the engine's log, and what the lab warns of."""
        with suppress(OSError):
            lines = self.paths.log.read_text(errors="replace").splitlines()[-3:]
            return f"{' / '.join(lines)}; warnings {dict(self.state().warnings)}"
        return "there is no engine.log"


def nightlab(paths: LabPaths, *words: str, patience_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would."""
    argv = [sys.executable, "-P", "-m", "tui.cli", words[0], "--lab", str(paths.root), *words[1:]]
    return subprocess.run(argv, capture_output=True, text=True, timeout=patience_s, check=False)
