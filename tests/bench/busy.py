"""Do slots wait for models? A lab whose agents think ahead, beside one that thinks and then trains, in one run.

    .venv/bin/python -m tests.bench.busy [--quick]

The last line is one JSON object: busy_share (training and evaluation seconds over wall seconds of all slots, from the
first screening run's start to the end of the twentieth), sequential_busy_share (the same for a lab that proposes only
when nothing trains, as the published loops do), ratio_to_sequential, and what was measured of think and run times.
Both labs run at the same time, each with two slots and a real engine, real shims, the real SDK and the scripted model
server, which thinks half as long as a run takes. Trainings sleep, so that neither lab slows the other one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agentcore.state import LabState, Run
from tests import toy
from tests.engines import end_lab, state_of
from tests.model_server import ModelServer
from worktrees.layout import LabPaths

RUNS = 20
HELD = toy.LAB.replace("[gate]", '[gate]\nmode = "hold"')
AGENTS = """
[agents]
backend = "anthropic"
{ahead}
"""


def trainer(seconds: float) -> str:
    """Return the toy trainer, sleeping that long, with enough constants for every proposal to be another one."""
    more = "".join(f"\n# Knob {index} (1 to 9).\nKNOB_{index} = 5\n" for index in range(12))
    return toy.TRAIN.replace("SECONDS = 0.0", f"SECONDS = {seconds}").replace(
        "# What happens", f"{more}\n# What happens"
    )


def begin(root: Path, server: ModelServer, seconds: float, ahead: str) -> tuple[LabPaths, subprocess.Popen[bytes]]:
    """Make a lab and start its engine on the server."""
    paths = toy.make(root, lab=HELD + AGENTS.format(ahead=ahead), train=trainer(seconds))
    paths.dot.mkdir(exist_ok=True)
    environment = {**os.environ, "ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-ant-scripted-0123456789"}
    with paths.log.open("ab") as log:
        argv = [sys.executable, "-m", "agentcore", str(root)]
        return paths, subprocess.Popen(argv, env=environment, stdout=log, stderr=log, start_new_session=True)


def screened(state: LabState) -> list[Run]:
    """Return the screening runs that have ended, in the order of their end."""
    runs = [run for run in state.runs.values() if run.purpose == "screen" and run.ended is not None]
    return sorted(runs, key=lambda run: run.ended or 0.0)


def busy_share(state: LabState) -> float:
    """Return the share of all slots' time that was spent in stages of runs, over the first RUNS screening runs."""
    ended = screened(state)[:RUNS]
    begin = min(run.started for run in state.runs.values() if run.purpose == "screen")
    end = max(run.ended or 0.0 for run in ended)
    busy_s = 0.0
    for run in state.runs.values():
        if run.ended is None:
            busy_s += max(0.0, end - max(begin, run.started))
        elif run.ended > begin and run.started < end:
            inside = min(run.ended, end) - max(run.started, begin)
            busy_s += min(run.train_s + run.evaluate_s, inside)
    return busy_s / ((end - begin) * len(state.slots))


def measure(folder: Path, seconds: float) -> dict[str, float]:
    """Run both labs until each has enough runs; return the figures."""
    with ModelServer(scenarios=["good"], think_s=seconds / 2) as server:
        labs = {
            "busy_share": begin(folder / "ahead", server, seconds, ""),
            "sequential_busy_share": begin(folder / "sequential", server, seconds, "proposals_ahead = 0"),
        }
        try:
            patience = time.monotonic() + 60 + 4 * RUNS * seconds
            while any(len(screened(state_of(paths))) < RUNS for paths, _ in labs.values()):
                if time.monotonic() > patience:
                    raise SystemExit("the labs did not get to the end: see engine.log")
                time.sleep(0.5)
            states = {name: state_of(paths) for name, (paths, _) in labs.items()}
        finally:
            for paths, engine in labs.values():
                end_lab(paths, engine)
    figures = {name: busy_share(state) for name, state in states.items()}
    ahead = states["busy_share"]
    return {
        **figures,
        "ratio_to_sequential": figures["busy_share"] / figures["sequential_busy_share"],
        "run_s": statistics.median(run.train_s + run.evaluate_s for run in screened(ahead)),
        "think_s": statistics.median(each.thought_s for each in ahead.experiments.values()),
        "runs": float(RUNS),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="runs of 6 seconds instead of 15")
    seconds = 6.0 if parser.parse_args().quick else 15.0
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({name: round(value, 4) for name, value in measure(Path(folder), seconds).items()}))


if __name__ == "__main__":
    main()
