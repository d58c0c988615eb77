"""A person may stop a run and pause all worktrees: the journal says who, and the lab goes on without counting it."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from agentcore import events as ev
from agentcore.engine import running
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import Answer, Command
from agentcore.overview import queue_rows
from agentcore.plan import MoveWorktree, Promote, Rebase, StartRun
from agentcore.queue import verbs
from agentcore.retest import due as retest
from agentcore.worktree import permits, proposing
from tests.agentcore.labs import Desk, Instant, desk
from tests.agentcore.tales import Tale, calibrated, gated
from worktrees.executor import Life
from worktrees.project import RetestSettings
from worktrees.repository import RepositoryError
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


# --- Back to its base ---


def test_a_worktree_is_put_on_its_base_also_where_it_is_paused() -> None:
    """As soon as its agent does not think; an agent is asked only afterwards."""
    tale = calibrated()
    tale.tell(ev.ThinkingStarted("wt0"), ev.WorktreeRebaseAsked("wt0", True, "ada"))
    assert [] == [each for each in tale.plan() if isinstance(each, MoveWorktree)]
    tale.tell(ev.WorktreePaused("wt0", "by ada", "ada"), ev.AgentFailed("wt0", "nothing new"))
    assert MoveWorktree("wt0", "c0") in tale.plan()
    tale.tell(ev.WorktreeMoved("wt0", "c0", "t0"))
    assert [] == [each for each in tale.plan() if isinstance(each, MoveWorktree)]


async def test_what_lies_in_a_worktree_is_kept_before_it_is_put_on_its_base(tmp_path: Path) -> None:
    """Edited, new and removed files, as a commit of their own; a second time there is nothing to keep."""
    async with desk(tmp_path / "lab") as at:
        folder = at.lab.paths.worktree("wt0")
        (folder / "train.py").write_text("mine = 1\n")
        (folder / "note.txt").write_text("mine\n")
        (folder / "program.md").unlink()
        assert (await ask(at, "rebase", worktree="wt0")).done
        assert 5 == (await ask(at, "rebase", worktree="wt0")).code
        base = at.lab.state.worktrees["wt0"].base
        await proposing.move(at.lab, "wt0", base)
        (ref,) = kept(at)
        commit = at.lab.repository.resolve(ref) or ""
        assert (b"mine = 1\n", b"mine\n", base, False, "") == (
            at.lab.repository.read(commit, "train.py"),
            at.lab.repository.read(commit, "note.txt"),
            at.lab.repository.parent_of(commit),
            (folder / "note.txt").exists(),
            at.lab.state.worktrees["wt0"].rebase,
        )
        with pytest.raises(RepositoryError):
            at.lab.repository.read(commit, "program.md")
        await ask(at, "rebase", worktree="wt0")
        await proposing.move(at.lab, "wt0", base)
        assert [ref] == kept(at)


async def test_what_cannot_be_kept_is_not_dropped(tmp_path: Path) -> None:
    """The worktree stays as it is, and a warning says why."""
    async with desk(tmp_path / "lab") as at:
        pipe = at.lab.paths.worktree("wt0") / "link"
        pipe.symlink_to("/etc/passwd")
        await ask(at, "rebase", worktree="wt0")
        await proposing.move(at.lab, "wt0", at.lab.state.worktrees["wt0"].base)
        assert (True, "", True) == (
            pipe.is_symlink(),
            at.lab.state.worktrees["wt0"].rebase,
            "no regular file" in at.lab.state.warnings["rebase wt0"],
        )


async def test_what_git_cannot_keep_holds_nobody_up(tmp_path: Path) -> None:
    """A ref is in the way: the worktree stays as it is and says so, and the lab goes on with the others."""
    async with desk(tmp_path / "lab") as at:
        at.lab.repository._point("refs/lab/kept/wt0", at.trunk())
        (at.lab.paths.worktree("wt0") / "train.py").write_text("mine = 1\n")
        await ask(at, "rebase", worktree="wt0")
        await proposing.move(at.lab, "wt0", at.trunk())
        assert ("", "mine = 1\n", True) == (
            at.lab.state.worktrees["wt0"].rebase,
            (at.lab.paths.worktree("wt0") / "train.py").read_text(),
            "cannot be kept: git cannot write" in at.lab.state.warnings["rebase wt0"],
        )


def kept(at: Desk) -> list[str]:
    """Return the refs of what was kept of worktrees."""
    command = ["git", "-C", str(at.lab.paths.root), "for-each-ref", "--format=%(refname)", "refs/lab/kept/wt0"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split()


# --- The order of the queue ---


def test_a_person_orders_confirmation_and_merging() -> None:
    """What was put first goes first, whatever its gain; what nobody ordered comes after it as before."""
    tale = calibrated(config=gated(mode="gate"))
    first, second = tale.ready("wt0", "t1", gain=0.3), tale.ready("wt1", "t2", gain=0.2)
    assert Promote(first) in tale.plan()
    order = verbs.moved(tale.state, second, -1)
    tale.tell(ev.CandidateReordered(second, order, "ada"))
    assert (Promote(second), [second, first]) == (
        next(each for each in tale.plan() if isinstance(each, Promote)),
        [row.experiment for row in queue_rows(tale.state)],
    )
    assert f"#{second} is the first of those that are READY already" == verbs.move_refusal(tale.state, second, -1)


def test_what_waits_is_confirmed_in_that_order() -> None:
    """Before what seemed best at first."""
    tale = calibrated()
    numbers = [tale.keep("wt0", f"t{index}", z=5.0 - index) for index in range(3)]
    assert numbers[:2] == [each.experiment for each in tale.plan() if isinstance(each, Rebase)]
    tale.tell(ev.CandidateReordered(numbers[2], verbs.moved(tale.state, numbers[2], -9), "ada"))
    assert [numbers[2], numbers[0]] == [each.experiment for each in tale.plan() if isinstance(each, Rebase)]


async def test_the_queue_is_steered_and_taken_back(tmp_path: Path) -> None:
    """Order, another confirmation, a rebase: each is an action, undone and done again."""
    async with desk(tmp_path / "lab") as at:
        await at.work({"wt0": [FASTER], "wt1": [FLATTER]})
        answer = await ask(at, "move", experiment=2, by=-1)
        assert ("#2 is number 1 of #2, #1", 5) == (answer.message, (await ask(at, "move", experiment=2, by=-1)).code)
        await ask(at, "undo")
        assert [1, 2] == verbs.line(at.lab.state, 1)
        await ask(at, "redo")
        assert [2, 1] == verbs.line(at.lab.state, 1)
        assert "reconfirm is for" in (await ask(at, "reconfirm", experiment=1)).message
        at.lab.record(ev.CandidateMoved(1, "NOISE", "trunk moved often", "engine"))
        assert "nightlab verify adds seeds" in (await ask(at, "reconfirm", experiment=1)).message
        at.lab.record(ev.CandidateMoved(1, "CONFLICT", "conflict in train.py", "engine"))
        assert (await ask(at, "reconfirm", experiment=1)).done
        await ask(at, "undo")
        assert "CONFLICT" == at.lab.state.candidates[1].state
        await ask(at, "redo")
        assert "NEW" == at.lab.state.candidates[1].state
        await ask(at, "rebase", worktree="wt0")
        await ask(at, "undo")
        assert "" == at.lab.state.worktrees["wt0"].rebase
