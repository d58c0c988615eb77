"""What must be true before an engine can work on a lab? It is checked, and on the first time made so, here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, cast

from agentcore import events as ev
from agentcore.agents.roster import Roster
from agentcore.away.presence import is_watched
from agentcore.brief import prompts
from agentcore.brief.spending import price_of
from agentcore.engine.gone import missing
from agentcore.engine.lab import Lab
from agentcore.engine.walls import TOPIC, choose
from agentcore.worktree import retiring
from worktrees import confined, processes, slots
from worktrees.executor import LocalExecutor
from worktrees.gate import Mode
from worktrees.layout import LabPaths
from worktrees.project import Profile, Project, ProjectError, harness_hash, load
from worktrees.repository import TRUNK, RepositoryError
from worktrees.sandbox import Backend, Uncontained


class Opening(Protocol):
    """How a lab is opened for an engine: `open_lab`, or what stands in for it where trainings are played."""

    async def __call__(  # noqa: D102
        self,
        paths: LabPaths,
        *,
        mode: str | None,
        clock: Callable[[], float],
        secrets: Mapping[str, str],
        carried: Path,
        bare: bool,
    ) -> tuple[Lab, Roster]: ...


async def open_lab(
    paths: LabPaths,
    *,
    mode: str | None,
    clock: Callable[[], float],
    secrets: Mapping[str, str],
    carried: Path,
    bare: bool,
) -> tuple[Lab, Roster]:
    """Open the lab for writing; on its first time make trunk and the worktrees.

    `carried`: the prompts of nightlab. `bare`: without a sandbox. Raises ProjectError, RepositoryError, PromptError,
    Uncontained or JournalError with what to do about it.
    """
    project = load(paths.config)
    if project.commands.prepare and not (paths.data / "train").is_dir():
        raise ProjectError(f"{paths.data} holds no data yet: nightlab init {paths.root}")
    found = slots.discover(project.slots.count or None)
    walls = choose(project, paths, bare=bare)
    if walls.needs_person and not is_watched(paths.watchers):
        raise Uncontained(
            f"the sandbox is {walls.why}. So the lab works only while somebody watches (nightlab); to let it work "
            "alone, write accept_reduced = true under [sandbox] in lab.toml"
        )
    lab = Lab(paths, project, found, LocalExecutor(), clock, secrets, walls)
    if reason := _without_gpus(lab):
        lab.close()
        raise ProjectError(reason)
    roster = Roster(project, secrets, os.environ, clock)
    await make_ready(lab, roster, mode, carried)
    return lab, roster


def _without_gpus(lab: Lab) -> str:
    """Return why a lab of GPUs does not go on where none answers: in silence it would measure all anew, on cores."""
    before = [slot.name for slot in lab.state.slots if slot.kind == "cuda"]
    if not before or lab.slots[0].kind == "cuda" or lab.project.run.profile != "auto":
        return ""
    return (
        f"no GPU answers (NVML), and this lab has worked on {', '.join(before)}: nightlab doctor. To go on on this "
        'machine\'s cores, where trunk is measured anew: profile = "cpu" under [run] in lab.toml'
    )


async def make_ready(lab: Lab, roster: Roster, mode: str | None, carried: Path) -> None:
    """Bring a lab that was just opened to where an engine can work on it; close it where that fails.

    Raises RepositoryError, PromptError or JournalError.
    """
    try:
        await lab.git(lab.repository.clear_locks)
        await _check_trunk(lab)
        _check_prompts(lab, carried)
        absent = missing(lab.state, lab.slots, lab.project.slots.count)
        lab.record(_started(lab))
        for about, message in absent.items():
            lab.say(about, message)
        lab.say(TOPIC, lab.walls.banner)
        await _configure(lab, mode)
        if lab.state.trunk is None:
            await _create_trunk(lab)
        await _add_worktrees(lab, roster)
        _assign(lab, roster)
        prompts.follow(lab, carried)
    except BaseException:  # also a signal: the journal and the git thread are let go of
        lab.close()
        raise


async def _check_trunk(lab: Lab) -> None:
    """Before anything is written: trunk starts from a commit, so what is not committed would silently be left out.

    One that was deleted is put back here: by its harness everything is measured.
    """
    if await lab.git(lab.repository.resolve, TRUNK) is not None:
        return
    if lab.state.trunk is not None:
        await lab.git(lab.repository.create_trunk, lab.state.trunk.commit)
    else:
        await lab.git(lab.repository.head)
        if dirty := await lab.git(lab.repository.uncommitted):
            shown = ", ".join(dirty[:4]) + (" …" if len(dirty) > 4 else "")
            raise RepositoryError(f"uncommitted changes in {shown}: commit or stash them, trunk starts from HEAD")


def _started(lab: Lab) -> ev.EngineStarted:
    me = processes.stat(os.getpid())
    assert me is not None, "this process lives"
    return ev.EngineStarted(
        me.pid, me.start_ticks, processes.boot_id(), version("nightlab"), lab.slots, lab.walls.backend
    )


async def _configure(lab: Lab, mode: str | None) -> None:
    trunk = await lab.git(lab.repository.resolve, TRUNK)
    commit = trunk if trunk is not None else await lab.git(lab.repository.head)
    lab.frozen = {path: await lab.git(lab.repository.read, commit, path) for path in lab.project.project.frozen}
    for path in lab.project.project.edit:  # said now, and not by three agents in a row that find nothing to edit
        await lab.git(lab.repository.read, commit, path)
    config = configured(lab.project, len(lab.slots), lab.profile_name, lab.profile, lab.frozen, mode, lab.walls.backend)
    if config != lab.state.config:
        lab.record(config)


def configured(
    project: Project,
    slots: int,
    profile_name: str,
    profile: Profile,
    frozen: Mapping[str, bytes],
    mode: str | None,
    backend: Backend,
) -> ev.LabConfigured:
    """Return the settings as they are recorded. `mode`: who merges, where that is not what lab.toml says."""
    gate = project.gate_for(slots)
    harness = harness_hash(frozen, profile, project)
    if backend == "none":  # its scores are never compared with others', and nothing is confirmed by them
        mode, harness = "hold", f"{harness}-bare"
    return ev.LabConfigured(
        name=project.project.name,
        metric=project.metric.name,
        lower_is_better=project.metric.lower_is_better,
        profile=profile_name,
        budget=profile.budget,
        harness=harness,
        gate=replace(gate, mode=cast("Mode", mode)) if mode else gate,
        usd_limit=project.limits.usd,
        token_limit=project.limits.tokens,
        retest=replace(project.retest, budget=profile.retest_budget or project.retest.budget),
        self_reported=project.metric.self_reported,
        guards=project.guard,
    )


async def _create_trunk(lab: Lab) -> None:
    commit = await lab.git(lab.repository.resolve, TRUNK)
    if commit is None:
        commit = await lab.git(lab.repository.head)
        await lab.git(lab.repository.create_trunk, commit)
    tree = await lab.git(lab.repository.tree_of, commit)
    lab.record(ev.TrunkMoved("", commit, tree, experiment=None, by="init"), durable=True)


async def _add_worktrees(lab: Lab, roster: Roster) -> None:
    """One worktree per slot, unless it was retired; lost folders and branches are made again on their base."""
    retiring.recover(lab)
    trunk = lab.state.trunk
    assert trunk is not None, "made a moment ago"
    agents = roster.assign(f"wt{index}" for index in range(len(lab.slots))).agents
    for index, slot in enumerate(lab.slots):
        name = f"wt{index}"
        await confined.end_all(lab.paths.worktree(name))  # what agents left running under an engine that was killed
        worktree = lab.state.worktrees.get(name)
        if worktree and worktree.retiring:
            continue
        commit = worktree.base if worktree else trunk.commit
        await lab.git(lab.repository.add_worktree, lab.paths.worktree(name), name, commit)
        if worktree is None:
            lab.record(ev.WorktreeCreated(name, slot.name, agents[name], trunk.commit, trunk.tree))
    for worktree in lab.state.standing:  # those that a person made
        await confined.end_all(lab.paths.worktree(worktree.name))
        await lab.git(lab.repository.add_worktree, lab.paths.worktree(worktree.name), worktree.name, worktree.base)


def _check_prompts(lab: Lab, carried: Path) -> None:
    """Before anything is written: a template or a direction that cannot be used would cost every proposal."""
    texts = prompts.read(lab.paths, carried)
    prompts.check(texts)
    for name in lab.project.agents.directions:
        if name not in texts.directions:
            known = ", ".join(sorted(texts.directions)) or "none"
            raise prompts.PromptError(f"lab.toml [agents] directions: there is no directions/{name}.md; known: {known}")


def _assign(lab: Lab, roster: Roster) -> None:
    """Record who works where, when it is not as before; a model without a price is said once."""
    assigned = roster.assign(lab.state.worktrees)
    if assigned != lab.state.agents:
        lab.record(assigned)
    settings = lab.project.agents.anthropic
    if assigned.model and lab.project.limits.usd and price_of(assigned.model, settings.price) is None:
        message = (
            f"{assigned.model} has no price, so [limits] usd cannot hold: set [agents.anthropic] price, "
            "or [limits] tokens and usd = 0"
        )
        if lab.state.warnings.get("price") != message:
            lab.record(ev.WarningRaised("price", message))
    elif "price" in lab.state.warnings:
        lab.record(ev.WarningCleared("price"))
