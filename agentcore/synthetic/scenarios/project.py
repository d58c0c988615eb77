"""Which files does a scenario's lab begin with? A train.py, a lab.toml and the researcher's program, committed."""

from __future__ import annotations

from pathlib import Path

from agentcore.synthetic.scenarios.study import FILE, TRAIN
from worktrees import repository
from worktrees.layout import LabPaths

_LAB = """\
# A demonstration: trainings, GPUs and agents are played; engine, journal, queue and git are real.
[project]
name = "demo {name}"
edit = ["{file}"]

[commands]
train = ["played"]
evaluate = ["played"]

[metric]
name = "val_bpb"

[profile.cuda]
budget = "300 s"
retest_budget = "1200 s"
train_wall_s = 600
evaluate_wall_s = 600

[profile.cpu]
budget = "2e15 FLOPs"
retest_budget = "8e15 FLOPs"
train_wall_s = 600
evaluate_wall_s = 600

[gate]
confirm_seeds = 3
calibration_runs = 8
z_screen = 1.3
z_confirm = 1.64
max_gain = 0.008

[retest]
every = 1
seeds = 2

[agents]
backend = "anthropic"
proposals_ahead = 0
question_wait_s = 36000

[limits]
usd = 40
hours = 0
experiments = 0
gpu_hours = 0
failures = 0
no_gain = 0
disk_floor_gb = {disk_floor_gb:g}
"""

_PROGRAM = """\
# Goal
Lowest val_bpb in a 5 minute run on one H100.

# Taste
- Prefer changes that also shrink the code.
- One change per experiment.
- VRAM up to 60G is fine, more needs a question.

# Off limits
- The evaluation, the seed, new packages.
"""


def make(root: Path, name: str, *, disk_floor_gb: float, at: int) -> LabPaths:
    """Write the files into `root`, a new or empty folder, and commit them at Unix time `at`. Raises OSError."""
    paths = LabPaths(root)
    paths.dot.mkdir(parents=True)
    paths.config.write_text(_LAB.format(name=name, file=FILE, disk_floor_gb=disk_floor_gb), encoding="utf-8")
    paths.program.write_text(_PROGRAM, encoding="utf-8")
    (root / ".gitignore").write_text(".lab/\n", encoding="utf-8")
    (root / FILE).write_text(TRAIN, encoding="utf-8")
    repository.initialise(root, "Start a demonstration", at)
    return paths
