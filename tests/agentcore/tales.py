"""Labs told event by event, without git or processes, for the tests of what is pure: state, judging, plan, overview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from agentcore import events as ev
from agentcore.events import CandidateState, Entry, Event, Outcome
from agentcore.fold import apply
from agentcore.plan import Action, Limits, plan
from agentcore.queue.judging import screening_seed
from agentcore.queue.stacks import halves
from agentcore.state import LabState
from worktrees.gate import GateSettings
from worktrees.runs import Ending, Purpose
from worktrees.slots import Slot
from worktrees.statistics import Verdict

GATE = GateSettings(z_screen=1.3, z_confirm=1.64, confirm_seeds=2, calibration_runs=3, pool_min=3)
CONFIG = ev.LabConfigured("toy", "val_bpb", True, "cpu", "1 GFLOP", "harness", GATE)
POOL = {1: 1.0, 2: 1.2, 3: 1.1}
"""Trunk's scores: mean 1.1, sigma 0.1 at two degrees of freedom, so sigma_used 0.15."""


def slots(count: int) -> tuple[Slot, ...]:
    """Return so many CPU slots."""
    return tuple(Slot(f"cpu{index}", "cpu", "test", (index,)) for index in range(count))


def started(count: int = 2, pid: int = 1) -> ev.EngineStarted:
    """Return the start of an engine with so many slots."""
    return ev.EngineStarted(pid, 1, "boot", "0.1.0", slots(count))


def ended(run: int, score: float | None, ending: Ending = "ok", reason: str = "") -> ev.RunEnded:
    """Return the end of a run."""
    return ev.RunEnded(run, ending, score, reason, 1.0, 0.5, 1.5, 100.0)


