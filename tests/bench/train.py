"""Measure the training project on this machine: speed, start, memory, noise, repeatability.

    .venv/bin/python -m tests.bench.train [--quick] [--device cpu|cuda] [--seeds N] [--reference PATH]

On a CPU: runs of the miniature as the lab starts them, one core, embedded corpus. On a GPU: the `cuda` constants on
random tokens, and, with --reference, the trainer in a copy of karpathy/autoresearch for the same time beside it: same
depth, width, rows, batch and vocabulary, also on random tokens, its file unchanged. Prints one JSON object as its last
line; what was not measured is null.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.landscape import NANOCHAT, prepared

CPU_BUDGET, QUICK_CPU_BUDGET = "600 GFLOP", "60 GFLOP"
CUDA_BUDGET_S, QUICK_CUDA_BUDGET_S = 60, 15
VOCABULARY, LENGTH, SYNTHETIC_TOKENS = 8192, 2048, 50_000_000
# The harness counts attention over whole rows. The reference counts windows: 12 x width x tokens not seen, per layer,
# are taken off before the two are compared (six of the eight layers see half a row).
UNSEEN_FLOPS = 12 * 512 * (6 * LENGTH // 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the budget, no noise")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seeds", type=int, default=8, help="seeds from which sigma is estimated")
    parser.add_argument("--reference", type=Path, help="a copy of karpathy/autoresearch (GPU only)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        project = root / "project"
        shutil.copytree(NANOCHAT, project, ignore=shutil.ignore_patterns("__pycache__"))
        figures = on_cpu(project, root, options) if options.device == "cpu" else on_gpu(project, root, options)
    print(json.dumps(figures))


def on_cpu(project: Path, root: Path, options: argparse.Namespace) -> dict[str, Any]:
    data = prepared(project, root / "data")
    budget = QUICK_CPU_BUDGET if options.quick else CPU_BUDGET
    names = {"NIGHTLAB_BUDGET": budget, "NIGHTLAB_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    first, again = (run(project, data, root / name, names) for name in ("first", "again"))
    seeds = (
        []
        if options.quick
        else [
            run(project, data, root / f"seed{seed}", {**names, "NIGHTLAB_SEED": str(seed)})
            for seed in range(1, options.seeds)
        ]
    )
    scores = [one["score"] for one in (first, *seeds)]
    return {
        **figures(first),
        "score": first["score"],
        "same_seed_equal": (first["score"], first["checkpoint"]) == (again["score"], again["checkpoint"]),
        "sigma": statistics.stdev(scores) if len(scores) > 2 else None,
        "scores": scores,
        "run_total_s": min(first["run_total_s"], again["run_total_s"]),
        "loader_tokens_per_s": loader_speed(project, data / "train", 128),
        "ratio_to_reference": None,
    }


def on_gpu(project: Path, root: Path, options: argparse.Namespace) -> dict[str, Any]:
    subprocess.run([sys.executable, "-P", "configure.py", "cuda"], cwd=project, check=True, stdout=subprocess.DEVNULL)
    data = synthetic(project, root / "data")
    budget_s = QUICK_CUDA_BUDGET_S if options.quick else CUDA_BUDGET_S
    names = {
        "NIGHTLAB_BUDGET": f"{budget_s} s",
        "NIGHTLAB_DEVICE": "cuda",
        "TORCHINDUCTOR_CACHE_DIR": str(root / "inductor"),
        "TRITON_CACHE_DIR": str(root / "triton"),
    }
    cold = run(project, data, root / "cold", {**names, "NIGHTLAB_BUDGET": "5 s"}, score=False)
    warm = run(project, data, root / "warm", names, score=False)
    warm["mfu"] = warm["mfu"] and round(warm["mfu"] * (1 - UNSEEN_FLOPS / warm["flops_per_token"]), 4)
    reference = reference_speed(options.reference, root, budget_s) if options.reference else None
    return {
        **figures(warm),
        "first_step_cold_s": cold["first_step_s"],
        "run_total_s": warm["run_total_s"],
        "same_seed_equal": None,
        "sigma": None,
        "loader_tokens_per_s": loader_speed(project, data / "train", LENGTH),
        "reference": reference,
        "ratio_to_reference": round(warm["tokens_per_s"] / reference["tokens_per_s"], 4) if reference else None,
    }


def figures(one: dict[str, Any]) -> dict[str, Any]:
    names = ("tokens_per_s", "mfu", "first_step_s", "peak_mb", "train_s", "evaluate_s", "steps")
    return {name: one[name] for name in names}


def run(project: Path, data: Path, folder: Path, names: dict[str, str], score: bool = True) -> dict[str, Any]:
    """Train and, if asked, score once; return what it took. Speeds leave out the first tenth of the steps."""
    environment = {
        **os.environ,
        "NIGHTLAB_DATA": str(data / "train"),
        "NIGHTLAB_VALIDATION": str(data / "validation"),
        "NIGHTLAB_OUT": str(folder),
        "NIGHTLAB_SCORE": str(folder / "score.json"),
        "NIGHTLAB_SEED": "0",
        "NIGHTLAB_SCALE": "1",
        **names,
    }
    began = time.monotonic()
    for stage in ("referee.py", "evaluate.py") if score else ("referee.py",):
        subprocess.run(
            [sys.executable, "-P", stage], cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL
        )
    total_s = time.monotonic() - began
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    receipt = json.loads((folder / "receipt.json").read_text())
    scored = json.loads((folder / "score.json").read_text()) if score else {}
    skip, last = lines[len(lines) // 10], lines[-1]
    speed = (last["tokens"] - skip["tokens"]) / max(1e-9, last["elapsed_s"] - skip["elapsed_s"])
    mfu = last["mfu"] and round(last["mfu"] * speed / last["tokens_per_s"], 4)
    first_step_s = lines[0]["start_s"] + lines[0]["elapsed_s"]
    return {
        "tokens_per_s": round(speed),
        "mfu": mfu,
        "first_step_s": round(first_step_s, 2),
        "peak_mb": last["peak_mb"],
        "flops_per_token": receipt["flops_per_token"],
        "train_s": receipt["train_s"],
        "steps": len(lines),
        "checkpoint": receipt["checkpoint"],
        "run_total_s": round(total_s, 2),
        "score": scored.get("score"),
        "evaluate_s": scored.get("evaluate_s"),
    }


def loader_speed(project: Path, train: Path, length: int) -> int:
    """Return the tokens per second that the packing loader makes, alone, in one process."""
    sys.path.append(str(project))
    import data  # type: ignore[import-not-found]

    rows = data.packed_rows(data.Corpus.open(train), length, 0)
    next(rows)
    count = max(50, 2_000_000 // length)
    began = time.perf_counter()
    for _ in itertools.islice(rows, count):
        pass
    return round(count * length / (time.perf_counter() - began))


def synthetic(project: Path, root: Path) -> Path:
    """Write random tokens in the form that prepare.py gives to a training."""
    sys.path.append(str(project))
    import data

    train = root / "train"
    train.mkdir(parents=True)
    dice = np.random.default_rng(0)
    starts = np.arange(0, SYNTHETIC_TOKENS + 1, 1000, dtype=np.int64)
    dice.integers(0, VOCABULARY, SYNTHETIC_TOKENS, dtype=np.uint16).tofile(train / "tokens.bin")
    starts.tofile(train / "documents.bin")
    files = {path.name: [path.stat().st_size, data.sha256(path)] for path in train.iterdir()}
    meta = {"format": 1, "vocabulary": VOCABULARY, "length": LENGTH, "files": files}
    (train / "meta.json").write_text(json.dumps(meta))
    return root


# Stands in for the reference's prepare.py: random tokens, no tokenizer, no evaluation. And for its attention kernel,
# when that cannot be had offline: torch's own, over the whole row (so more work than with the reference's windows).
STAND_INS = """
import sys, types, torch
prepare = types.ModuleType("prepare")
prepare.MAX_SEQ_LEN, prepare.TIME_BUDGET = {length}, {budget_s}
class Tokenizer:
    @classmethod
    def from_directory(cls): return cls()
    def get_vocab_size(self): return {vocabulary}
