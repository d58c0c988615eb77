"""A person may stop a run and pause all worktrees: the journal says who, and the lab goes on without counting it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from agentcore import events as ev
from agentcore import permits, retest, running
from agentcore.commands import Desk as Counter
from agentcore.control import Answer, Command
from agentcore.plan import StartRun
from tests.agentcore.labs import Desk, Instant, desk
from tests.agentcore.tales import Tale, calibrated
from worktrees.executor import Life
from worktrees.project import RetestSettings
from worktrees.runs import RunFolder, RunResult

FASTER, FLATTER = ("RATE = 0.1", "RATE = 0.3"), ("DEPTH = 4", "DEPTH = 3")


class Patient(Instant):
    """An executor whose runs go on until they are cancelled."""

    deaf = False
    """A shim that has just been started does not hear its first signal."""

    def submit(self, folder: RunFolder) -> None:
        """Let it run."""
        folder.status.write_text("{}")

    def look(self, folder: RunFolder) -> Life:
        """Running, until there is a result."""
        return "ended" if folder.result.exists() else "running" if folder.status.exists() else "absent"

    def cancel(self, folder: RunFolder) -> None:
        """End it, as a shim does that was told to."""
        if self.deaf:
            self.deaf = False
            return
        reason = "cancelled during train"
        result = RunResult("cancelled", None, reason, None, 1.0, 2.0, {"train": 1.0}, {}, 1.0)
        folder.result.write_bytes(msgspec.json.encode(result))


@asynccontextmanager
async def training(root: Path, *edits: tuple[str, str]) -> AsyncIterator[Desk]:
    """A calibrated lab in which wt0 (and wt1) train one edit each, for as long as nobody stops them."""
    async with desk(root / "lab") as at:
        await at.work({})
        at.lab.executor = Patient()
        await at.work({f"wt{index}": [edit] for index, edit in enumerate(edits)})
        yield at


async def ask(at: Desk, verb: str, **arguments: object) -> Answer:
    """Ask the engine's desk as ada."""
    return await Counter(at.lab, lambda reason, now: None).handle(Command(verb, "ada", arguments))


def run_in(at: Desk, worktree: str) -> int:
    """Return the run that a worktree's row shows."""
    run = permits.run_of(at.lab.state, worktree)
    assert run
    return run.number


# --- Stopping a run ---


async def test_a_killed_run_cancels_its_experiment_and_the_worktree_goes_on(tmp_path: Path) -> None:
    """Its outcome names who stopped it; no failure is counted; the agent is told and may propose again."""
    async with training(tmp_path, FASTER) as at:
        number = run_in(at, "wt0")
        answer = await ask(at, "kill", worktree="wt0", expect={"run": number})
        await at.work({})
        state = at.lab.state
        assert (0, "cancelled", "stopped by ada", 0, None) == (
            answer.code,
            state.experiments[1].outcome,
            state.experiments[1].reason,
            state.worktrees["wt0"].failures,
            permits.run_of(state, "wt0"),
        )
        (message,) = state.worktrees["wt0"].messages
        assert ("engine", True) == (message.by, "stopped by the person" in message.text)


async def test_a_shim_that_did_not_hear_is_told_again(tmp_path: Path) -> None:
    """The wish is in the journal, so that also the next engine would tell it."""
    async with training(tmp_path, FASTER) as at:
        at.lab.executor.deaf = True  # type: ignore[attr-defined]
        await ask(at, "kill", worktree="wt0")
        await running.collect(at.lab)
        await running.collect(at.lab)
        assert "cancelled" == at.lab.state.runs[4].ending


async def test_a_run_that_was_stopped_before_it_was_launched_never_starts(tmp_path: Path) -> None:
    """An engine that was killed between a run's row and its start finds both wishes."""
    async with training(tmp_path) as at:
        (trunk,) = {run.commit for run in at.lab.state.runs.values()}
        tree = at.lab.repository.tree_of(trunk)
        at.lab.record(ev.RunStarted(4, "baseline", None, trunk, tree, 9, 1, "cpu0"))
        at.lab.record(ev.RunStopped(4, "ada"))
        await running.collect(at.lab)
        assert ("cancelled", False) == (at.lab.state.runs[4].ending, at.lab.paths.run(4).path.exists())


async def test_a_killed_seed_is_run_again_and_counts_as_no_failure(tmp_path: Path) -> None:
    """A hand cannot leave out a fresh seed that it does not like."""
    async with desk(tmp_path / "lab") as at:
        await at.work({})
        trunk = at.lab.state.trunk
        assert trunk
        at.lab.executor = Patient()
        await running.start(at.lab, StartRun("confirm", None, trunk.commit, trunk.tree, 9, "cpu1"))
        answer = await ask(at, "kill", worktree="wt1")
        await running.collect(at.lab)
        assert (True, "cancelled", {}) == (
            "it is run again" in answer.message,
            at.lab.state.runs[4].ending,
            dict(at.lab.state.failed),
        )


