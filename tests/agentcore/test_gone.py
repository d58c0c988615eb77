"""A GPU that falls off the bus stops the worktree at home there, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from agentcore import events as ev
from agentcore.agents.roster import Roster
from agentcore.engine import launch, running, telemetry
from agentcore.engine.gone import LOOKS, PATIENCE_S, gone, missing
from agentcore.engine.opening import make_ready
from agentcore.overview import overview
from agentcore.overview.live import Live
from agentcore.plan import Limits, Propose, StartRun, plan
from agentcore.project.seed import prompts_folder
from agentcore.synthetic.scenarios import gpus
from agentcore.synthetic.scenarios.gpus import PlayedGpus
from tests import toy
from tests.agentcore import labs, tales
from tests.agentcore.labs import Desk, Instant
from tests.agentcore.tales import Tale
from worktrees.devices import Sampler, list_gpus
from worktrees.executor import Life
from worktrees.layout import LabPaths
from worktrees.runs import Ending, RunFolder
from worktrees.slots import discover

CUDA = '\n[profile.cuda]\nbudget = "1 GFLOP"\ntrain_wall_s = 20\nevaluate_wall_s = 20\n'
TWO = gpus.slots("cuda", 2)


@dataclass
class Machine:
    """A lab on two GPUs, and what NVML says of them."""

    desk: Desk
    nvml: PlayedGpus
    sampler: Sampler

    def look(self, times: int = 1) -> None:
        """Look at the GPUs, as the engine does once a second."""
        for _ in range(times):
            telemetry.watch(self.desk.lab, self.sampler.sample(self.desk.lab.slots, {}))

    def lose(self, times: int = LOOKS) -> None:
        """GPU 1 answers no more, for so many looks."""
        self.nvml.lost = "gpu1"
        self.look(times)


@asynccontextmanager
async def machine(root: Path) -> AsyncIterator[Machine]:
    """Open a lab of two GPUs that have answered once, after its calibration."""
    toy.make(root, lab=toy.LAB + CUDA)
    async with labs.desk(root, slots=TWO) as desk:
        await desk.work({})
        nvml = PlayedGpus(lambda: desk.lab.state, "")
        found = Machine(desk, nvml, Sampler(nvml))
        found.look()
        yield found


async def test_a_lost_gpu_parks_its_worktree_and_the_other_goes_on(tmp_path: Path) -> None:
    """No run is given to it and the agent at home there is not asked; the strip says so, the row is LOST."""
    async with machine(tmp_path / "lab") as lab:
        lab.lose()
        state = lab.desk.lab.state
        scene = overview(state, Live(engine_alive=True), 1000.0)
        text = "GPU 1 is gone (NVML does not answer for it): wt1 stopped at #0. nightlab doctor"
        assert {"lost gpu1": text} == dict(state.warnings)
        assert [("lost gpu1", text, "wt1")] == [(each.key, each.text, each.worktree) for each in scene.needs]
        assert ["wt1"] == [row.worktree for row in scene.rows if row.state == "LOST"]
        assert ["wt0"] == [each.worktree for each in plan(state, Limits()) if isinstance(each, Propose)]


async def test_what_was_ready_there_runs_elsewhere(tmp_path: Path) -> None:
    """An experiment of the parked worktree is not lost with its GPU."""
    async with machine(tmp_path / "lab") as lab:
        await lab.desk.propose("wt1", "RATE = 0.1", "RATE = 0.2")
        lab.lose()
        starts = [each for each in plan(lab.desk.lab.state, Limits()) if isinstance(each, StartRun)]
        assert [(1, "gpu0")] == [(each.experiment, each.slot) for each in starts]


async def test_one_look_proves_nothing(tmp_path: Path) -> None:
    """A driver that does not answer for a second stops nobody."""
    async with machine(tmp_path / "lab") as lab:
        lab.lose(times=LOOKS - 1)
        assert frozenset() == gone(lab.desk.lab.state)


async def test_a_gpu_that_answers_again_is_used_again(tmp_path: Path) -> None:
    """Nobody has to start anything."""
    async with machine(tmp_path / "lab") as lab:
        lab.lose()
        lab.nvml.lost = ""
        lab.look()
        state = lab.desk.lab.state
        asked = [each.worktree for each in plan(state, Limits()) if isinstance(each, Propose)]
        assert ({}, ["wt0", "wt1"]) == (dict(state.warnings), asked)


class Faulty(Instant):
    """An executor whose runs go on until they are cancelled, or crash."""

    life: Life = "running"
    cancelled: tuple[int, ...] = ()

    def submit(self, folder: RunFolder) -> None:
        """Begin."""

    def look(self, folder: RunFolder) -> Life:
        """Say how it is."""
        return self.life

    def cancel(self, folder: RunFolder) -> None:
        """Note it."""
        self.cancelled = (*self.cancelled, int(folder.path.name))

    def end(self, folder: RunFolder, ending: Ending) -> None:
        """End the run in that way."""
        Instant.submit(self, folder)
        result = folder.read_result()
        assert result is not None
        folder.result.write_bytes(msgspec.json.encode(replace(result, ending=ending, score=None, reason="CUDA error")))
        self.life = "ended"


async def start(lab: Machine, faulty: Faulty) -> int:
    """Let an experiment of wt1 train on GPU 1; return its run."""
    await lab.desk.propose("wt1", "RATE = 0.1", "RATE = 0.2")
    lab.desk.lab.executor = faulty
    state = lab.desk.lab.state
    await running.start(lab.desk.lab, next(each for each in plan(state, Limits()) if isinstance(each, StartRun)))
    assert ["gpu1"] == [run.slot for run in lab.desk.lab.state.active.values()]
    return len(lab.desk.lab.state.runs)


async def test_a_run_on_a_gpu_that_is_gone_is_ended(tmp_path: Path) -> None:
    """It may hang there for ever."""
    async with machine(tmp_path / "lab") as lab:
        number = await start(lab, faulty := Faulty())
        lab.lose()
        await running.collect(lab.desk.lab)
        assert (number,) == faulty.cancelled


@pytest.mark.parametrize("ending", ["crash", "cancelled", "breach"])
async def test_a_run_that_ends_with_its_gpu_is_done_again(tmp_path: Path, ending: Ending) -> None:
    """The crash comes a second before NVML says why: it waits for the next look, and is no fault of the edit."""
    async with machine(tmp_path / "lab") as lab:
        number = await start(lab, faulty := Faulty())
        faulty.end(lab.desk.lab.paths.run(number), ending)
        await running.collect(lab.desk.lab)
        waits = number in lab.desk.lab.state.active
        lab.lose(times=2)
        await running.collect(lab.desk.lab)
        run = lab.desk.lab.state.runs[number]
        assert (True, "lost", "gpu1 was gone when it ended (CUDA error): the run is done again") == (
            waits,
            run.ending,
            run.reason,
        )
        lab.look()
        starts = [each for each in plan(lab.desk.lab.state, Limits()) if isinstance(each, StartRun)]
        assert [(1, "gpu0")] == [(each.experiment, each.slot) for each in starts]


async def test_a_crash_on_a_gpu_that_answers_is_a_crash(tmp_path: Path) -> None:
    """After the next look the edit has its reason."""
    async with machine(tmp_path / "lab") as lab:
        number = await start(lab, faulty := Faulty())
        faulty.end(lab.desk.lab.paths.run(number), "crash")
        await running.collect(lab.desk.lab)
        lab.look(times=2)
        await running.collect(lab.desk.lab)
        assert "crash" == lab.desk.lab.state.runs[number].ending


async def test_a_driver_that_hangs_holds_no_result_back(tmp_path: Path) -> None:
    """NVML that never returns lets nobody look again: after a while the result counts without that."""
    async with machine(tmp_path / "lab") as lab:
        number = await start(lab, faulty := Faulty())
        faulty.end(lab.desk.lab.paths.run(number), "crash")
        await running.collect(lab.desk.lab)
        waits, now = number in lab.desk.lab.state.active, lab.desk.lab.clock()
        lab.desk.lab.clock = lambda: now + PATIENCE_S
        await running.collect(lab.desk.lab)
        assert (True, "crash") == (waits, lab.desk.lab.state.runs[number].ending)


@pytest.mark.skipif(discover()[0].kind == "cuda", reason="here a GPU answers")
async def test_an_engine_that_starts_without_any_gpu_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It does not measure everything anew on the processor because a driver is missing after a reboot."""
    async with machine(tmp_path / "lab"):
        pass
    code = await asyncio.to_thread(launch.run_engine, LabPaths(tmp_path / "lab"))
    said = "no GPU answers (NVML), and this lab has worked on gpu0, gpu1: nightlab doctor" in capsys.readouterr().err
    assert (4, True) == (code, said)


