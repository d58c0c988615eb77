"""What do the walls cost? The start of a command, and the speed of a training.

    .venv/bin/python -m tests.bench.sandbox [--quick]

The last line is one JSON object: start_overhead_ms (median start and end of /bin/true inside, less that outside),
reduced_start_overhead_ms (the same without namespaces), self_test_ms, train_overhead_percent (CPU time of a loop of
matrix products, of small tensors and of system calls on one core, inside against outside, alternating, median).
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

from worktrees import sandbox
from worktrees.sandbox import Backend, Policy

ENVIRONMENT = {"PATH": os.defpath, "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
LOOP = """
import os, sys, time
import torch
torch.manual_seed(0)
large, small = torch.randn(512, 512), torch.randn(8, 8)
def work(rounds):
    for _ in range(rounds):
        for _ in range(10): large @ large
        for _ in range(200): torch.relu(small @ small).sum()
        for _ in range(200): os.stat(".")
work(5)
began = time.process_time()
work(int(sys.argv[1]))
print(time.process_time() - began)
"""


def start_ms(argv: list[str]) -> float:
    """Return the milliseconds from the start of a command to its end."""
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, ENVIRONMENT)
    assert 0 == os.waitpid(pid, 0)[1]
    return 1000 * (time.perf_counter() - began)


def start_overhead_ms(policy: Policy, using: Backend, starts: int) -> float:
    """Return what the walls add to a start: making the command and running it, alternating with a plain start."""
    inside, outside = [], []
    for _ in range(starts):
        outside.append(start_ms(["/bin/true"]))
        began = time.perf_counter()
        argv = sandbox.wrap(["/bin/true"], policy, using)
        made_ms = 1000 * (time.perf_counter() - began)
        inside.append(made_ms + start_ms(argv))
    return statistics.median(inside) - statistics.median(outside)


def train_s(policy: Policy, using: Backend, rounds: int, core: int) -> float:
    """Return the CPU seconds of the loop."""
    command = ["taskset", "-c", str(core), *sandbox.wrap([sys.executable, "-c", LOOP, str(rounds)], policy, using)]
    return float(subprocess.run(command, env=ENVIRONMENT, cwd=policy.folder, capture_output=True, check=True).stdout)


def train_overhead_percent(policy: Policy, using: Backend, rounds: int, pairs: int) -> float:
    """Return by how much the loop is slower inside, each run against the one next to it."""
    core, ratios = max(os.sched_getaffinity(0)), []
    for pair in range(pairs):
        order: list[Backend] = ["none", using] if pair % 2 else [using, "none"]
        seconds = {each: train_s(policy, each, rounds, core) for each in order}
        ratios.append(seconds[using] / seconds["none"])
    return 100 * (statistics.median(ratios) - 1)


def self_test_ms(policy: Policy, using: Backend, times: int) -> float:
    """Return the median duration of a self-test, all of whose findings must be good."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        findings = sandbox.self_test(policy, using, absent=(Path.home(),))
        taken.append(1000 * (time.perf_counter() - began))
        assert all(finding.ok for finding in findings), findings
    return statistics.median(taken)


def measure(root: Path, *, quick: bool) -> dict[str, float | str]:
    """Measure everything with a policy like an agent's."""
    checkout, scratch = root / "checkout", root / "scratch"
    checkout.mkdir()
    scratch.mkdir()
    policy = Policy(readable=(checkout,), writable=(scratch,), folder=checkout)
    sandbox.prepare(policy)
    using, starts = sandbox.backend(), 50 if quick else 200
    return {
        "backend": using,
        "start_overhead_ms": round(start_overhead_ms(policy, using, starts), 2),
        "reduced_start_overhead_ms": round(start_overhead_ms(policy, "reduced", starts), 2),
        "self_test_ms": round(self_test_ms(policy, using, 5 if quick else 20), 1),
        "train_overhead_percent": round(train_overhead_percent(policy, using, 60, 3 if quick else 11), 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), quick=options.quick)))


if __name__ == "__main__":
    main()