async def test_what_changed_while_it_was_read_is_not_killed(tmp_path: Path) -> None:
    """The sheet named another run."""
    async with training(tmp_path, FASTER) as at:
        seq = at.lab.state.seq
        answer = await ask(at, "kill", worktree="wt0", expect={"run": 99})
        assert (5, True, seq) == (answer.code, "changed while you read" in answer.message, at.lab.state.seq)


@pytest.mark.parametrize(
    ("worktree", "code", "why"), [("wt1", 5, "nothing trains in wt1"), ("wt9", 2, "'wt9' is no worktree (wt0, wt1)")]
)
async def test_a_kill_that_cannot_be_says_why(tmp_path: Path, worktree: str, code: int, why: str) -> None:
    """Code 5 where nothing runs, 2 for a name that there is not."""
    async with training(tmp_path, FASTER) as at:
        answer = await ask(at, "kill", worktree=worktree)
        assert (code, True) == (answer.code, why in answer.message)


def retesting() -> Tale:
    """A lab that tries trunk at the larger size, in its only run."""
    tale = calibrated()
    config = tale.state.config
    assert config
    tale.tell(replace(config, retest=RetestSettings(budget="1", every=1)))
    tale.merge(tale.ready("wt0", "t1")).pool("t1", {1: 0.8, 2: 0.9, 3: 0.85})
    tale.tell(retest.begin(tale.state, "engine"))
    return tale


def test_a_retest_that_a_person_dropped_does_not_begin_again_by_itself() -> None:
    """Its merges are no reason for another one; a person may ask for it."""
    tale = retesting()
    tale.tell(ev.RetestEnded(1, "DROPPED", "dropped by ada", "ada"))
    assert (None, "") == (retest.next_event(tale.state, may_start=True), retest.refusal(tale.state))
    tale = retesting()
    tale.tell(ev.RetestEnded(1, "DROPPED", "the settings changed"))
    assert isinstance(retest.next_event(tale.state, may_start=True), ev.RetestStarted)


async def test_killing_a_retest_run_drops_the_retest(tmp_path: Path) -> None:
    """What was open is closed with who said so, and every run of it ends."""
    async with desk(tmp_path / "lab") as at:
        await at.work({"wt0": [FASTER]})
        trunk = at.lab.state.trunk
        assert trunk
        steps = (ev.Step((), trunk.commit, trunk.tree), ev.Step((1,), trunk.commit, trunk.tree))
        at.lab.record(ev.RetestStarted(1, steps, (1,), 2, "1", "engine"))
        at.lab.executor = Patient()
        await running.start(at.lab, StartRun("retest", None, trunk.commit, trunk.tree, 1, "cpu0"))
        answer = await ask(at, "kill", worktree="wt0")
        await running.collect(at.lab)
        ended = at.lab.state.retests[-1]
        assert (0, "DROPPED", "ada", {}) == (answer.code, ended.word, ended.ended_by, dict(at.lab.state.active))
        assert 5 == (await ask(at, "retest-stop")).code


# --- Pausing all ---


async def test_all_pause_and_go_on_with_one_event_each(tmp_path: Path) -> None:
    """Who is paused already is left as it is, with the reason that it had."""
    async with desk(tmp_path / "lab") as at:
        await ask(at, "pause", worktree="wt1", because="lunch")
        assert ["wt0"] == (await ask(at, "pause", all=True)).body["worktrees"]
        assert ["by ada", "lunch"] == [at.lab.state.worktrees[name].paused for name in ("wt0", "wt1")]
        assert 5 == (await ask(at, "pause", all=True)).code
        assert ["wt0", "wt1"] == (await ask(at, "resume", all=True)).body["worktrees"]
        assert [True, True] == [event.all for event in at.told(ev.WorktreeResumed)]  # type: ignore[union-attr]
        assert 5 == (await ask(at, "resume", all=True)).code


def test_a_paused_worktree_starts_none_of_its_prepared_experiments() -> None:
    """They wait with it; those of others run."""
    tale = calibrated()
    tale.propose("wt0", "t1")
    tale.propose("wt1", "t2")
    tale.tell(ev.WorktreePaused("wt0", "by you", "you"))
    assert ["t2"] == [action.tree for action in tale.plan() if isinstance(action, StartRun)]