@dataclass
class Tale:
    """A lab so far: its entries and their fold. Commit `c7` has the tree `t7`, a landing commit the tree it lands."""

    state: LabState = field(default_factory=LabState)
    entries: list[Entry] = field(default_factory=list)

    def tell(self, *events: Event) -> Tale:
        """Append events, a second apart."""
        for event in events:
            entry = Entry(self.state.seq + 1, 100.0 + self.state.seq, event)
            self.entries.append(entry)
            self.state = apply(self.state, entry)
        return self

    def run(
        self,
        purpose: Purpose,
        tree: str,
        seed: int,
        score: float | None,
        *,
        ending: Ending | None = None,
        experiment: int | None = None,
    ) -> int:
        """Tell a whole run, from its start to its end; return its number."""
        number = len(self.state.runs) + 1
        commit = tree.replace("t", "c")
        slot = next(slot.name for slot in self.state.slots if slot.name not in self.busy())
        self.tell(ev.RunStarted(number, purpose, experiment, commit, tree, seed, 1, slot))
        self.tell(ended(number, score, ending or ("ok" if score is not None else "crash"), "it broke"))
        return number

    def busy(self) -> set[str]:
        """Return the slots that run something."""
        return {run.slot for run in self.state.active.values()}

    def pool(self, tree: str, scores: Mapping[int, float]) -> Tale:
        """Give a tree its baseline runs."""
        for seed, score in scores.items():
            self.run("baseline", tree, seed, score)
        return self

    def propose(
        self,
        worktree: str,
        tree: str,
        hypothesis: str = "RATE 0.1 → 0.2",
        *,
        detail: Mapping[str, object] | None = None,
        lines: tuple[int, int] = (1, 1),
    ) -> int:
        """Tell an experiment's announcement. `lines`: added and removed."""
        number, base = len(self.state.experiments) + 1, self.state.worktrees[worktree]
        self.tell(
            ev.ThinkingStarted(worktree),
            ev.ExperimentProposed(
                number, worktree, "search", base.base, base.base_tree, tree.replace("t", "c"), tree, hypothesis, *lines,
                ("train.py",), detail or {},
            ),
        )  # fmt: skip
        return number

    def screen(self, number: int, score: float | None, ending: Ending | None = None) -> int:
        """Tell an experiment's screening run."""
        tree = self.state.experiments[number].tree
        return self.run("screen", tree, screening_seed(number), score, ending=ending, experiment=number)

    def decide(self, number: int, outcome: Outcome, score: float | None = None, z: float | None = None) -> Tale:
        """Tell an experiment's outcome."""
        gain = None if score is None else 1.1 - score
        return self.tell(ev.ExperimentDecided(number, outcome, score, gain, z, ""))

    def keep(self, worktree: str, tree: str, score: float = 0.8, z: float = 2.0) -> int:
        """Tell an experiment from its announcement to its place in the queue."""
        number = self.propose(worktree, tree)
        self.screen(number, score)
        self.decide(number, "keep", score, z)
        return number

    def rebase(self, number: int, tree: str, seeds: tuple[int, ...] = (1, 2)) -> Tale:
        """Tell that a candidate was replayed on trunk."""
        trunk = self.state.trunk
        assert trunk is not None
        return self.tell(ev.CandidateRebased(number, trunk.commit, trunk.tree, tree.replace("t", "c"), tree, seeds))

    def confirm(self, number: int, scores: Mapping[int, float]) -> Tale:
        """Tell a candidate's confirmation runs."""
        for seed, score in scores.items():
            self.run("confirm", self.state.candidates[number].tree, seed, score, experiment=number)
        return self

    def judge(self, number: int, state: CandidateState = "READY", gain: float = 0.2) -> Tale:
        """Tell a candidate's verdict."""
        candidate = self.state.candidates[number]
        verdict = Verdict(gain, 0.1, candidate.seeds, state == "READY")
        landing = f"l{number}" if state == "READY" else ""
        return self.tell(ev.CandidateJudged(number, state, verdict, landing, ""))

    def ready(self, worktree: str, tree: str, gain: float = 0.2) -> int:
        """Tell a candidate that waits for the researcher; its rebased tree is that of its experiment."""
        number = self.keep(worktree, tree)
        self.rebase(number, tree).confirm(number, {1: 0.8, 2: 0.9}).judge(number, "READY", gain)
        return number

    def merge(self, number: int) -> Tale:
        """Tell a merge from its intent to its outcome, with the whole stack."""
        leader = self.state.leader(self.state.candidates[number])
        move = (leader.trunk, leader.landing, leader.tree)
        return self.tell(
            ev.MergeIntended(leader.experiment, *move, "nonce", "you", stack=leader.stack),
            ev.TrunkMoved(*move, leader.experiment, "you", stack=leader.stack),
        )

    def stack(self, *numbers: int, seeds: tuple[int, ...] = (1, 2)) -> str:
        """Tell that candidates were replayed on trunk, one on the other; return the tree that is to be confirmed."""
        trunk = self.state.trunk
        assert trunk is not None
        commits = tuple(f"c{number}s" for number in numbers)
        tree = commits[-1].replace("c", "t")
        self.tell(ev.StackRebased(numbers, commits, trunk.commit, trunk.tree, tree, seeds))
        return tree

    def judge_stack(self, *numbers: int, passed: bool = True, gain: float = 0.4) -> Tale:
        """Tell a stack's verdict."""
        verdict = Verdict(gain, 0.1, self.state.candidates[numbers[-1]].seeds, passed)
        landings = tuple(f"l{number}" for number in numbers) if passed else ()
        return self.tell(ev.StackJudged(numbers, verdict, landings, () if passed else halves(numbers), ""))

    def plan(self, **limits: object) -> list[Action]:
        """Return what is due; unless a test says otherwise, in a lab that thinks only when nothing trains."""
        return plan(self.state, replace(Limits(proposals_ahead=0), **limits))  # type: ignore[arg-type]


def opened(count: int = 2, config: ev.LabConfigured = CONFIG) -> Tale:
    """Return a lab with trunk `c0` and as many worktrees as slots, before its calibration."""
    tale = Tale().tell(started(count), config, ev.TrunkMoved("", "c0", "t0", None, "init"))
    for index, slot in enumerate(slots(count)):
        tale.tell(ev.WorktreeCreated(f"wt{index}", slot.name, "search", "c0", "t0"))
    return tale


def calibrated(count: int = 2, config: ev.LabConfigured = CONFIG) -> Tale:
    """Return a lab whose trunk has its number: `POOL`."""
    return opened(count, config).pool("t0", POOL)


def gated(config: ev.LabConfigured = CONFIG, **changes: object) -> ev.LabConfigured:
    """Return a configuration with other settings of the gate."""
    return replace(config, gate=replace(config.gate, **changes))  # type: ignore[arg-type]


def kinds(actions: Iterable[Action]) -> list[str]:
    """Return the actions' names, in order."""
    return [type(action).__name__ for action in actions]
