"""How fast and how quiet is the view? Measured through a real pseudo-terminal, as a person's terminal sees it.

    .venv/bin/python -m tests.bench.view [--quick]

The last line is one JSON object. *Busy* is the scenario of that name with 64 worktrees, played so fast that about 500
experiments a minute come into the journal; engine and played trainings share the machine with the view.

    first_paint_s                        from process start to the painted title
    key_p95_ms, key_p95_busy_ms          from a key to the painted cursor, at rest and busy
    cpu_idle_percent, cpu_busy_percent   of one core, by the view alone, at 160x45
    bytes_per_s_idle, bytes_per_s_busy   that the terminal gets
    diff_5000_open_s                     from the key to the painted diff of 5,000 lines
    rss_mb, rss_busy_mb                  resident memory of the view
    experiments_per_min                  that came in while it was busy
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from agentcore.engine.control import Command
from agentcore.engine.launch import send, wait_until_gone
from agentcore.synthetic import scenarios
from tests.bench.terminal import Terminal
from tests.engines import end_lab, spawn, state_of, wait_for
from tests.tui.labs import SOURCE, LabMaker

LINES = 5000

WORKTREES, SPEED = 64, 60.0
"""At this speed an experiment takes about seven seconds from one proposal to the next."""

PROGRAM = """
import sys
from pathlib import Path
from tui.app import ViewOptions, open_view
from worktrees.layout import LabPaths
sys.exit(open_view(LabPaths(Path(sys.argv[1])), options=ViewOptions()))
"""


def command(root: Path) -> list[str]:
    """Return the command that opens the view alone, without starting an engine."""
    return [sys.executable, "-c", PROGRAM, str(root)]


def environment(**more: str) -> dict[str, str]:
    """Return an environment like that of a person in a 256-colour terminal over SSH."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": os.getcwd(), **more}


def make_lab(root: Path) -> LabMaker:
    """Make a lab of eight worktrees at rest; the second one holds a change of 5,000 lines."""
    lab = LabMaker(root, slots=8, at=time.time() - 86_400)
    lab.begin()
    lab.create_trunk()
    lab.create_worktrees()
    lab.calibrate()
    for number in range(16):
        lab.experiment(f"wt{number % 8}", f"idea {number}", "drop", 1.7030 + number / 5000)
    lab.edit("wt0", "ROPE_BASE = 10_000", "ROPE_BASE = 20_000")
    long = SOURCE + "".join(f"value_{number} = {number}\n" for number in range(LINES))
    (lab.paths.worktree("wt1") / "train.py").write_text(long)
    for name in ("wt0", "wt1"):  # an edit of this minute has an age that ticks, which is not idling
        os.utime(lab.paths.worktree(name) / "train.py", (lab.now, lab.now))
    return lab


def first_paint(argv: Sequence[str], repeats: int) -> float:
    """Return the median seconds from process start to the painted title."""
    times = []
    for _ in range(repeats):
        with Terminal(argv, size=(120, 40), env=environment()) as terminal:
            times.append(terminal.wait_for("1 LAB") - terminal.started)
            terminal.send("q")
            terminal.process.wait(10)
    return statistics.median(times)


def key_latency(terminal: Terminal, presses: int) -> float:
    """Return the 95th percentile of milliseconds from `j` or `k` to the painted cursor."""
    times = []
    for press in range(presses):
        time.sleep(0.03)
        at = terminal.send("jk"[press // 7 % 2])
        times.append(1000 * (terminal.wait_for(">", since=at) - at))
    return statistics.quantiles(times, n=20)[-1]


def untouched(terminal: Terminal, seconds: float) -> tuple[float, float]:
    """Return (percent of one core, bytes a second) of a view that nobody touches."""
    at, cpu = time.perf_counter(), terminal.cpu_s()
    time.sleep(seconds)
    spent = time.perf_counter() - at
    return 100 * (terminal.cpu_s() - cpu) / spent, len(terminal.received(at)) / spent


def open_long_diff(terminal: Terminal) -> float:
    """Return the seconds from choosing the worktree with 5,000 changed lines to its painted full-screen diff."""
    terminal.wait_for("20_000")
    at = terminal.send("jd")
    return terminal.wait_for("value_9", since=at) - at


def busy(root: Path, *, quick: bool) -> dict[str, float]:
    """Measure a view of a lab that works at full speed."""
    paths = scenarios.make("busy", root, speed=SPEED, slots=WORKTREES)
    engine = spawn(paths)
    try:
        wait_for(paths, lambda state: len(state.experiments) > 2 * WORKTREES, "the lab works")
        with Terminal(command(root), size=(160, 45), env=environment()) as terminal:
            terminal.wait_for("wt7")
            time.sleep(3)  # the first frames, and imports after them
            before, at = len(state_of(paths).experiments), time.monotonic()
            percent, sent = untouched(terminal, 10 if quick else 60)
            rate = 60 * (len(state_of(paths).experiments) - before) / (time.monotonic() - at)
            latency, resident = key_latency(terminal, 40 if quick else 200), terminal.rss_mb()
        send(paths, Command("stop", arguments={"now": True}))
        wait_until_gone(paths)
    finally:
        end_lab(paths, engine)
    return {
        "cpu_busy_percent": percent,
        "bytes_per_s_busy": sent,
        "key_p95_busy_ms": latency,
        "rss_busy_mb": resident,
        "experiments_per_min": rate,
    }


def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """Measure everything on labs made in `folder`."""
    root = folder / "lab"
    lab = make_lab(root)
    argv = command(root)
    figures = {"first_paint_s": first_paint(argv, 3 if quick else 9)}
    with Terminal(argv, size=(120, 40), env=environment()) as terminal:
        terminal.wait_for("wt7")
        figures["key_p95_ms"] = key_latency(terminal, 40 if quick else 200)
    with Terminal(argv, size=(160, 45), env=environment()) as terminal:
        terminal.wait_for("20_000")
        time.sleep(2)  # imports after the first paint are not idling
        figures["cpu_idle_percent"], figures["bytes_per_s_idle"] = untouched(terminal, 6 if quick else 30)
        figures["rss_mb"] = terminal.rss_mb()
    with Terminal(argv, size=(160, 45), env=environment()) as terminal:
        figures["diff_5000_open_s"] = open_long_diff(terminal)
    lab.journal.close()
    figures |= busy(folder / "busy", quick=quick)
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), quick=options.quick)))


if __name__ == "__main__":
    main()
