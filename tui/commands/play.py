"""Commands that show a played lab: `demo --scenario`, and `snapshot --scenario` for one frame of it."""

from __future__ import annotations

import os
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentcore.synthetic import scenarios
from tui.commands.view import open_lab
from tui.exits import PRECONDITION, USAGE, Ending
from tui.place import typed
from worktrees.layout import LabPaths


def demo(arguments: Namespace) -> int:
    """Make the scenario's lab, or find it as it was left, and open it."""
    if arguments.headless:
        raise Ending(USAGE, "--headless runs a real lab; a scenario is there to be looked at")
    scenario = _known(arguments.scenario)
    paths = _made(arguments)
    print(f"{arguments.scenario}: {scenario.about}. Its lab is {paths.root}")
    print(f"Stop it: {typed(paths, 'stop --now')}")
    return open_lab(paths, arguments, starts=scenario.has_engine)


@contextmanager
def still(name: str, seed: int) -> Iterator[LabPaths]:
    """Make a still of a scenario that is gone afterwards. Raises Ending for an unknown one."""
    _known(name)
    with tempfile.TemporaryDirectory(prefix=f"nightlab-{name}-") as folder:
        yield scenarios.make(name, Path(folder) / "lab", seed=seed, still=True)


def _known(name: str) -> scenarios.Scenario:
    try:
        return scenarios.find(name)
    except scenarios.UnknownScenario as error:
        raise Ending(USAGE, str(error)) from error


def _made(arguments: Namespace) -> LabPaths:
    """Return the lab of the scenario, made where its folder is new or empty."""
    named = arguments.dir or os.environ.get("NIGHTLAB_DEMO_DIR")
    root = Path(named) if named else Path(tempfile.mkdtemp(prefix=f"nightlab-{arguments.scenario}-"))
    paths = LabPaths(root)
    if not root.exists() or not any(root.iterdir()):
        return scenarios.make(arguments.scenario, root, seed=arguments.seed, speed=arguments.speed)
    try:
        found = scenarios.read(paths)
    except FileNotFoundError:
        raise Ending(PRECONDITION, f"{root} is not empty and holds no scenario: name a new folder") from None
    if (found.name, found.seed) != (arguments.scenario, arguments.seed):
        raise Ending(PRECONDITION, f"{root} holds the scenario {found.name} (seed {found.seed}): name a new folder")
    return paths
