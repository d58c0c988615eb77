"""A real lab in this process: real git, journal and engine parts; only its runs end at once, by a formula."""

from __future__ import annotations

import itertools
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from agentcore import events as ev
from agentcore.agents import NoProposal, Proposal
from agentcore.brief.text import Brief
from agentcore.engine import running
from agentcore.engine.lab import Lab
from agentcore.engine.walls import Containment
from agentcore.plan import (
    Judge,
    JudgeStack,
    Limits,
    MoveWorktree,
    Promote,
    Propose,
    Rebase,
    RebaseExperiment,
    Record,
    Settle,
    Stack,
    StartRun,
    plan,
)
from agentcore.project.seed import prompts_folder
from agentcore.queue import promoter, stacking
from agentcore.retest import retesting
from agentcore.worktree import proposing
from agentcore.worktree.workspace import Workspace
from tests import toy
from worktrees import sandbox
from worktrees.executor import Life
from worktrees.layout import LabPaths
from worktrees.project import load
from worktrees.repository import TRUNK
from worktrees.runs import RunFolder, RunResult, RunSpec
from worktrees.slots import Slot

SLOTS = (Slot("cpu0", "cpu", "test", (0,)), Slot("cpu1", "cpu", "test", (0,)))


def truth(source: str, seed: int) -> float:
    """Return the score of a train.py: each of its constants has an effect, each seed a small one of its own."""
    constants = dict(line.split(" = ") for line in source.splitlines() if line.startswith(("RATE =", "DEPTH =")))
    noise = (seed * 7919 % 11 - 5) * 0.001
    return 1.0 - float(constants["RATE"]) + 0.1 * float(constants["DEPTH"]) + noise


@dataclass
class Instant:
    """An executor whose runs end as soon as they are submitted."""

    score: Callable[[str, int], float] = truth
    larger: Callable[[str], float] = lambda source: 0.0
    """What the larger size adds to the score of a train.py."""
    slope: float = 0.0
    """What an e-fold less training adds to a score."""
    submitted: list[RunSpec] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)
    """Tokens a second of the next runs; nothing says it of the others."""

    def submit(self, folder: RunFolder) -> None:
        """End the run with the score of its checkout."""
        spec = folder.read_spec()
        assert spec is not None
        self.submitted.append(spec)
        score = self.score((folder.checkout / "train.py").read_text(), spec.seed)
        if spec.scale > 1:
            score += self.larger((folder.checkout / "train.py").read_text())
        score += self.slope * math.log(1 / spec.fraction)
        stages = {"train": 1.0, "evaluate": 0.5}
        result = RunResult(
            ending="ok", score=score, reason="", exit_code=0, started=1.0, ended=2.5, stage_s=stages,
            stage_cpu_s=stages, peak_mb=100.0,
            extra={"training": {"tokens": 100 * self.speeds.pop(0), "train_s": 100.0}} if self.speeds else {},
        )  # fmt: skip
        folder.result.write_bytes(msgspec.json.encode(result))

    def look(self, folder: RunFolder) -> Life:
        """A run is there or it is not."""
        return "ended" if folder.result.exists() else "absent"

    def cancel(self, folder: RunFolder) -> None:
        """Nothing runs."""

    def clear(self, folder: RunFolder) -> None:
        """Nothing is lost."""


