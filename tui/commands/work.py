"""Commands that make a lab, start it and stop it."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from pathlib import Path

from agentcore import format as fmt
from agentcore.agents.roster import Roster
from agentcore.engine import launch
from agentcore.engine.control import Command, EngineUnreachable
from agentcore.overview import Overview
from agentcore.overview.observer import Observer
from agentcore.plan import Limits
from agentcore.project import seed
from tui.commands.narrate import narrated
from tui.commands.view import open_lab, start_engine
from tui.exits import FAILED, OK, PRECONDITION, UNREACHABLE, USAGE, Ending
from tui.moments import moment
from tui.place import find_lab
from worktrees.layout import LabPaths
from worktrees.project import ProjectError, load
from worktrees.repository import RepositoryError

DEMO = "nightlab-demo"
"""Folder of the demo lab, below the current one, unless another is named."""


def demo(arguments: Namespace) -> int:
    """Make a small real lab and open it, or with --headless run it here and print a summary."""
    if arguments.scenario:
        from tui.commands import play  # here: a real lab needs none of it

        return play.demo(arguments)
    paths = create(Path(arguments.dir or DEMO))
    print(who_proposes(paths))
    if arguments.headless:
        return _headless(paths, arguments)
    return open_lab(paths, arguments)


def start(arguments: Namespace) -> int:
    """Start the engine of this lab, detached."""
    paths = find_lab(arguments.lab)
    pid = start_engine(paths, bare=arguments.no_sandbox)
    print(f"The engine is process {pid}; it goes on when you log out.\nOpen the lab: nightlab   Stop it: nightlab stop")
    return OK


def stop(arguments: Namespace) -> int:
    """Stop the engine: runs go on under their shims, with --now are ended, with --after-runs are waited for."""
    if arguments.now and arguments.after_runs:
        raise Ending(USAGE, "choose one of --now and --after-runs")
    paths = find_lab(arguments.lab)
    try:
        how = {"now": arguments.now, "after_runs": arguments.after_runs}
        answer = launch.send(paths, Command("stop", arguments=how))
    except EngineUnreachable:
        return _stop_silent(paths)
    print(answer.message)
    if arguments.after_runs and answer.body.get("runs"):
        return OK  # it leaves by itself, in minutes
    if not launch.wait_until_gone(paths):
        raise Ending(UNREACHABLE, f"the engine still answers; see {paths.log}")
    return OK


def _stop_silent(paths: LabPaths) -> int:
    try:
        pid = launch.end_silent(paths)
    except launch.StartError as error:
        raise Ending(error.code, str(error)) from error
    print("the engine is not running" if pid is None else f"the engine did not answer; process {pid} was told to leave")
    return OK


def run(arguments: Namespace) -> int:
    """Run the engine in the foreground until a limit is reached."""
    paths = find_lab(arguments.lab)
    until = moment(arguments.until, time.time()) if arguments.until else None
    with narrated(paths):
        limits = Limits(experiments=arguments.experiments)
        return launch.run_engine(paths, limits, until, arguments.merge, bare=arguments.no_sandbox)


def create(root: Path) -> LabPaths:
    """Make a lab of a new folder, or prepare the one that is there. Raises Ending."""
    try:
        return seed.create(root, print)
    except (seed.SeedError, ProjectError, RepositoryError) as error:
        raise Ending(PRECONDITION, str(error)) from error
    except OSError as error:
        raise Ending(PRECONDITION, f"no lab can be made at {root}: {error.strerror or error}") from error


def who_proposes(paths: LabPaths) -> str:
    """Return the line that says which agents this lab would have now, and what they may cost."""
    project = load(paths.config)
    roster = Roster(project, os.environ, os.environ, time.time)
    assigned = roster.assign(["wt0", *project.agents.worktree])
    if assigned.reason:
        return f"Note   {assigned.reason}"
    names = ", ".join(sorted(set(assigned.agents.values())))
    limit = (
        f", at most ${project.limits.usd:.2f} ([limits] usd in lab.toml)" if project.limits.usd else ", without a limit"
    )
    return f"Agents {names}" + (f": {assigned.model}{limit}" if assigned.model else "")


def _headless(paths: LabPaths, arguments: Namespace) -> int:
    until = moment(arguments.until, time.time()) if arguments.until else None
    began = time.time()
    with narrated(paths):
        limits, mode = Limits(experiments=arguments.experiments), arguments.merge or "gate"
        code = launch.run_engine(paths, limits, until, mode, bare=arguments.no_sandbox)
    if code == PRECONDITION:
        return code
    observer = Observer(paths)
    observer.refresh()
    scene = observer.overview(time.time())
    if code == OK and scene.trunk is not None and scene.trunk.score is None:
        code = FAILED
    _summarise(scene, time.time() - began)
    return code


def _summarise(scene: Overview, seconds: float) -> None:
    trunk = scene.trunk
    before, after = (trunk.baseline, trunk.score) if trunk else (None, None)
    percent = f" ({trunk.gain_percent:+.2f} %)" if trunk and trunk.gain_percent else ""
    sigma = f"{scene.noise.sigma:.4f} from {scene.noise.dof} degrees of freedom" if scene.noise else "unknown"
    print(f"experiments  {scene.experiments}, {scene.kept} kept, {scene.merged} merged, in {seconds / 60:.1f} min")
    print(f"trunk        {scene.metric} {fmt.score(before)} before, {fmt.score(after)} after{percent}")
    print(f"noise        σ {sigma}")
    for need in scene.needs:
        print(f"needs you    {need.text}")
