"""How fast and how quiet is the view? Measured through a real pseudo-terminal, as a person's terminal sees it.

    .venv/bin/python -m tests.bench.view [--quick]

The last line is one JSON object: first_paint_s (from process start), key_p95_ms (key to painted cursor),
cpu_idle_percent and bytes_per_s_idle (nothing runs, 160x45), diff_5000_open_s (from the key to the painted diff),
rss_mb.
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

from tests.bench.terminal import Terminal
from tests.tui.labs import SOURCE, LabMaker

LINES = 5000

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
    terminal.wait_for("wt7")
    times = []
    for press in range(presses):
        time.sleep(0.03)
        at = terminal.send("jk"[press // 7 % 2])
        times.append(1000 * (terminal.wait_for(">", since=at) - at))
    return statistics.quantiles(times, n=20)[-1]


def idle(terminal: Terminal, seconds: float) -> tuple[float, float]:
    """Return (percent of one core, bytes a second) of a view of a lab at rest."""
    at, cpu = time.perf_counter(), terminal.cpu_s()
    time.sleep(seconds)
    spent = time.perf_counter() - at
    return 100 * (terminal.cpu_s() - cpu) / spent, len(terminal.received(at)) / spent


def open_long_diff(terminal: Terminal) -> float:
    """Return the seconds from choosing the worktree with 5,000 changed lines to its painted full-screen diff."""
    terminal.wait_for("20_000")
    at = terminal.send("jd")
    return terminal.wait_for("value_9", since=at) - at


def measure(root: Path, *, quick: bool) -> dict[str, float]:
    """Measure everything on a lab made in `root`."""
    lab = make_lab(root)
    argv = command(root)
    figures = {"first_paint_s": first_paint(argv, 3 if quick else 9)}
    with Terminal(argv, size=(120, 40), env=environment()) as terminal:
        figures["key_p95_ms"] = key_latency(terminal, 40 if quick else 200)
    with Terminal(argv, size=(160, 45), env=environment()) as terminal:
        terminal.wait_for("20_000")
        time.sleep(2)  # imports after the first paint are not idling
        figures["cpu_idle_percent"], figures["bytes_per_s_idle"] = idle(terminal, 6 if quick else 30)
        figures["rss_mb"] = terminal.rss_mb()
    with Terminal(argv, size=(160, 45), env=environment()) as terminal:
        figures["diff_5000_open_s"] = open_long_diff(terminal)
    lab.journal.close()
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder) / "lab", quick=options.quick)))


if __name__ == "__main__":
    main()
