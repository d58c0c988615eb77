"""A repository in autoresearch's layout that is not ours: a training of milliseconds that prints its own metric.

Three files as a person would have them: prepare.py with the clock and the evaluation, train.py that agents change and
that prints its summary at the end, program.md with the loop in words. The true error is a quadratic in two constants of
train.py; a seed adds noise. Nothing of it knows nightlab, but for the seed's variable.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

PREPARE = '''\
"""What is given: the clock, and how a model is judged. Not to be changed."""

import math
import random

TIME_BUDGET = 5

DATA_SEED = 7


def evaluate_error(rate, width, seed):
    """Return the held-out error of a model: a valley around rate 0.4 and width 6, and noise."""
    noise = random.Random(f"{DATA_SEED} {seed} {rate} {width}").gauss(0, 0.004)
    return 1.0 + 0.2 * math.log10(rate / 0.4) ** 2 + 0.01 * (width - 6) ** 2 + noise
'''

TRAIN = '''\
"""The one file to change."""

import os
import time

from prepare import TIME_BUDGET, evaluate_error

# Learning rate (0.01 to 1.0).
RATE = 0.02

# Width (1 to 12).
WIDTH = 2

began = time.time()
seed = int(os.environ.get("TRAIN_SEED", "42"))
for step in range(3):
    print(f"\\rstep {step:05d} | loss: {1.0 / (step + 1):.4f} | lr: {RATE:.2f}", end="", flush=True)
print()

held_out_error = evaluate_error(RATE, WIDTH, seed)
print("---")
print(f"val_error:        {held_out_error:.6f}")
print(f"accuracy:         {1.5 - 0.5 * held_out_error:.4f}")
print(f"total_seconds:    {time.time() - began:.1f}")
print(f"budget_seconds:   {TIME_BUDGET}")
print(f"peak_vram_mb:     {0.0:.1f}")
'''

PROGRAM = """\
# research

Loop forever: change train.py, commit, run `python train.py > run.log`, read `val_error`, keep or reset.
"""

HIGHER = TRAIN.replace('print(f"val_error:        {held_out_error:.6f}")\n', "").replace("accuracy:", "val_quality:")
"""The same training, told by a quality of which more is better."""


def make(root: Path, files: Mapping[str, str] | None = None) -> Path:
    """Make the repository, its researcher's branch `main` at one commit."""
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    given = {"train.py": TRAIN, "prepare.py": PREPARE, "program.md": PROGRAM, ".gitignore": "run.log\n"}
    for name, text in (given if files is None else files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    if files != {}:
        git(root, "add", "-A")
        git(root, "commit", "-qm", "Begin")
    return root


def git(root: Path, *words: str) -> str:
    """Run git as the researcher, without anybody's settings, and return what it printed."""
    who = {f"GIT_{role}_{what}": "r@lab" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **who}
    done = subprocess.run(["git", "-C", str(root), *words], env=env, capture_output=True, text=True, check=True)
    return done.stdout
