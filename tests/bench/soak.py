"""Does a lab stay as quick and as small after 10,000 experiments as it was? And does it open within a second?

    .venv/bin/python -m tests.bench.soak [--experiments 10000]      (`make soak`; --experiments 500 for a short one)

A synthetic lab (real engine loop, journal, queue, briefs and git; runs are formulas) works through the ideas in a
process of its own, with a view attached all along. A line each 500 experiments, as JSON:

    rss_mb, fds          of the engine's process
    journal_mb           with its log; lab_mb, lab_files: all of `.lab`; git_mb: `.git`
    turn_p50_ms, _p95_ms one turn of the engine's loop: collect, plan, act
    cpu_ms               that the engine's process computed for each experiment since the line before
    view_rss_mb, view_fds, key_p95_ms    of the view, from a key to the painted cursor

The last line is the verdict, as JSON:

    growth_mb_per_1000   of the engine's process, fitted after the first 2,500 (caches fill); aim under 5
    view_growth_mb_per_1000, lab_mb_per_1000, git_mb_per_1000, lab_files_per_1000
    fds_growth           between the first and the last line; aim 0
    cpu_ratio            CPU for an experiment: the last three lines over the first three; aim under 2
    turn_p95_ratio       the same for turns by the clock, which tells of the machine's other work too
    opening_s            of a new view to its painted rows, on what the engine left in .lab/state; aim under 1
    opening_first_s      the same where nothing was left;  *_cpu_s: what of it the view computed, on a busy machine
    experiments, seconds, holds (all aims are met)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import linear_regression, median, quantiles
from typing import Any

from agentcore.engine import housekeeping
from agentcore.plan import Limits
from agentcore.synthetic import night, project
from agentcore.synthetic.runs import Clock
from agentcore.synthetic.world import World
from tests.bench.queue import MEMORY
from tests.bench.terminal import Terminal
from tests.bench.view import command, environment, key_latency
from worktrees.layout import LabPaths

EVERY = 500
"""Experiments between two lines; a soak of fewer than 5,000 has ten lines."""
WARM = 2500
"""Experiments before growth counts: caches have a bound, and the largest of a brief reaches it there."""
MOST_MB, MOST_S, MOST_CPU = 5.0, 1.0, 2.0
PRESSES = 28
"""Twice down to the last row and up to the first."""
LAST_ROW = "wt7"
"""What the first frame with data shows."""

Line = dict[str, float]


# --- The engine's process ---


async def work(paths: LabPaths, experiments: int, every: int) -> None:
    """Let a lab work through so many experiments; print a line each `every`."""
    world, clock = World(), Clock(night.EPOCH)
    turns, told, back, spent = list[float](), 0, time.perf_counter(), time.process_time()
    async with night.opened(paths, world, clock) as (lab, executor, make):
        jump = night.Jump(lab, clock, executor)

        def tell(least: int) -> None:
            nonlocal told, spent
            decided = lab.state.counts.decided
            if decided - told >= least:
                cpu_ms = 1000 * (time.process_time() - spent) / (decided - told)
                line = {"experiments": decided, **cost(os.getpid()), **turn_cost(turns), "cpu_ms": cpu_ms}
                print(json.dumps(line), flush=True)
                turns.clear()
                told, spent = decided, time.process_time()

        async def rest(wake: asyncio.Event) -> None:
            nonlocal back
            turns.append(time.perf_counter() - back)
            await jump(wake)
            tell(every)
            back = time.perf_counter()

        await make(Limits(experiments=experiments), rest).run()
        tell(1)
        housekeeping.leave_last_state(lab)


def cost(pid: int) -> Line:
    """Return what a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return {"rss_mb": pages * os.sysconf("SC_PAGE_SIZE") / 2**20, "fds": float(len(os.listdir(f"/proc/{pid}/fd")))}


def turn_cost(turns: Sequence[float]) -> Line:
    """Return how long turns take."""
    return {"turn_p50_ms": 1000 * median(turns), "turn_p95_ms": 1000 * quantiles(turns, n=20)[-1]}


# --- Watching it ---


