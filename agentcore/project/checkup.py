"""Is everything there that a lab needs? A list of checks, each with what to do about it."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentcore.agents.connection import BASE_URL, KEY, TOKEN
from agentcore.agents.roster import Roster
from agentcore.project.logout import danger
from agentcore.project.seed import python_check
from agentcore.queue.judging import SELF_REPORTED
from worktrees import devices, sandbox, slots
from worktrees.layout import LabPaths
from worktrees.project import Agents, Project, ProjectError, load
from worktrees.repository import TRUNK, Repository, RepositoryError

Level = Literal["ok", "warn", "todo"]


@dataclass(frozen=True)
class Check:
    """One line of `nightlab doctor`. A lab cannot start while something is `todo`."""

    level: Level
    topic: str
    text: str
    remedy: str = ""


def examine(paths: LabPaths | None, environment: Mapping[str, str] = os.environ) -> list[Check]:
    """Examine this machine and, where there is one, the lab at `paths`. Nothing outside of the machine is asked."""
    checks = [*_programs(), *_devices()]
    if paths is None:
        return [*checks, Check("todo", "lab", "no lab here", "nightlab demo, or nightlab init DIR")]
    try:
        project = load(paths.config)
    except ProjectError as error:
        return [*checks, Check("todo", "lab", str(error), "mend lab.toml")]
    return [*checks, *_lab(paths, project), *_agents(project, environment), _disk(paths, project)]


def agents_of(paths: LabPaths | None) -> Agents:
    """Return what lab.toml says of agents, or what holds where there is none to read."""
    try:
        return load(paths.config).agents if paths else Agents()
    except ProjectError:  # which `examine` reports
        return Agents()


def _programs() -> Iterator[Check]:
    git = _version("git", "--version")
    yield Check("ok", "git", git) if git else Check("todo", "git", "git is not installed", "install git 2.30 or newer")
    yield Check("ok", "python", f"{sys.version.split()[0]}, sqlite {sqlite3.sqlite_version}")
    if not os.environ.get("TMUX"):
        text = "not inside tmux: the lab goes on when this line drops, the view does not"
        yield Check("warn", "tmux", text, "tmux new -s lab nightlab")
    else:
        yield Check("ok", "tmux", _version("tmux", "-V"))
    yield _logout()
    yield _sandbox()


def _logout() -> Check:
    """Say whether a lab that is started from here outlives the login."""
    user = pwd.getpwuid(os.getuid()).pw_name
    text, remedy = danger(Path("/proc/self/cgroup").read_text(), user)
    return Check("warn", "logout", text, remedy) if text else Check("ok", "logout", "ends nothing of the lab")


def _sandbox() -> Check:
    """Say which walls stand here, from trying them."""
    why = sandbox.why()
    match sandbox.backend():
        case "full":
            return Check("ok", "sandbox", why)
        case "reduced":
            remedy = "apt-get install bubblewrap, or accept_reduced = true in lab.toml [sandbox]"
            return Check("warn", "sandbox", f"{why}; a lab works here only while a view is open", remedy)
    remedy = "apt-get install bubblewrap; without a sandbox: nightlab --no-sandbox, and nothing moves trunk"
    return Check("todo", "sandbox", why, remedy)


def _devices() -> Iterator[Check]:
    found = slots.discover()
    if found[0].kind == "cuda":
        yield Check("ok", "gpus", f"{len(found)}x {found[0].model}")
    else:
        text = f"no GPU: {len(found)} CPU slots on {devices.cpu_model()}"
        yield Check("ok", "gpus", text)


def _lab(paths: LabPaths, project: Project) -> Iterator[Check]:
    try:
        repository = Repository(paths.root)
        commit = repository.head()
        dirty = repository.uncommitted() if repository.resolve(TRUNK) is None else ()
    except RepositoryError as error:
        yield Check("todo", "project", str(error), "git init, git commit, or nightlab init in a new folder")
        return
    if dirty:
        text = f"uncommitted: {', '.join(dirty[:4])}"
        yield Check("warn", "project", text, "commit them before the first start; trunk starts from HEAD")
    else:
        yield Check("ok", "project", f"{project.project.name} at {commit[:7]}")
    if project.commands.prepare and not (paths.data / "train").is_dir():
        yield Check("todo", "data", "not prepared", f"nightlab init {paths.root}")
    elif project.commands.prepare:
        yield Check("ok", "data", str(paths.data))
    yield _metric(project)
    if not (project.retest.budget or any(each.retest_budget for each in project.profile.values())):
        yield Check("ok", "retest", "off: lab.toml names no larger size ([retest] budget)")
    if missing := python_check(paths, project):
        yield Check("todo", "torch", missing, "pip install 'nightlab[nanochat]', or name another in [commands] train")
    else:
        yield Check("ok", "torch", "imports, or is not asked for")


def _metric(project: Project) -> Check:
    """Say who says the score: agents' own code, or an evaluation that they cannot touch."""
    metric, gate = project.metric, project.gate
    if not metric.self_reported:
        return Check("ok", "metric", f"{metric.name}, from an evaluation of its own")
    text = f"{metric.name} is {SELF_REPORTED}: the code that agents edit prints it ({metric.pattern})"
    unset = [key for key in ("floor", "ceiling", "max_gain") if gate.get(key) is None]
    remedy = f"set {', '.join(unset)} in lab.toml [gate]: beside fresh seeds nothing else bounds it" if unset else ""
    return Check("warn", "metric", text, remedy)


def _agents(project: Project, environment: Mapping[str, str]) -> Iterator[Check]:
    """Say who would work where, were the engine started from here. The model's server is not asked."""
    settings = project.agents
    worktrees = [f"wt{index}" for index in range(len(slots.discover(project.slots.count or None)))]
    roster = Roster(project, environment, environment, time.time)
    assigned = roster.assign(worktrees)
    wanted = [name for name in worktrees if settings.worktree.get(name, settings.backend) == "anthropic"]
    if roster.has_key():
        yield Check("ok", "key", f"{KEY if environment.get(KEY) else TOKEN} is set")
    elif wanted:
        text = f"neither {KEY} nor {TOKEN} is set: the search agent works instead"
        yield Check("warn", "key", text, f"export one of them, and {BASE_URL} for a server of your own")
    else:
        yield Check("ok", "key", "none is set, and none is needed")
    asks = f"for {', '.join(wanted)}" if wanted else "no worktree asks it"
    yield Check("ok", "model", f"{settings.anthropic.model}, {asks}")
    by_agent = {
        agent: ", ".join(name for name in worktrees if assigned.agents[name] == agent)
        for agent in dict.fromkeys(assigned.agents.values())
    }
    yield Check("ok", "agents", "; ".join(f"{agent} in {names}" for agent, names in by_agent.items()))
    if unknown := sorted(set(settings.worktree) - set(worktrees)):
        text = f"lab.toml has agents for {', '.join(unknown)}, here there is {worktrees[0]} to {worktrees[-1]}"
        yield Check("warn", "agents", text, "mend [agents.worktree]")


def _disk(paths: LabPaths, project: Project) -> Check:
    free_gb, floor_gb = shutil.disk_usage(paths.root).free / 1e9, project.limits.disk_floor_gb
    text = f"{free_gb:.0f} GB free (floor {floor_gb:g} GB)"
    return Check("ok", "disk", text) if free_gb > floor_gb else Check("todo", "disk", text, "make room")


def _version(*argv: str) -> str:
    if shutil.which(argv[0]) is None:
        return ""
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