class Scripted:
    """An agent that makes the edits that it was given, worktree by worktree."""

    name = "scripted"

    def __init__(self, edits: Mapping[str, list[tuple[str, str]]]) -> None:
        self._edits = {worktree: iter(each) for worktree, each in edits.items()}

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Make the next edit."""
        edit = next(self._edits.get(brief.worktree, iter(())), None)
        if edit is None:
            raise NoProposal("the script is at its end")
        path = workspace.folder / "train.py"
        assert edit[0] in path.read_text()
        path.write_text(path.read_text().replace(*edit))
        return Proposal(f"{edit[0]} → {edit[1]}")


@dataclass
class Desk:
    """A lab that is open, and what a test does with it."""

    lab: Lab
    runs: Instant

    async def work(self, edits: Mapping[str, list[tuple[str, str]]], rounds: int = 200) -> None:
        """Let scripted agents make these edits, and do all that follows until nothing is due."""
        wanted = len(self.lab.state.experiments) + sum(len(each) for each in edits.values())
        agent, limits = Scripted(edits), Limits(experiments=wanted, proposals_ahead=0)
        for _ in range(rounds):
            await running.collect(self.lab)
            actions = plan(self.lab.state, limits)
            # Worktrees whose script is at its end are not asked, so that they are not parked either.
            actions = [each for each in actions if not (isinstance(each, Propose) and self._is_mute(each, edits))]
            if not actions:
                return
            for action in actions:
                await self._carry_out(action, agent)
        raise AssertionError(f"still at work after {rounds} rounds: {actions}")

    def _is_mute(self, action: Propose, edits: Mapping[str, list[tuple[str, str]]]) -> bool:
        """True where nothing is scripted, or it came to nothing three times: no search agent stands in here."""
        return action.worktree not in edits or self.lab.state.worktrees[action.worktree].silent >= 3

    async def _carry_out(self, action: object, agent: Scripted) -> None:
        match action:
            case Record(event):
                self.lab.record(event)
            case StartRun():
                await running.start(self.lab, action)
            case MoveWorktree(name, base):
                await proposing.move(self.lab, name, base)
            case Propose(name):
                await proposing.propose(self.lab, agent, prompts_folder(), name)
            case RebaseExperiment(number, base):
                await proposing.rebase(self.lab, number, base)
            case Rebase(number):
                await promoter.rebase(self.lab, number)
            case Stack(numbers):
                await stacking.rebase(self.lab, numbers)
            case Judge(number):
                await promoter.conclude(self.lab, number)
            case JudgeStack(numbers):
                await stacking.conclude(self.lab, numbers)
            case Settle():
                await retesting.settle(self.lab)
            case Promote(number):
                await promoter.promote(self.lab, number, "gate")

    async def propose(self, worktree: str, old: str, new: str) -> None:
        """Let the agent of a worktree make one edit; nothing that follows is done."""
        await proposing.propose(self.lab, Scripted({worktree: [(old, new)]}), prompts_folder(), worktree)

    def states(self) -> dict[int, str]:
        """Return the candidates' states."""
        return {number: each.state for number, each in sorted(self.lab.state.candidates.items())}

    def trunk(self) -> str:
        """Return what the ref says."""
        return self.lab.repository.resolve(TRUNK) or ""

    def source(self, commit: str) -> list[str]:
        """Return the constants of train.py in a commit."""
        lines = self.lab.repository.read(commit, "train.py").decode().splitlines()
        return [line for line in lines if line.startswith(("RATE =", "DEPTH ="))]

    def told(self, kind: type) -> list[ev.Event]:
        """Return the events of a type, oldest first."""
        return [entry.event for entry in self.lab.state.recent if isinstance(entry.event, kind)]


def made(root: Path) -> LabPaths:
    """Make a toy lab at `root`, or find the one that is there."""
    paths = LabPaths(root) if root.exists() else toy.make(root)
    paths.dot.mkdir(exist_ok=True)
    return paths


async def open_desk(paths: LabPaths, runs: Instant, mode: str = "me", slots: tuple[Slot, ...] = SLOTS) -> Lab:
    """Open the lab as an engine does, but with our executor and two slots wherever the test runs."""
    ticks = itertools.count(1)
    walls = Containment(sandbox.backend(), sandbox.why())
    lab = Lab(paths, load(paths.config), slots, runs, lambda: 100.0 + next(ticks), walls=walls)
    lab.record(ev.EngineStarted(1, 1, "boot", "0.1.0", slots))
    if lab.state.trunk is None:
        head = lab.repository.head()
        tree = lab.repository.tree_of(head)
        gate = replace(lab.project.gate_for(2), mode=mode, calibration_runs=3)
        lab.record(
            ev.LabConfigured("toy", "val_bpb", True, "cpu", "1 GFLOP", "harness", gate, retest=lab.project.retest)
        )
        lab.repository.create_trunk(head)
        lab.record(ev.TrunkMoved("", head, tree, None, "init"))
        for index, slot in enumerate(slots):
            name = f"wt{index}"
            lab.repository.add_worktree(paths.worktree(name), name, head)
            lab.record(ev.WorktreeCreated(name, slot.name, "scripted", head, tree))
    return lab


@asynccontextmanager
async def desk(root: Path, mode: str = "me", slots: tuple[Slot, ...] = SLOTS) -> AsyncIterator[Desk]:
    """Make a toy lab at `root`, or open the one that is there again, as after a kill."""
    paths = made(root)
    runs = Instant()
    lab = await open_desk(paths, runs, mode, slots)
    try:
        yield Desk(lab, runs)
    finally:
        lab.close()