def soak(root: Path, experiments: int) -> Iterator[Line]:
    """Yield a line of figures each `EVERY` experiments, with a view attached all along."""
    paths, every = project.make(root, World()), min(EVERY, max(1, experiments // 10))
    argv = [sys.executable, "-P", "-m", "tests.bench.soak", "--work", str(root), str(experiments), str(every)]
    with (
        subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment()) as engine,
        Terminal(command(root), size=(160, 45), env=environment()) as view,
    ):
        view.wait_for(LAST_ROW, timeout_s=60)
        assert engine.stdout is not None
        try:
            for text in engine.stdout:
                yield {**json.loads(text), **on_disk(paths), **of_view(view)}
        finally:
            if engine.poll() is None and sys.exc_info()[0] is not None:
                engine.terminate()
    if engine.returncode:
        raise SystemExit(f"the engine ended with {engine.returncode}")


def on_disk(paths: LabPaths) -> Line:
    """Return what the lab takes on the disk."""
    log = paths.journal.with_name(f"{paths.journal.name}-wal")
    journal = sum(path.stat().st_size for path in (paths.journal, log) if path.exists())
    files = sum(len(names) for _, _, names in os.walk(paths.dot))
    git = subprocess.run(["du", "-sk", str(paths.root / ".git")], capture_output=True, text=True, check=False)
    return {
        "journal_mb": journal / 2**20,
        "lab_mb": paths.size_mb(),
        "lab_files": float(files),
        "git_mb": int(git.stdout.split()[0]) / 1024,
    }


def of_view(view: Terminal) -> Line:
    """Return what the view holds, and how soon it answers."""
    held = cost(view.process.pid)
    view.forget()
    return {"view_rss_mb": held["rss_mb"], "view_fds": held["fds"], "key_p95_ms": key_latency(view, PRESSES)}


def opening(paths: LabPaths, *, left: bool, repeats: int) -> tuple[float, float]:
    """Return the median seconds, and CPU seconds, from the start of a view to its painted rows.

    `left`: with the state beside that somebody has left.
    """
    times, spent = list[float](), list[float]()
    for _ in range(repeats):
        if not left:
            paths.state.unlink(missing_ok=True)
        with Terminal(command(paths.root), size=(160, 45), env=environment()) as terminal:
            times.append(terminal.wait_for(LAST_ROW, timeout_s=60) - terminal.started)
            spent.append(terminal.cpu_s())
            terminal.send("q")
            terminal.process.wait(20)
    return median(times), median(spent)


def per_1000(lines: Sequence[Line], name: str) -> float:
    """Return by how much a figure grows with 1,000 experiments."""
    warm = [line for line in lines if line["experiments"] >= WARM]
    used = warm if len(warm) > 2 else lines
    if len(used) < 2:
        return 0.0
    return 1000 * linear_regression([line["experiments"] for line in used], [line[name] for line in used]).slope


def verdict(lines: Sequence[Line], opened: Mapping[str, float]) -> dict[str, Any]:
    """Return what the soak says."""

    def ratio(name: str) -> float:
        first, last = (median(line[name] for line in part) for part in (lines[:3], lines[-3:]))
        return last / first

    figures = {
        "experiments": lines[-1]["experiments"],
        "growth_mb_per_1000": per_1000(lines, "rss_mb"),
        "view_growth_mb_per_1000": per_1000(lines, "view_rss_mb"),
        "lab_mb_per_1000": per_1000(lines, "lab_mb"),
        "git_mb_per_1000": per_1000(lines, "git_mb"),
        "lab_files_per_1000": per_1000(lines, "lab_files"),
        "fds_growth": lines[-1]["fds"] - lines[0]["fds"],
        "cpu_ratio": ratio("cpu_ms"),
        "turn_p95_ratio": ratio("turn_p95_ms"),
        **opened,
    }
    is_long = lines[-1]["experiments"] > 2 * WARM
    grows = is_long and figures["growth_mb_per_1000"] > MOST_MB
    is_quick = figures["cpu_ratio"] <= MOST_CPU and opened["opening_s"] <= MOST_S
    holds = not grows and figures["fds_growth"] <= 0 and is_quick
    return {**{name: round(value, 3) for name, value in figures.items()}, "holds": holds}


def main() -> int:
    """Measure and print; 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=10_000)
    parser.add_argument("--keep", metavar="DIR", help="where the lab lies, and stays")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        root, experiments, every = given.work
        asyncio.run(work(LabPaths(Path(root)), int(experiments), int(every)))
        return 0
    begin, lines = time.monotonic(), list[Line]()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        root = Path(given.keep) if given.keep else Path(folder) / "lab"
        for line in soak(root, given.experiments):
            lines.append(line)
            print(json.dumps({name: round(value, 2) for name, value in line.items()}), flush=True)
        paths = LabPaths(root)
        opened = dict(zip(("opening_s", "opening_cpu_s"), opening(paths, left=True, repeats=5), strict=True))
        first = opening(paths, left=False, repeats=3)
        opened |= dict(zip(("opening_first_s", "opening_first_cpu_s"), first, strict=True))
    said = verdict(lines, opened)
    print(json.dumps({**said, "seconds": round(time.monotonic() - begin, 1)}))
    return 0 if said["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
