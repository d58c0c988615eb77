"""The same night over real training: nanochat's CPU miniature, with a budget that takes seconds.

Everything else is as `nightlab init` makes it: corpus and tokenizer, referee and trusted evaluation, retests at the
larger size. The search agent proposes; it lives in the engine, so there is no agent's process to kill.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from agentcore.project import seed as seeding
from worktrees.layout import LabPaths

SETTINGS: Mapping[str, str] = {
    "budget = .600 GFLOP.": 'budget = "40 GFLOP"',
    "budget = .4800 GFLOP.": 'budget = "160 GFLOP"',
    "evaluate_wall_s = 300": "evaluate_wall_s = 3000",
    "mode = .me.": 'mode = "gate"\ncalibration_runs = 3',
    "max_gain = 0.3": "max_gain = 9.0",
    "backend = .anthropic.": 'backend = "search"',
    "count = 0": "count = 2",
    "crashes_in_a_row = 3": "crashes_in_a_row = 1000000",
    "failures = 20": "failures = 0",
    "speed = true": "speed = false",
}
"""{line of nanochat's lab.toml: what stands there instead}: quick runs, the gate merges, and no count of failures ends
the lab, because what dies here is killed by us. So little training differs wildly, which is no reason for doubt; nor is
a busy machine, on which an evaluation at the lowest priority was seen to take five minutes."""

WITHOUT = ("agent", "agent's sandbox", "engine and agent")
"""Kinds of faults that need an agent's process."""


def make(root: Path, seed: int) -> LabPaths:
    """Make the lab at `root`, with its data; about half a minute."""
    carried = seeding.prompts_folder()
    shutil.copytree(Path(__file__).parents[2] / "nanochat", root, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    shutil.copy(carried / "program.md", root)
    shutil.copytree(carried / "directions", root / "directions")
    text = (root / "lab.toml").read_text()
    for line, instead in {**SETTINGS, "seed = 1": f"seed = {seed}"}.items():
        text, count = re.subn(f"^{line}$", instead, text, flags=re.MULTILINE)
        assert count == 1, f"{line} stands {count} times in nanochat's lab.toml"
    (root / "lab.toml").write_text(text)
    return seeding.create(root, lambda line: None)
