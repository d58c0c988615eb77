"""Labs for the tests of the view: a real journal, a real git repository with real worktrees, no engine.

A lab is told event by event, as an engine would have written it, with times counted from `START`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pygit2

from agentcore import events as ev
from agentcore.brief.scrub import Scrubber
from agentcore.brief.spending import Usage
from agentcore.brief.transcript import Kind, Transcript
from agentcore.events import AgentState, CandidateState, Event, Outcome
from agentcore.fold import apply
from agentcore.journal.rows import Journal
from agentcore.state import LabState
from worktrees import processes
from worktrees.gate import GateSettings
from worktrees.layout import LabPaths
from worktrees.runs import Ending, Purpose, RunStatus, write_json
from worktrees.slots import Slot
from worktrees.statistics import Verdict

START = 1_800_000_000.0
"""When the lab begins, Unix time."""

BASELINE = 1.7012
SIGMA = 0.0010

SOURCE = '''"""Train a small language model."""

import math
from dataclasses import dataclass

ROPE_BASE = 10_000
MATRIX_LR = 0.020
EMBED_LR = 0.200
WARMUP = 0.05
DEPTH = 4
WINDOW_PATTERN = "SSSL"


@dataclass(frozen=True)
class Config:
    """The shape of the model."""

    depth: int = DEPTH
    width: int = 256
    heads: int = 4


def learning_rate(progress: float, peak: float) -> float:
    """Return the rate for what is used of the budget: up, flat, down."""
    if progress < WARMUP:
        return peak * progress / WARMUP
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def frequencies(head: int) -> list[float]:
    # stride the channels
    base = ROPE_BASE
    return [base ** (-channel / head) for channel in range(0, head, 2)]
'''

MODEL = "claude-opus-5"

AUTHOR = pygit2.Signature("nightlab", "lab@localhost", int(START), 0)


class LabMaker:
    """Tells a lab's story into a real journal, beside a real repository."""

    def __init__(self, root: Path, *, slots: int = 2, kind: str = "cpu", at: float = START) -> None:
        self.paths = LabPaths(root)
        self.paths.worktrees.mkdir(parents=True)
        self.paths.runs.mkdir()
        self.paths.config.write_text("")
        self.now = at
        self.state = LabState()
        self.repo = pygit2.init_repository(str(root))
        self.journal = Journal(self.paths.journal)
        if kind == "cuda":
            model = "NVIDIA H100 80GB HBM3"
            self.slots = tuple(Slot(f"gpu{i}", "cuda", model, uuid=f"GPU-{i}") for i in range(slots))
        else:
            self.slots = tuple(Slot(f"cpu{i}", "cpu", "AMD EPYC 9654", (i,)) for i in range(slots))
        self._experiments = self._runs = 0

    def tell(self, event: Event, after: float = 1.0) -> None:
        """Append one event, `after` seconds after the one before."""
        self.now += after
        self.state = apply(self.state, self.journal.append(self.now, event))

    # The lab itself

    def begin(
        self, *, alive: bool = True, gate: GateSettings | None = None, usd_limit: float = 0.0, walls: str = "full"
    ) -> None:
        """Configure the lab and start its engine: this process, or (not alive) one that is gone."""
        gate = gate or GateSettings(confirm_seeds=3, calibration_runs=6)
        self.tell(ev.LabConfigured("nanochat", "val_bpb", True, "mini", "4e12 FLOPs", "harness", gate, usd_limit))
        own = processes.stat(os.getpid())
        assert own is not None
        pid, ticks = (own.pid, own.start_ticks) if alive else (own.pid, own.start_ticks + 1)
        self.tell(ev.EngineStarted(pid, ticks, processes.boot_id(), "0.1.0", self.slots, walls))

    def create_trunk(self, source: str = SOURCE) -> str:
        """Make the first commit, and trunk at it."""
        commit = self.commit(source, None, "baseline")
        self.repo.references.create("refs/heads/lab/trunk", commit)
        self.tell(ev.TrunkMoved("", commit, self.tree_of(commit), None, "engine"))
        return commit

    def create_worktrees(self, count: int | None = None) -> None:
        """Check out one worktree for each slot."""
        assert self.state.trunk
        base = self.state.trunk.commit
        for index in range(count or len(self.slots)):
            name = f"wt{index}"
            slot = self.slots[index % len(self.slots)].name
            branch = self.repo.branches.local.create(f"lab/{name}", self.repo[base].peel(pygit2.Commit))
            self.repo.add_worktree(name, str(self.paths.worktree(name)), branch)
            self.tell(ev.WorktreeCreated(name, slot, "search", base, self.tree_of(base)))

    def calibrate(self, runs: int = 6) -> None:
        """Run trunk's baseline."""
        assert self.state.trunk
        spread = (0.0, 0.0011, -0.0009, 0.0004, -0.0012, 0.0006, 0.0010, -0.0010)
        for seed in range(runs):
            slot = self.slots[seed % len(self.slots)].name
            self.end_run(self.start_run("baseline", None, self.state.trunk.commit, slot, seed), BASELINE + spread[seed])

    # Experiments

    def propose(self, worktree: str, hypothesis: str, source: str | None = None) -> int:
        """Commit an edit of `worktree` (a whole new source, or a comment) and announce it."""
        own = self.state.worktrees[worktree]
        base = own.base
        self._experiments += 1
        text = source if source is not None else self.source_of(base) + f"# idea {self._experiments}\n"
        commit = self.commit(text, base, hypothesis)
        self.tell(
            ev.ExperimentProposed(
                self._experiments, worktree, own.agent, base, self.tree_of(base), commit, self.tree_of(commit),
                hypothesis, 1, 1, ("train.py",), {},
            )
        )  # fmt: skip
        return self._experiments

    def start_run(
        self, purpose: Purpose, experiment: int | None, commit: str, slot: str, seed: int, tree: str = ""
    ) -> int:
        """Start a run on `slot`."""
        self._runs += 1
        tree = tree or self.tree_of(commit)
        self.tell(ev.RunStarted(self._runs, purpose, experiment, commit, tree, seed, 1, slot))
        return self._runs

    def end_run(self, number: int, score: float | None, reason: str = "", after: float = 25.0) -> None:
        """End a run with a score, or with an error."""
        ending: Ending = "ok" if score is not None else "crash"
        self.tell(ev.RunEnded(number, ending, score, reason, 20.0, 4.0, 20.0, 512.0), after)

    def screen(self, experiment: int) -> int:
        """Start the screening run of an experiment on its home slot."""
        each = self.state.experiments[experiment]
        slot = self.state.worktrees[each.worktree].slot
        return self.start_run("screen", experiment, each.commit, slot, 1000 + experiment)

    def decide(self, experiment: int, outcome: Outcome, score: float | None = None, reason: str = "") -> None:
        """Give an experiment its outcome; a gain is against the baseline."""
        gain = None if score is None else BASELINE - score
        z = None if gain is None else gain / SIGMA / 1.32
        self.tell(ev.ExperimentDecided(experiment, outcome, score, gain, z, reason))

    def experiment(
        self, worktree: str, hypothesis: str, outcome: Outcome, score: float | None = None, reason: str = ""
    ) -> int:
        """Tell a whole experiment: proposed, run, decided."""
        self.tell(ev.ThinkingStarted(worktree))
        number = self.propose(worktree, hypothesis)
        self.end_run(self.screen(number), score, reason)
        self.decide(number, outcome, score, reason)
        return number

    # Agents

    def employ(self, **agents: str) -> None:
        """Put agents to work, by worktree: `employ(wt0="anthropic")`; the others keep theirs."""
        known = {name: each.agent for name, each in self.state.worktrees.items()}
        self.tell(ev.AgentsAssigned({**known, **agents}, MODEL if "anthropic" in agents.values() else ""))

    def think(self, worktree: str, direction: str = "schedule") -> None:
        """Ask the agent of `worktree` for a proposal."""
        self.tell(ev.ThinkingStarted(worktree, self.state.worktrees[worktree].agent, direction))

    def wait(self, worktree: str, state: AgentState = "LIMIT", text: str = "", back_s: float | None = None) -> None:
        """Let the agent wait; with `back_s` it goes on by itself that many seconds later."""
        self.tell(ev.AgentStateChanged(worktree, state, text, None if back_s is None else self.now + 1.0 + back_s))

    def spend(self, worktree: str, usd: float, tokens: int = 1000) -> None:
        """Pay for a model turn."""
        self.tell(ev.TokensUsed(worktree, MODEL, Usage(input=tokens), usd))

    def transcribe(self, worktree: str, kind: Kind, **fields: object) -> None:
        """Write one step of what the agent of `worktree` does now."""
        self.now += 1.0
        path = self.paths.transcript(worktree, self.state.worktrees[worktree].asked)
        transcript = Transcript(path, Scrubber(), lambda: self.now)
        transcript.write(kind, **fields)
        transcript.close()

    # Candidates

    def rebase(self, experiment: int) -> None:
        """Replay a candidate on trunk; its fresh seeds are then 100, 101, 102."""
        trunk = self.state.trunk
        assert trunk
        each = self.state.experiments[experiment]
        text = self.repo[each.commit].peel(pygit2.Tree)["train.py"].data.decode()  # type: ignore[union-attr]
        commit = self.commit(text, trunk.commit, each.hypothesis)
        seeds = tuple(range(100, 100 + self.state.gate.confirm_seeds))
        self.tell(ev.CandidateRebased(experiment, trunk.commit, trunk.tree, commit, self.tree_of(commit), seeds))

    def confirm(self, experiment: int, scores: tuple[float, ...]) -> None:
        """Run a candidate's fresh seeds, on as many of them as there are scores."""
        candidate = self.state.candidates[experiment]
        for seed, score in zip(candidate.seeds, scores, strict=False):
            slot = self.slots[seed % len(self.slots)].name
            self.end_run(self.start_run("confirm", experiment, candidate.commit, slot, seed, candidate.tree), score)

    def judge(self, experiment: int, state: CandidateState = "READY", gain: float = 0.0022) -> None:
        """Give a candidate its verdict; a READY one gets the commit that a merge would land."""
        candidate = self.state.candidates[experiment]
        verdict = Verdict(gain, 0.0006, candidate.seeds, state == "READY")
        landing = candidate.commit if state == "READY" else ""
        self.tell(ev.CandidateJudged(experiment, state, verdict, landing, ""))

    def make_ready(self, worktree: str, hypothesis: str, score: float = 1.6990) -> int:
        """Tell everything from the idea to READY."""
        number = self.experiment(worktree, hypothesis, "keep", score)
        self.rebase(number)
        self.confirm(number, (score, score + 0.0004, score - 0.0003))
        self.judge(number, "READY", BASELINE - score)
        return number

    def stack(self, *experiments: int) -> None:
        """Replay candidates on trunk, one on the other; each adds a line of its own."""
        trunk = self.state.trunk
        assert trunk
        commits, onto = [], trunk.commit
        for number in experiments:
            text = f"{self.source_of(onto)}IDEA_{number} = True\n"
            onto = self.commit(text, onto, self.state.experiments[number].hypothesis)
            commits.append(onto)
        seeds = tuple(range(100, 100 + self.state.gate.confirm_seeds))
        tree = self.tree_of(onto)
        self.tell(ev.StackRebased(experiments, tuple(commits), trunk.commit, trunk.tree, tree, seeds))

    def make_stack(self, *hypotheses: str, gain: float = 0.0071) -> tuple[int, ...]:
        """Tell everything from these ideas to a READY stack of them."""
        names = sorted(self.state.worktrees)
        numbers = tuple(
            self.experiment(names[place % len(names)], each, "keep", BASELINE - 0.004)
            for place, each in enumerate(hypotheses)
        )
        self.stack(*numbers)
        score = BASELINE - gain
        self.confirm(numbers[-1], (score, score + 0.0004, score - 0.0003))
        candidates = [self.state.candidates[number] for number in numbers]
        verdict = Verdict(gain, 0.0006, candidates[-1].seeds, True)
        self.tell(ev.StackJudged(numbers, verdict, tuple(each.commit for each in candidates), (), "together"))
        return numbers

    def merge(self, experiment: int, by: str = "you") -> None:
        """Move trunk to a READY candidate, with its stack, as an engine would."""
        candidate = self.state.leader(self.state.candidates[experiment])
        old, new, stack = candidate.trunk, candidate.landing, candidate.stack
        experiment = candidate.experiment
        self.tell(ev.MergeIntended(experiment, old, new, candidate.tree, "nonce", by, stack=stack))
        self.repo.references["refs/heads/lab/trunk"].set_target(new)
        self.tell(ev.TrunkMoved(old, new, candidate.tree, experiment, by, stack=stack))
        for name, worktree in sorted(self.state.worktrees.items()):
            if worktree.experiment is None:
                self.tell(ev.WorktreeMoved(name, new, candidate.tree), 0.1)

    # What is measured, and what lies in the checkouts

    def measure(self, run: int, progress: float, loss: float = 3.0912, stage: str = "train") -> None:
        """Write what a shim and a training would have written of an active run."""
        folder = self.paths.run(run)
        folder.out.mkdir(parents=True, exist_ok=True)
        write_json(folder.status, RunStatus(1, 1, "boot", stage, self.now, 1))
        point = {"step": int(1000 * progress), "progress": progress, "loss": loss, "tokens_per_s": 41_250.0}
        point["elapsed_s"] = 24.0 * progress
        with folder.metrics.open("a") as file:
            file.write(json.dumps(point) + "\n")

    def log(self, run: int, text: str) -> None:
        """Write the log of a run."""
        folder = self.paths.run(run)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.log.write_text(text)

    def edit(self, worktree: str, old: str, new: str) -> None:
        """Change a text in a worktree's checkout, uncommitted."""
        path = self.paths.worktree(worktree) / "train.py"
        source = path.read_text()
        assert old in source
        path.write_text(source.replace(old, new))

    # Git

    def commit(self, source: str, parent: str | None, message: str) -> str:
        """Write a commit that holds `source` as train.py."""
        builder = self.repo.TreeBuilder()
        builder.insert("train.py", self.repo.create_blob(source.encode()), pygit2.enums.FileMode.BLOB)
        parents = [parent] if parent else []
        return str(self.repo.create_commit(None, AUTHOR, AUTHOR, message, builder.write(), parents))

    def tree_of(self, commit: str) -> str:
        """Return a commit's tree."""
        return str(self.repo[commit].peel(pygit2.Tree).id)

    def source_of(self, commit: str) -> str:
        """Return train.py as it is in a commit."""
        blob = self.repo[commit].peel(pygit2.Tree)["train.py"]
        assert isinstance(blob, pygit2.Blob)
        return blob.data.decode()


def small_lab(root: Path, **options: object) -> LabMaker:
    """Return a lab of two CPU slots whose trunk has its number and whose worktrees wait."""
    lab = LabMaker(root)
    lab.begin(alive=bool(options.get("alive", True)))
    lab.create_trunk()
    lab.create_worktrees()
    lab.calibrate()
    return lab
