"""A worktree may leave and come back: nothing that lay in it is lost, and while it is away nobody works there."""

from __future__ import annotations

import hashlib
from pathlib import Path

from agentcore import events as ev
from agentcore.agents.roster import Roster
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import Answer, Command
from agentcore.engine.opening import _add_worktrees
from agentcore.fold import apply
from agentcore.overview import Live, overview
from agentcore.plan import Propose, Record, StartRun
from agentcore.undo import undoing
from agentcore.worktree import permits, retiring
from tests.agentcore.labs import Desk, desk
from tests.agentcore.tales import calibrated


async def ask(at: Desk, verb: str, **arguments: object) -> Answer:
    """Ask the engine's desk as ada."""
    return await Counter(at.lab, lambda reason, now: None).handle(Command(verb, "ada", arguments))


def hashes(folder: Path) -> dict[str, str]:
    """Return {path: hash} of the files in a worktree, but for the link to its git."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".git")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


async def test_a_retired_worktree_comes_back_with_the_same_files(tmp_path: Path) -> None:
    """Work that is in no commit needs its name, is kept by a ref, and lies there again after undo; and so again."""
    async with desk(tmp_path / "lab") as at:
        folder = at.lab.paths.worktree("wt1")
        (folder / "train.py").write_text("mine = 1\n")
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "ignored.pyc").write_bytes(b"\0")
        before = hashes(folder)
        refused = await ask(at, "retire", worktree="wt1")
        assert (5, True) == (refused.code, "in no commit (train.py)" in refused.message)
        for verb in ("retire", "redo"):
            answer = await ask(at, verb, worktree="wt1", named=True)
            worktree = at.lab.state.worktrees["wt1"]
            assert (0, False, True) == (answer.code, folder.exists(), worktree.retired is not None), answer.message
            commit = at.lab.state.actions[-1].was[0]
            assert b"mine = 1\n" == at.lab.repository.read(commit, "train.py")
            assert at.lab.repository.resolve("refs/heads/lab/wt1")
            assert (await ask(at, "undo")).done
            assert (before, True) == (hashes(folder), bool(at.lab.state.worktrees["wt1"].paused))
        assert ("train.py",) == await retiring.loose(at.lab, "wt1")
        await ask(at, "resume", worktree="wt1")
        await at.work({"wt0": [("DEPTH = 4", "DEPTH = 3")], "wt1": [("RATE = 0.1", "RATE = 0.3")]})
        assert {"wt0", "wt1"} == {each.worktree for each in at.lab.state.experiments.values()}


async def test_what_cannot_be_committed_keeps_a_worktree_in_the_lab(tmp_path: Path) -> None:
    """With the reason, and it goes on as before."""
    async with desk(tmp_path / "lab") as at:
        (at.lab.paths.worktree("wt1") / "link").symlink_to("/etc/passwd")
        answer = await ask(at, "retire", worktree="wt1", named=True)
        assert (5, True, "") == (
            answer.code,
            "link is no regular file" in answer.message,
            at.lab.state.worktrees["wt1"].retiring,
        )


async def test_the_next_engine_does_not_make_it_again(tmp_path: Path) -> None:
    """Nor does a kill between its two events lose the folder."""
    async with desk(tmp_path / "lab") as at:
        lab = at.lab
        roster = Roster(lab.project, {}, {}, lab.clock)
        await ask(at, "retire", worktree="wt1")
        await _add_worktrees(lab, roster)
        assert (False, ["wt0"]) == (lab.paths.worktree("wt1").exists(), [each.name for each in lab.state.standing])
        lab.record(ev.WorktreeRetiring("wt0", "wt0-cut", "ada"))
        lab.repository.forget_worktree(lab.paths.worktree("wt0"), lab.paths.trash / "wt0-cut")
        retiring.recover(lab)
        assert lab.state.worktrees["wt0"].retired is not None
        await retiring.restore(lab, "wt0", "ada")
        lab.record(ev.WorktreeRetiring("wt0", "wt0-cut", "ada"))
        retiring.recover(lab)
        assert "" == lab.state.worktrees["wt0"].retiring


def test_a_retired_worktree_gets_no_work_and_stands_in_no_list() -> None:
    """What it had prepared is cancelled, what it runs counts, and its name is told with the way back."""
    tale = calibrated()
    running, waiting = tale.propose("wt0", "t1"), tale.propose("wt0", "t2")
    tale.tell(ev.RunStarted(4, "screen", running, "c1", "t1", 9, 1, "cpu0"))
    tale.tell(ev.WorktreeRetiring("wt0", "wt0-1", "ada"), ev.WorktreeRetired("wt0", "wt0-1", "", "ada"))
    actions = tale.plan(proposals_ahead=2)
    assert [(waiting, "cancelled")] == [
        (each.event.experiment, each.event.outcome)
        for each in actions
        if isinstance(each, Record)  # type: ignore[union-attr]
    ]
    assert ([Propose("wt1")], []) == (
        [each for each in actions if isinstance(each, Propose)],
        [each for each in actions if isinstance(each, StartRun) and each.experiment == waiting],
    )
    assert ["wt1"] == [row.worktree for row in overview(tale.state, Live(), 200.0).rows]
    assert "undo --list tells how to bring it back" in permits.pause_refusal(tale.state, "pause", "wt0")
    assert ["wt1"] == permits.affected(tale.state, "pause")


def test_after_fourteen_days_it_cannot_be_undone() -> None:
    """The reason says so."""
    tale = calibrated()
    tale.tell(ev.WorktreeRetiring("wt0", "wt0-1", "ada"), ev.WorktreeRetired("wt0", "wt0-1", "", "ada"))
    (action,) = tale.state.actions
    late = ev.Entry(tale.state.seq + 1, tale.state.at + 15 * 86400, ev.WarningRaised("disk", "full"))
    assert ("", "it was retired more than 14 days ago") == (
        undoing.undo_refusal(tale.state, action),
        undoing.undo_refusal(apply(tale.state, late), action),
    )


async def test_more_worktrees_than_slots_take_turns(tmp_path: Path) -> None:
    """They stand on trunk, with a direction of their own; the next engine finds them, and no run is on two rows."""
    async with desk(tmp_path / "lab") as at:
        lab = at.lab
        answer = await ask(at, "new", count=2, direction="only remove code")
        assert (0, ["wt2", "wt3"]) == (answer.code, answer.body["worktrees"])
        assert ["cpu0", "cpu1"] == [lab.state.worktrees[name].slot for name in ("wt2", "wt3")]
        assert "only remove code\n" == (lab.paths.directions / "wt3.md").read_text()
        await _add_worktrees(lab, Roster(lab.project, {}, {}, lab.clock))
        assert 4 == len(lab.state.standing)
        await at.work({f"wt{index}": [("RATE = 0.1", f"RATE = 0.{index + 3}")] for index in range(3)})
        assert "wt2" in {each.worktree for each in lab.state.experiments.values()}
        lab.record(ev.RunStarted(99, "baseline", None, "c", "t", 9, 1, "cpu0"))
        shown = [row.run for row in overview(lab.state, Live(), 200.0).rows]
        assert [99, None, None, None] == shown
        assert 5 == (await ask(at, "new", count=99)).code