async def test_an_engine_that_starts_without_one_gpu_says_so(tmp_path: Path) -> None:
    """Whether it was gone before or fell silent in between; once it is there again nothing is said."""
    async with machine(tmp_path / "lab") as lab:
        at, said = lab.desk.lab, []
        for slots in (TWO[:1], TWO[:1], TWO):
            at.slots = slots
            roster = Roster(at.project, {}, {}, at.clock)
            await make_ready(at, roster, None, prompts_folder())
            await roster.close()
            lab.look()
            said.append(at.state.warnings.get("lost gpu1"))
        text = "GPU 1 was not there as the engine started (NVML): wt1 trains on the others. nightlab doctor, or [slots]"
        assert [f"{text} count in lab.toml", f"{text} count in lab.toml", None] == said


def test_a_gpu_that_nobody_wants_any_more_is_not_missed() -> None:
    """With as many as lab.toml counts all is there; a lab that went on to cores misses none."""
    state = Tale().tell(ev.EngineStarted(1, 1, "boot", "0.1.0", TWO)).state
    assert {"lost gpu1": ""} == missing(state, TWO[:1], count=1)
    assert {"lost gpu0": "", "lost gpu1": ""} == missing(state, tales.slots(2), count=0)


async def test_an_engine_that_starts_without_one_gpu_keeps_the_others(tmp_path: Path) -> None:
    """They keep their numbers, and the lab does not fall back to the processor."""
    async with machine(tmp_path / "lab") as lab:
        lab.nvml.lost = "gpu0"
        assert [("gpu1", 1)] == [(gpu.uuid, gpu.index) for gpu in list_gpus(lab.nvml)]
