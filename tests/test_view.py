"""The view as a process on a real terminal: it can be killed at any time, and only it ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import toy
from tests.bench.terminal import Terminal
from tests.bench.view import environment
from tests.engines import end_lab, spawn, wait_for
from worktrees import processes
from worktrees.layout import LabPaths


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabPaths]:
    """A toy lab with a running engine."""
    paths = toy.make(tmp_path / "lab", train=toy.TRAIN.replace("SECONDS = 0.0", "SECONDS = 0.3"))
    engine = spawn(paths)
    wait_for(paths, lambda state: bool(state.active), "runs")
    yield paths
    end_lab(paths, engine)


def view(paths: LabPaths) -> Terminal:
    """Open the view as `nightlab` does."""
    argv = [sys.executable, "-m", "tui.cli", "view", "--lab", str(paths.root)]
    return Terminal(argv, size=(80, 24), env=environment())


def test_killing_the_view_stops_nothing(lab: LabPaths) -> None:
    """Kill -9 of the view: the same engine goes on with new experiments, and the next view shows them."""
    with view(lab) as terminal:
        terminal.wait_for("1 LAB")
        terminal.signal(signal.SIGKILL)
    before = wait_for(lab, lambda state: state.engine is not None, "the engine")
    assert before.engine is not None
    assert processes.is_alive(before.engine.pid, before.engine.start_ticks, before.engine.boot_id)
    wait_for(lab, lambda state: len(state.runs) > len(before.runs), "more runs")
    with view(lab) as terminal:
        terminal.wait_for("wt0")


def test_q_leaves_the_terminal_as_it_was(lab: LabPaths) -> None:
    """`q` detaches with exit code 0, restores the terminal, and says how to come back."""
    with view(lab) as terminal:
        terminal.wait_for("wt0")
        terminal.send("q")
        code = terminal.process.wait(10)
        terminal.wait_for("Return: nightlab")
        assert (code, terminal.is_restored()) == (0, True)
