"""How quick and how cheap is a lab? The view, the engine and the pauses between runs, on a lab that trains.

    .venv/bin/python -m tests.bench.start [--quick]

The last line is one JSON object: first_paint_s (process start to painted title, nothing else running),
first_paint_busy_s (the same while every core trains), key_p95_ms (key to paint while two runs train),
engine_cpu_share (of one core), engine_rss_mb, diff_latency_s (a saved file to its line in the diff pane),
gap_between_runs_s (largest time on a slot between one run's end and the next one's start). Trainings are stand-ins
that use one core each for two seconds, so that the figures are the lab's own and not the trainer's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from agentcore.state import LabState
from tests import toy
from tests.bench.terminal import Terminal
from tests.bench.view import environment
from tests.engines import end_lab, spawn, state_of, wait_for
from worktrees.layout import LabPaths

BUSY = toy.TRAIN.replace("SECONDS = 0.0", "SECONDS = 2.0").replace("        time.sleep(0.01)\n", "        pass\n")
"""The toy trainer, computing instead of sleeping."""


def process_cost(pid: int, seconds: float) -> tuple[float, float]:
    """Return (share of one core over `seconds`, resident MiB at their end) of a process."""

    def cpu_s() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    before, at = cpu_s(), time.perf_counter()
    time.sleep(seconds)
    share = (cpu_s() - before) / (time.perf_counter() - at)
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return share, pages * 4096 / (1 << 20)


def gaps(paths: LabPaths, state: LabState) -> list[float]:
    """Return, for each slot and pair of runs after calibration, the seconds from one result to the next status."""
    found = []
    first = min(run.number for run in state.runs.values() if run.purpose == "screen")
    for slot in state.slots:
        runs = sorted(run.number for run in state.runs.values() if run.slot == slot.name and run.number >= first)
        for one, other in pairwise(runs):
            result, following = paths.run(one).read_result(), paths.run(other).status
            if result is not None and paths.run(other).read_result() is not None and following.exists():
                begun = paths.run(other).read_result()
                assert begun is not None
                found.append(begun.started - result.ended)
    return found


def first_paint(paths: LabPaths, repeats: int) -> float:
    """Return the median seconds from the start of `nightlab --readonly` to its painted title."""
    times = []
    for _ in range(repeats):
        with _view(paths) as terminal:
            times.append(terminal.wait_for("1 LAB") - terminal.started)
            terminal.send("q")
            terminal.process.wait(10)
    return statistics.median(times)


def key_latency(paths: LabPaths, presses: int) -> float:
    """Return the 95th percentile of milliseconds from `j` or `k` to the painted cursor, while runs train."""
    times = []
    with _view(paths) as terminal:
        terminal.wait_for("wt1")
        time.sleep(1.0)
        for press in range(presses):
            time.sleep(0.05)
            at = terminal.send("jk"[press % 2])
            times.append(1000 * (terminal.wait_for(">", since=at) - at))
    return statistics.quantiles(times, n=20)[-1]


def diff_latency(paths: LabPaths, saves: int) -> float:
    """Return the median seconds from saving a file in a paused worktree to its line in the diff pane."""
    file, times = paths.worktree("wt0") / "train.py", []
    original = file.read_text()
    with _view(paths) as terminal:
        terminal.wait_for("wt1")
        time.sleep(1.5)  # the watcher starts after the first paint
        for save in range(saves):
            mark = f"saved_{time.time_ns()}_{save}"
            at = time.perf_counter()
            file.write_text(f"{mark} = 1\n{original}")
            times.append(terminal.wait_for(mark, since=at) - at)
            time.sleep(1.2)  # the pane reads a worktree at most once a second, and at once after a rest
    file.write_text(original)
    return statistics.median(times)


def measure(root: Path, *, quick: bool) -> dict[str, float]:
    """Measure everything on a lab made in `root`."""
    paths = toy.make(root, train=BUSY)
    engine = spawn(paths)
    try:
        wait_for(paths, lambda state: len(state.experiments) >= 2, "experiments")
        figures = {
            "first_paint_busy_s": first_paint(paths, 3 if quick else 9),
            "key_p95_ms": key_latency(paths, 40 if quick else 200),
        }
        share, rss_mb = process_cost(engine.pid, 15 if quick else 60)
        figures |= {"engine_cpu_share": share, "engine_rss_mb": rss_mb}
        figures["gap_between_runs_s"] = max(gaps(paths, state_of(paths)))
        subprocess.run([sys.executable, "-m", "tui.cli", "pause", "--lab", str(root), "wt0"], check=True)
        wait_for(paths, lambda state: state.worktrees["wt0"].experiment is None, "a pause")
        figures["diff_latency_s"] = diff_latency(paths, 5 if quick else 20)
    finally:
        end_lab(paths, engine)
    figures["first_paint_s"] = first_paint(paths, 5 if quick else 15)
    return {name: round(value, 3) for name, value in figures.items()}


def _view(paths: LabPaths) -> Terminal:
    argv = [sys.executable, "-m", "tui.cli", "view", "--lab", str(paths.root), "--readonly"]
    return Terminal(argv, size=(160, 45), env=environment())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder) / "lab", quick=options.quick)))


if __name__ == "__main__":
    main()
