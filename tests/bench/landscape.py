"""Measure what single changes of train.py's constants are worth: is there anything to find in the miniature?

    .venv/bin/python -m tests.bench.landscape [--scale 2] [--seeds 2] [--results FILE] [--table] [--only NAME …]
    .venv/bin/python -m tests.bench.landscape --speed-up NAME   # part of the budget at which it reaches the baseline

Each change is one edit of one constant, trained and scored through the real referee and evaluator, on one core. Results
are appended to a file as they come, so that a stopped sweep goes on where it was; `--table` only prints that file. The
last line is one JSON object. Budgets are FLOPs: scores do not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

NANOCHAT = Path(__file__).resolve().parents[2] / "nanochat"
BUDGET = {1: "600 GFLOP", 2: "4800 GFLOP"}
# Name: {constant: value}. The first one is the baseline; most are one constant, a few show how gains add up.
CHANGES: dict[str, dict[str, object]] = {
    "baseline": {},
    "BATCH 1024": {"BATCH": 1024},
    "BATCH 2048": {"BATCH": 2048},
    "DEPTH 2": {"DEPTH": 2},
    "DEPTH 3": {"DEPTH": 3},
    "VALUE_EMBEDDING_EVERY 1": {"VALUE_EMBEDDING_EVERY": 1},
    "VALUE_EMBEDDING_EVERY 2": {"VALUE_EMBEDDING_EVERY": 2},
    "MATRIX_LR 0.04": {"MATRIX_LR": 0.04},
    "MATRIX_LR 0.08": {"MATRIX_LR": 0.08},
    "HEAD_LR 0.01": {"HEAD_LR": 0.01},
    "HEAD_LR 0.02": {"HEAD_LR": 0.02},
    "MLP_RATIO 2": {"MLP_RATIO": 2},
    "MLP_RATIO 3": {"MLP_RATIO": 3},
    "WIDTH 96": {"WIDTH": 96},
    "SEQUENCE 64": {"SEQUENCE": 64},
    "SEQUENCE 256": {"SEQUENCE": 256},
    "WARM_DOWN 0.25": {"WARM_DOWN": 0.25},
    "WARM_DOWN 0.8": {"WARM_DOWN": 0.8},
    "MOMENTUM 0.9": {"MOMENTUM": 0.9},
    "MOMENTUM 0.85": {"MOMENTUM": 0.85},
    "EMBEDDING_LR 0.1": {"EMBEDDING_LR": 0.1},
    "EMBEDDING_LR 0.6": {"EMBEDDING_LR": 0.6},
    "EMBEDDING_STD 0.5": {"EMBEDDING_STD": 0.5},
    "HEAD_STD 0.02": {"HEAD_STD": 0.02},
    "ROPE_BASE 1000": {"ROPE_BASE": 1000.0},
    "FINAL_LR 0.1": {"FINAL_LR": 0.1},
    "SOFT_CAP 30": {"SOFT_CAP": 30.0},
    "ADAM_BETA1 0.9": {"ADAM_BETA1": 0.9},
    "ADAM_BETA2 0.99": {"ADAM_BETA2": 0.99},
    "NEWTON_SCHULZ_STEPS 3": {"NEWTON_SCHULZ_STEPS": 3},
    "HEAD_DIM 16": {"HEAD_DIM": 16},
    "HEAD_DIM 64": {"HEAD_DIM": 64},
    "QK_NORM off": {"QK_NORM": False},
    "X0_RESIDUAL on": {"X0_RESIDUAL": True},
    "WINDOWS SL": {"WINDOWS": "SL"},
    "WARM_UP 0.1": {"WARM_UP": 0.1},
    "WEIGHT_DECAY 1": {"WEIGHT_DECAY": 1.0},
}


def with_constants(source: str, constants: dict[str, object]) -> str:
    """Return the source with the literal of each module-level constant replaced in place."""
    lines = source.splitlines(keepends=True)
    for name, value in constants.items():
        node = next(
            n
            for n in ast.parse(source).body
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name) and n.targets[0].id == name
        )
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = line[: node.value.col_offset] + repr(value) + line[node.value.end_col_offset :]
    return "".join(lines)


def measure(
    project: Path,
    root: Path,
    constants: dict[str, object],
    seed: int,
    scale: int,
    budget: str | None = None,
    horizon: float = 1.0,
) -> float | None:
    """Train and score one edit of the project; return val_bpb, or None when the run failed."""
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        shutil.copytree(project, checkout, ignore=shutil.ignore_patterns("__pycache__"))
        train = checkout / "train.py"
        train.write_text(with_constants(train.read_text(), constants))
        environment = {
            **os.environ,
            "NIGHTLAB_DATA": str(root / "train"),
            "NIGHTLAB_OUT": str(Path(folder) / "out"),
            "NIGHTLAB_VALIDATION": str(root / "validation"),
            "NIGHTLAB_SEED": str(seed),
            "NIGHTLAB_SCORE": str(Path(folder) / "score.json"),
            "NIGHTLAB_SCALE": str(scale),
            "NIGHTLAB_BUDGET": budget or BUDGET[scale],
            "NIGHTLAB_DEVICE": "cpu",
            "NIGHTLAB_HORIZON": str(horizon),
            "OMP_NUM_THREADS": "1",
        }
        for stage in ("referee.py", "evaluate.py"):
            done = subprocess.run(
                [sys.executable, "-P", stage],
                cwd=checkout,
                env=environment,
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            if done.returncode:
                print(f"{constants} seed {seed}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                return None
        return float(json.loads((Path(folder) / "score.json").read_text())["score"])


def prepared(project: Path, root: Path) -> Path:
    subprocess.run(
        [sys.executable, "-P", "prepare.py"],
        cwd=project,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "NIGHTLAB_DATA_ROOT": str(root), "NANOCHAT_CORPUS": "kjv"},
    )
    return root


def read_results(path: Path) -> dict[tuple[int, str], dict[int, float | None]]:
    found: dict[tuple[int, str], dict[int, float | None]] = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        row = json.loads(line)
        found.setdefault((row["scale"], row["change"]), {})[row["seed"]] = row["score"]
    return found


def summary(results: dict[tuple[int, str], dict[int, float | None]], scale: int) -> dict[str, object]:
    """Print a table of one scale; return the counts: how many single changes beat three sigma."""
    scores = {
        name: [s for s in by_seed.values() if s is not None] for (at, name), by_seed in results.items() if at == scale
    }
    base = scores.get("baseline", [])
    if len(base) < 2:
        return {"scale": scale, "baseline": base, "sigma": None}
    mean, sigma = statistics.mean(base), statistics.stdev(base)
    print(f"scale {scale}: baseline {mean:.4f}, sigma {sigma:.4f} over {len(base)} seeds")
    better = []
    for name, values in sorted(scores.items(), key=lambda item: statistics.mean(item[1] or [math.inf])):
        if name == "baseline" or not values:
            continue
        change = statistics.mean(values) - mean
        z = -change / (sigma * math.sqrt(1 / len(values) + 1 / len(base)))
        print(f"| `{name}` | {change:+.4f} | {-change / sigma:+.1f} | {z:+.1f} | {len(values)} |")
        if -change > 3 * sigma:
            better.append(name)
    return {
        "scale": scale,
        "baseline": round(mean, 5),
        "sigma": round(sigma, 5),
        "seeds": len(base),
        "changes": len(scores) - 1,
        "better_than_3_sigma": len(better),
        "names": better,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=1, choices=sorted(BUDGET))
    parser.add_argument("--seeds", type=int, default=2, help="seeds of each change")
    parser.add_argument("--baseline-seeds", type=int, default=8)
    parser.add_argument("--results", type=Path, default=Path("landscape.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the results file and run nothing")
    parser.add_argument("--speed-up", choices=list(CHANGES)[1:], metavar="NAME")
    parser.add_argument("--only", nargs="*", default=list(CHANGES), metavar="NAME")
    options = parser.parse_args()
    if options.speed_up:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(speed_up(prepared(NANOCHAT, Path(folder) / "data"), options.speed_up, options.scale)))
        return
    if not options.table:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "project"  # a copy: an edit while the sweep runs must not mix in
            shutil.copytree(NANOCHAT, project, ignore=shutil.ignore_patterns("__pycache__"))
            sweep(project, prepared(project, Path(folder) / "data"), options)
    print(json.dumps(summary(read_results(options.results), options.scale)))


def speed_up(root: Path, name: str, scale: int, halvings: int = 4) -> dict[str, object]:
    """Find the shortest horizon at which a change is as good as the baseline with its whole budget, by bisection.

    Every horizon is a whole run of its own, its schedules shortened with it; the answer is its upper bracket.
    """
    target = measure(NANOCHAT, root, {}, 0, scale)
    if target is None:
        return {"change": name, "horizon": None}
    low, high, tried = 0.0, 1.0, {}
    for _ in range(halvings):
        middle = (low + high) / 2
        tried[middle] = score = measure(NANOCHAT, root, CHANGES[name], 0, scale, horizon=middle)
        low, high = (low, middle) if score is not None and score <= target else (middle, high)
    return {"change": name, "baseline": target, "horizon": high, "speed_up": round(1 / high, 2), "tried": tried}


def sweep(project: Path, root: Path, options: argparse.Namespace) -> None:
    """Run every seed of the baseline, then each change with its first seed, then with its second …"""
    jobs = [("baseline", seed) for seed in range(options.baseline_seeds) if "baseline" in options.only]
    jobs += [(name, seed) for seed in range(options.seeds) for name in options.only if name != "baseline"]
    known = read_results(options.results)
    for name, seed in jobs:
        if seed in known.get((options.scale, name), {}):
            continue
        score = measure(project, root, CHANGES[name], seed, options.scale)
        print(f"scale {options.scale}  {name:28s} seed {seed}  {score}", flush=True)
        with options.results.open("a") as file:
            file.write(json.dumps({"scale": options.scale, "change": name, "seed": seed, "score": score}) + "\n")


if __name__ == "__main__":
    main()
