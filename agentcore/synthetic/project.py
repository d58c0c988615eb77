"""What do agents edit in a synthetic lab? One file of numbered places; an idea is a line behind its place.

Ideas in different places never touch each other's lines, so git replays one on the other without a conflict; two in the
same place collide as real edits do.
"""

from __future__ import annotations

import re
from pathlib import Path

from agentcore.synthetic.world import World, place
from worktrees import repository
from worktrees.layout import LabPaths

RECIPE = "recipe.txt"
"""The editable file. No Python: what it means is the world's business."""

_LAB = """\
[project]
name = "synthetic"
edit = ["{recipe}"]

[commands]
train = ["synthetic"]
evaluate = ["synthetic"]

[metric]
name = "val_bpb"

[profile.cpu]
budget = "{seconds:g} s"
train_wall_s = {wall:g}
evaluate_wall_s = {wall:g}

[run]
profile = "cpu"

[agents]
backend = "command"

[agents.command]
argv = ["synthetic"]

[limits]
usd = 0
hours = 0
experiments = 0
gpu_hours = 0
no_gain = 0
disk_floor_gb = 0.1
"""


def make(root: Path, world: World, stack_max: int | None = None) -> LabPaths:
    """Make a synthetic lab at `root`, a new folder: project files, committed. Raises OSError.

    `stack_max`: the gate's setting where it is not to follow from the number of slots.
    """
    paths = LabPaths(root)
    paths.dot.mkdir(parents=True)
    gate = "" if stack_max is None else f"\n[gate]\nstack_max = {stack_max}\n"
    (root / "lab.toml").write_text(
        _LAB.format(recipe=RECIPE, seconds=world.run_s, wall=10 * world.run_s) + gate, encoding="utf-8"
    )
    (root / "program.md").write_text("Lower val_bpb.\n", encoding="utf-8")
    (root / ".gitignore").write_text(".lab/\n", encoding="utf-8")
    (root / RECIPE).write_text("".join(f"place {number:04d}\n" for number in range(world.places)), encoding="utf-8")
    repository.initialise(root, "Start a synthetic lab")
    return paths


def ideas_in(recipe: str) -> frozenset[int]:
    """Return the ideas that a recipe holds."""
    return frozenset(int(number) for number in re.findall(r"^idea (\d+)$", recipe, re.MULTILINE))


def with_idea(recipe: str, world: World, idea: int) -> str:
    """Return the recipe with one more idea, behind its place."""
    anchor = f"place {place(world, idea):04d}\n"
    return recipe.replace(anchor, f"{anchor}idea {idea}\n", 1)
