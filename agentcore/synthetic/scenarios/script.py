"""How is the past of a scenario told? Event by event, into a real journal beside a real repository.

What a run scored is `study.score`, what followed from it is decided by the same pure functions as in any lab (judging,
retest), so that an engine that takes the lab goes on from here without a seam. Time is the script's own. What goes on
at the same time is written as generators that yield the seconds they take, and `play` lets them run side by side.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from agentcore import events as ev
from agentcore.brief import prompts
from agentcore.brief.scrub import Scrubber
from agentcore.brief.spending import Usage, price_of
from agentcore.brief.transcript import Kind, Transcript
from agentcore.engine.opening import configured
from agentcore.engine.walls import Containment
from agentcore.events import Event, Outcome
from agentcore.fold import apply
from agentcore.journal.rows import Journal
from agentcore.plan import home_base
from agentcore.project.seed import prompts_folder
from agentcore.queue import judging
from agentcore.retest import due as retest
from agentcore.retest import speed
from agentcore.state import LabState
from agentcore.synthetic.scenarios import study
from agentcore.synthetic.scenarios.study import FILE, Idea
from worktrees.layout import LabPaths
from worktrees.project import load
from worktrees.repository import Conflict, Repository
from worktrees.runs import Purpose
from worktrees.slots import Slot

Story = Iterator[float]
"""Something that takes time: it yields how many seconds pass until it goes on."""

RUN_S, EVAL_S, LARGE_S = 300.0, 28.0, 600.0
"""What a training takes, its evaluation, and a training of the larger size."""
THINK_S = 40.0

Ending = tuple[Outcome, str]
"""An outcome that is not measured: crash or nan, and why."""


class Script:
    """Tells one lab's past. Only `tell` changes the state, and only by an event."""

    def __init__(self, paths: LabPaths, slots: tuple[Slot, ...], begin: float, agent: str, model: str) -> None:
        self.paths = paths
        self.slots = slots
        self.now = begin
        self.state = LabState()
        self.agent, self.model = agent, model
        self.repository = Repository(paths.root)
        self._journal = Journal(paths.journal)
        self._project = load(paths.config)
        self._commits = itertools.count()
        self._begin = begin
        self._due: list[tuple[float, int, Story]] = []
        self._order = itertools.count()

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def tell(self, event: Event) -> None:
        """Append an event at this moment."""
        self.state = apply(self.state, self._journal.append(self.now, event))

    def play(self, *stories: Story) -> None:
        """Let stories run side by side until all are over; time goes on to where the last one ends."""
        going = {self._add(story) for story in stories}
        while going:
            going.discard(self._step())

    def beside(self, story: Story) -> None:
        """Let a story run beside those that are played from now on."""
        self._add(story)

    def finish(self) -> None:
        """Play what still runs beside to its end."""
        while self._due:
            self._step()

    def _add(self, story: Story) -> int:
        order = next(self._order)
        heapq.heappush(self._due, (self.now, order, story))
        return order

    def _step(self) -> int | None:
        """Let the story that is due first go on; return its number where that was its end."""
        at, order, story = heapq.heappop(self._due)
        self.now = max(self.now, at)
        wait = next(story, None)
        if wait is None:
            return order
        heapq.heappush(self._due, (self.now + wait, order, story))
        return None

    def go_to(self, then: float) -> None:
        """Let time pass until `then`, never backwards."""
        self.now = max(self.now, then)

    # The lab

    def begin(self, engine: ev.EngineStarted, assigned: ev.AgentsAssigned, walls: Containment) -> None:
        """Configure the lab, start its engine, make trunk and the worktrees."""
        name, profile = self._project.profile_for(self.slots[0].kind)
        self.tell(engine)
        self.tell(configured(self._project, len(self.slots), name, profile, {}, None, walls.backend))
        commit = self.repository.head()
        tree = self.repository.tree_of(commit)
        self.repository.create_trunk(commit)
        self.tell(ev.TrunkMoved("", commit, tree, None, "init"))
        for index, slot in enumerate(self.slots):
            name = f"wt{index}"
            self.tell(ev.WorktreeCreated(name, slot.name, assigned.agents[name], commit, tree))
        self.tell(assigned)
        texts = prompts.read(self.paths, prompts_folder())
        self.tell(prompts.version(self.paths, texts, 1, "", "init", self.now))

    def calibrate(self) -> None:
        """Run the first trunk as often as the gate asks for."""
        self.play(*(self.baseline(number) for number in range(1, self.state.gate.calibration_runs + 1)))

    def fill_pool(self) -> None:
        """Run trunk until its pool is as large as it gets."""
        assert self.state.trunk is not None
        known = list(self.state.pools.get(self.state.trunk.tree, ()))
        self.play(*(self.baseline(each) for each in judging.new_seeds(max(0, 8 - len(known)), known)))

    def baseline(self, seed: int, took: float = RUN_S + EVAL_S) -> Story:
        """Run trunk with a seed."""
        trunk = self.state.trunk
        assert trunk is not None
        slot = self.slots[(seed - 1) % max(1, len(self.slots) - 1)].name
        yield from self._run("baseline", None, trunk.commit, seed, slot, took + seed % 5)

    # Experiments

    def round(self, ideas: Mapping[str, Idea], endings: Mapping[str, Ending] | None = None) -> list[int]:
        """Let each of these worktrees work on its idea, side by side; return the numbers of the experiments."""
        first = len(self.state.experiments) + 1
        told = endings or {}
        self.play(
            *(
                self._experiment(name, idea, told.get(name), wait=6.0 * place)
                for place, (name, idea) in enumerate(ideas.items())
            )
        )
        return list(range(first, first + len(ideas)))

    def propose(self, name: str, idea: Idea, broken: tuple[str, ...] = ()) -> int:
        """Commit an idea on its worktree's base and announce it."""
        worktree = self.state.worktrees[name]
        number = len(self.state.experiments) + 1
        commit = self.commit(idea.written(self.source(worktree.base)), worktree.base, idea.words)
        self.repository.pin("experiments", number, commit)
        self.tell(
            ev.ExperimentProposed(
                number, name, worktree.agent, worktree.base, worktree.base_tree, commit,
                self.repository.tree_of(commit), idea.words, 1, 1, (FILE,), {"constant": idea.name}, broken=broken,
            )
        )  # fmt: skip
        return number

    def think(self, name: str, *, move: bool = True) -> None:
        """Ask a worktree's agent, on its home base."""
        worktree = self.state.worktrees[name]
        home = home_base(self.state, worktree)
        if move and worktree.at != home:
            self.tell(ev.WorktreeMoved(name, home, self.repository.tree_of(home)))
        self.tell(ev.ThinkingStarted(name, worktree.agent, "optimizer"))

    def spend(self, name: str, output: int = 9_000) -> None:
        """Pay for a model turn."""
        if self.model:
            usage = Usage(input=5_000, cache_read=80_000, cache_write=26_000, output=output)
            price = price_of(self.model, self._project.agents.anthropic.price)
            self.tell(ev.TokensUsed(name, self.model, usage, price.of(usage) if price else 0.0))

    def start(
        self,
        purpose: Purpose,
        experiment: int | None,
        commit: str,
        seed: int,
        slot: str,
        *,
        scale: int = 1,
        fraction: float = 1.0,
    ) -> int:
        """Start a run."""
        number = len(self.state.runs) + 1
        tree = self.repository.tree_of(commit)
        self.tell(ev.RunStarted(number, purpose, experiment, commit, tree, seed, scale, slot, fraction))
        return number

    def screen(self, number: int) -> int:
        """Start an experiment's screening run on its home slot."""
        experiment = self.state.experiments[number]
        slot = self.state.worktrees[experiment.worktree].slot
        return self.start("screen", number, experiment.commit, judging.screening_seed(number), slot)

    def end(self, run: int, ending: Ending | None = None) -> None:
        """End a run with its score, or with what came instead."""
        each = self.state.runs[run]
        took = self.now - each.started
        if ending is None:
            score = study.score(self.source(each.commit), each.seed, each.scale, each.fraction)
            self.tell(ev.RunEnded(run, "ok", score, "", took - EVAL_S, EVAL_S, took - EVAL_S, 45_060.0, walls="full"))
        else:
            word: ev.Outcome = ending[0]
            assert word in ("crash", "nan"), word
            self.tell(ev.RunEnded(run, word, None, ending[1], took, 0.0, took, 45_060.0, walls="full"))

    def decide(self, number: int) -> None:
        """Give an experiment whose run has ended its outcome."""
        decided = judging.decide(self.state, self.state.experiments[number])
        if decided.outcome == "keep":
            self.repository.pin("kept", number, self.state.experiments[number].commit)
        self.tell(decided)

    # The queue

    def rebase(self, number: int) -> None:
        """Replay a candidate on trunk; a conflict is told."""
        experiment, trunk = self.state.experiments[number], self.state.trunk
        assert trunk is not None
        try:
            commit = self.repository.rebase(experiment.commit, trunk.commit, experiment.hypothesis, self._at())
        except Conflict as conflict:
            self.tell(ev.CandidateMoved(number, "CONFLICT", f"{conflict} with trunk {trunk.commit[:7]}", "engine"))
            return
        self.repository.pin("candidates", number, commit)
        seeds = judging.confirmation_seeds(self.state)
        tree = self.repository.tree_of(commit)
        self.tell(ev.CandidateRebased(number, trunk.commit, trunk.tree, commit, tree, seeds))

    def confirm(self, number: int, seeds: int | None = None) -> None:
        """Replay a candidate and run its fresh seeds, or only so many of them; judge it once all are there."""
        self.rebase(number)
        candidate = self.state.candidates[number]
        if candidate.state != "CONFIRM":
            return
        wanted = candidate.seeds[:seeds]
        self.play(*(self._confirmation(number, seed, place) for place, seed in enumerate(wanted)))
        if seeds is None:
            self.judge(number)

    def judge(self, number: int) -> None:
        """Give a candidate its verdict, and one that is READY the commit that a merge would land."""
        candidate = self.state.candidates[number]
        standing, verdict = judging.judge(self.state, candidate)
        landing = ""
        if standing == "READY":
            message = f"{self.state.experiments[number].hypothesis}\n\nExperiment: #{number}\nTree: {candidate.tree}\n"
            landing = self.repository.land(candidate.tree, candidate.trunk, message, self._at())
            self.repository.pin("candidates", number, landing)
        self.tell(ev.CandidateJudged(number, standing, verdict, landing, ""))

    def block(self, number: int) -> None:
        """Stop a candidate that is too good to be true."""
        gain = self.state.experiments[number].gain
        assert gain is not None
        reason = judging.doubt(self.state, self.state.candidates[number], gain)
        self.tell(ev.CandidateMoved(number, "BLOCKED", reason, "engine"))

    def merge(self, number: int, by: str = "you") -> None:
        """Move trunk to a READY candidate."""
        candidate = self.state.candidates[number]
        assert candidate.state == "READY", (number, candidate.state)
        old, new = candidate.trunk, candidate.landing
        self.tell(ev.MergeIntended(number, old, new, candidate.tree, f"{number:016x}", by))
        assert self.repository.swap_trunk(old, new)
        self.tell(ev.TrunkMoved(old, new, candidate.tree, number, by))

    def confirm_and_merge(self, number: int, by: str = "you") -> None:
        """Take a kept experiment all the way into trunk."""
        self.confirm(number)
        self.now += 90.0
        self.merge(number, by)

    def retest(self) -> Story:
        """Try trunk at the larger size, from its start to its verdict; what falls short is taken out again."""
        while retest.refusal(self.state):  # the one before it goes on, or trunk is being measured
            yield 60.0
        self.tell(retest.begin(self.state, "engine"))
        while self.state.retest:
            for commit, _, seed in list(retest.large_runs(self.state)):
                yield from self._run("retest", None, commit, seed, self.slots[-1].name, LARGE_S, scale=2)
            if judged := retest.next_event(self.state, may_start=False):
                self.tell(judged)
            elif ended := retest.ending(self.state):
                if ended[0] == "PROVEN":
                    self.repository.verify(self.state.retest.steps[-1].commit)
                self.tell(ev.RetestEnded(self.state.retest.number, *ended))
                yield from self._speed()
            elif (found := retest.culprit(self.state.retest)) is not None:
                yield from self._take_out(self.state.retest.steps[found].experiments[0])
            else:
                yield 60.0  # trunk is being moved

    def _speed(self) -> Story:
        """Measure with how much less training a trunk that was proven scores as the first one."""
        while self.state.speed_test and self.state.retest is None:
            if measured := speed.next_event(self.state):
                self.tell(measured)
                return
            lacking = list(speed.runs(self.state))
            for purpose, commit, _, seed in lacking:
                part = (speed.fraction(self.state) or 1.0) if purpose == "speed" else 1.0
                run = self.start(purpose, None, commit, seed, self.slots[-1].name, scale=2, fraction=part)
                yield part * LARGE_S
                self.end(run)
            if not lacking:
                return

    def _take_out(self, number: int) -> Story:
        trunk, found = self.state.trunk, self.state.retests[-1]
        assert trunk is not None
        reason = found.judged[0].reason
        new = self.repository.revert(
            self.state.merged_as(number), trunk.commit, f"Revert #{number}\n\n{reason}\n", at=self._at()
        )
        tree = self.repository.tree_of(new)
        yield from self._run("baseline", None, new, 1, self.slots[-1].name, RUN_S + EVAL_S)
        self.tell(ev.RevertIntended(number, trunk.commit, new, tree, f"{number:016x}", "engine", reason, found.number))
        assert self.repository.swap_trunk(trunk.commit, new)
        self.tell(ev.TrunkMoved(trunk.commit, new, tree, None, "engine", reverted=number, reason=reason))

    # What lies in the folders

    def transcribe(self, name: str, steps: list[tuple[Kind, dict[str, object]]]) -> None:
        """Write what the agent of a worktree does now, a step a second, the last one at this moment."""
        at = self.now - len(steps)
        path = self.paths.transcript(name, self.state.worktrees[name].asked)
        clock = itertools.count(1)
        transcript = Transcript(path, Scrubber(), lambda: at + next(clock))
        with closing(transcript):
            for kind, fields in steps:
                transcript.write(kind, **fields)

    def log(self, run: int, text: str) -> Path:
        """Write the log of a run."""
        folder = self.paths.run(run)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.log.write_text(text, encoding="utf-8")
        return folder.log

    def source(self, commit: str) -> str:
        """Return the studied file as it is in a commit."""
        return self.repository.read(commit, FILE).decode()

    def commit(self, source: str, parent: str, message: str) -> str:
        """Write a commit that holds `source`."""
        return self.repository.write({FILE: source.encode()}, parent, message, self._at())

    # Stories

    def _experiment(self, name: str, idea: Idea, ending: Ending | None, wait: float) -> Story:
        yield wait
        self.think(name)
        yield THINK_S
        self.spend(name)
        number = self.propose(name, idea)
        yield 2.0
        run = self.screen(number)
        if ending:
            yield 75.0
            self.end(run, ending)
        else:
            yield RUN_S + EVAL_S + 2.0 * (number % 7)
            self.end(run)
        yield 0.3
        self.decide(number)

    def _confirmation(self, number: int, seed: int, place: int) -> Story:
        candidate = self.state.candidates[number]
        slot = self.slots[place % len(self.slots)].name
        for purpose, experiment, commit, tree in (
            ("confirm", number, candidate.commit, candidate.tree),
            ("baseline", None, candidate.trunk, candidate.trunk_tree),
        ):
            if seed not in self.state.pools.get(tree, {}):
                kind: Purpose = "confirm" if purpose == "confirm" else "baseline"
                yield from self._run(kind, experiment, commit, seed, slot, RUN_S + EVAL_S)

    def _run(
        self, purpose: Purpose, experiment: int | None, commit: str, seed: int, slot: str, took: float, scale: int = 1
    ) -> Story:
        run = self.start(purpose, experiment, commit, seed, slot, scale=scale)
        yield took
        self.end(run)

    def _at(self) -> int:
        """When a commit was made: each one a second after the one before, so that no two are the same."""
        return int(self._begin) + next(self._commits)