def make_dataloader(tokenizer, rows, length, split):
    tokens = torch.randint({vocabulary}, (64, rows, length + 1), device="cuda")
    while True:
        for row in tokens: yield row[:, :-1].contiguous(), row[:, 1:].contiguous(), 1
prepare.Tokenizer, prepare.make_dataloader = Tokenizer, make_dataloader
prepare.evaluate_bpb = lambda *arguments: float("nan")
sys.modules["prepare"] = prepare
try:
    import kernels
    kernels.get_kernel("varunneal/flash-attention-3")
    print("attention: its own kernel")
except Exception as error:
    kernels = types.ModuleType("kernels")
    def attend(q, k, v, causal, window_size):
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2)
    interface = types.SimpleNamespace(flash_attn_func=attend)
    kernels.get_kernel = lambda name: types.SimpleNamespace(flash_attn_interface=interface)
    sys.modules["kernels"] = kernels
    print("attention: torch, whole rows")
source = open({path!r}).read()
exec(compile(source, {path!r}, "exec"), {{"__name__": "__main__"}})
"""


def reference_speed(path: Path, root: Path, budget_s: int) -> dict[str, Any]:
    """Run the reference's unchanged train.py on random tokens; return what it prints about itself."""
    script = root / "reference.py"
    script.write_text(
        STAND_INS.format(
            length=LENGTH, budget_s=budget_s, vocabulary=VOCABULARY, path=str((path / "train.py").resolve())
        )
    )
    done = subprocess.run([sys.executable, str(script)], cwd=path, check=True, stdout=subprocess.PIPE, text=True)
    said = {key: float(value) for key, value in re.findall(r"^(\w+): +([\d.]+)$", done.stdout, re.MULTILINE)}
    batch = said["total_tokens_M"] * 1e6 / said["num_steps"]
    return {
        "tokens_per_s": round(batch * (said["num_steps"] - 11) / said["training_seconds"]),
        "mfu": round(said["mfu_percent"] / 100, 4),
        "peak_mb": round(said["peak_vram_mb"]),
        "steps": int(said["num_steps"]),
        "attention": done.stdout.partition("attention: ")[2].partition("\n")[0],
    }


if __name__ == "__main__":
    main()
