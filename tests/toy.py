"""A lab whose training takes milliseconds: real git, real processes, real files; only the model is a formula.

The true score of a commit is a quadratic in its constants; a seed adds noise. `BEHAVIOUR` lets a training crash, hang,
print garbage, or end without a score. Trunk is calibrated by three runs, half of what two slots get by default.
Shipped for the tests of everything above the trainer.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from worktrees import repository
from worktrees.layout import LabPaths

TRAIN = '''\
"""Pretend to train: write what the evaluation needs."""

import json
import os
import sys
import time
from pathlib import Path

# Peak learning rate (0.01 to 1.0).
RATE = 0.1

# Layers (1 to 8).
DEPTH = 4

# What happens: train, crash, hang, garbage, nothing or nan.
BEHAVIOUR = "train"

# Seconds that it takes (0.0 to 0.0).
SECONDS = 0.0


def main():
    out = Path(os.environ["NIGHTLAB_OUT"])
    if BEHAVIOUR == "crash":
        raise RuntimeError("shapes do not fit")
    if BEHAVIOUR == "nan":
        sys.exit(3)
    if BEHAVIOUR == "garbage":
        os.write(1, bytes(range(256)) * 100)
    end = time.monotonic() + (3600 if BEHAVIOUR == "hang" else SECONDS)
    point = {"step": 1, "progress": 0.5, "loss": 2.0, "tokens": 1000, "tokens_per_s": 9.0, "elapsed_s": 1.0}
    (out / "metrics.jsonl").write_text(json.dumps(point) + "\\n")
    while time.monotonic() < end:
        time.sleep(0.01)
    if BEHAVIOUR not in ("nothing", "garbage"):
        (out / "model.json").write_text(json.dumps({"rate": RATE, "depth": DEPTH}))


if __name__ == "__main__":
    main()
'''

EVALUATE = '''\
"""Score what train.py left: the truth plus the noise of the seed."""

import json
import math
import os
import random
import sys
from pathlib import Path

model = Path(os.environ["NIGHTLAB_OUT"]) / "model.json"
if not model.exists():
    sys.exit(0)
choice = json.loads(model.read_text())
noise = random.Random(f"{os.environ['NIGHTLAB_SEED']} {choice}").gauss(0, 0.004)
score = 1.0 + 0.05 * math.log10(choice["rate"] / 0.4) ** 2 + 0.01 * (choice["depth"] - 2) ** 2 + noise
Path(os.environ["NIGHTLAB_SCORE"]).write_text(json.dumps({"score": score}))
'''

LAB = """\
[project]
name = "toy"
edit = ["train.py"]
frozen = ["evaluate.py"]

[commands]
train = ["{python}", "-S", "-P", "train.py"]
evaluate = ["{python}", "-S", "-P", "evaluate.py"]

[metric]
name = "val_bpb"

[profile.cpu]
budget = "1 GFLOP"
train_wall_s = 20
evaluate_wall_s = 20

[gate]
calibration_runs = 3

[slots]
count = 2
"""


def make(root: Path, *, lab: str = LAB, train: str = TRAIN) -> LabPaths:
    """Make a toy lab at `root`, committed."""
    root.mkdir(parents=True)
    (root / "lab.toml").write_text(textwrap.dedent(lab))
    (root / "train.py").write_text(train)
    (root / "evaluate.py").write_text(EVALUATE)
    (root / "program.md").write_text("Lower val_bpb.\n")
    (root / ".gitignore").write_text(".lab/\n__pycache__/\n")
    repository.initialise(root, "Start")
    return LabPaths(root)
