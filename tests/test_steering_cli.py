"""Steering from a shell: words, exit codes, JSON, and what a dry run says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentcore import events as ev
from tests.test_verbs_cli import shell


async def test_worktrees_are_steered_by_name_or_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 done, 2 neither or both, 5 refused, 9 nobody to answer; a dry run changes nothing."""
    async with shell(tmp_path / "lab", capsys) as at:
        lab = at.at.lab
        dry = json.loads((await at.run("pause", "--all", "--dry-run", "--json")).out)
        assert ("nightlab.pause/1", True, ["wt0", "wt1"]) == (dry["schema"], dry["dry_run"], dry["worktrees"])
        assert ["", ""] == [each.paused for each in lab.state.worktrees.values()]
        assert "wt0 and wt1 pause after the run in progress\n" == (await at.run("pause", "--all")).out
        assert "wt1 goes on\n" == (await at.run("resume", "wt1")).out
        trunk = lab.state.trunk
        assert trunk
        number = len(lab.state.runs) + 1
        lab.record(ev.RunStarted(number, "baseline", None, trunk.commit, trunk.tree, 77, 1, "cpu0"))
        kill = json.loads((await at.run("kill", "wt0", "--dry-run", "--json")).out)
        assert ("wt0", number) == (kill["worktree"], kill["run"])
        assert "seed 77" in (await at.run("kill", "wt0")).err
        codes = [
            (await at.run(*words)).code
            for words in (
                ("kill", "wt0"), ("kill", "wt1"), ("kill", "wt9"), ("pause",), ("pause", "wt0", "--all"),
                ("pause", "wt0"), ("resume", "wt1"), ("kill", "wt0", "--yes"), ("retest", "stop"),
            )
        ]  # fmt: skip
        assert [9, 5, 2, 2, 2, 5, 5, 0, 5] == codes
        assert "you" == lab.state.runs[number].stopped


async def test_undo_lists_names_and_asks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What touches git needs --yes off a terminal; the list says what taking back comes to, or why it cannot be."""
    async with shell(tmp_path / "lab", capsys) as at:
        assert [5, 5] == [(await at.run(word)).code for word in ("undo", "redo")]
        await at.run("merge", "1", "--yes")
        await at.run("pause", "wt0")
        listed = json.loads((await at.run("undo", "--list", "--json")).out)["actions"]
        assert ["pause of wt0", True] == [listed[0]["told"], listed[1]["told"].startswith("merge of #1 (")]
        assert "would take the pause of wt0 back: wt0 goes on\n" == (await at.run("undo", "--dry-run")).out
        assert "took the pause of wt0 back: wt0 goes on\n" == (await at.run("undo")).out
        assert 9 == (await at.run("undo")).code
        assert (await at.run("undo", "--yes")).out.startswith("took the merge of #1 (")
        assert [0, 0] == [(await at.run("redo", "--yes")).code for _ in range(2)]
        assert "undone" not in (await at.run("undo", "--list")).out


async def test_away_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The limits go to the engine; what cannot be is refused before."""
    async with shell(tmp_path / "lab", capsys) as at:
        dry = await at.run("away", "--until", "2h", "--budget", "25", "--merge", "gate", "--dry-run")
        assert ", for $25.00 more, merges by the gate" in dry.out
        assert [5, 2, 5, 5] == [
            (await at.run(*words)).code
            for words in (
                ("back",),
                ("away", "--until", "soon"),
                ("away", "--budget", "-1"),
                ("away", "--budget", "nan"),
            )
        ]
        assert 0 == (await at.run("away", "--merge", "gate")).code
        assert "gate" == at.at.lab.state.gate.mode
        assert "welcome back: only you merge again\n" == (await at.run("back")).out


async def test_rebase_and_move(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`rebase` takes either, `move` says where a candidate stands then."""
    async with shell(tmp_path / "lab", capsys) as at:
        assert "would order #2, #1\n" == (await at.run("move", "2", "--by", "-1", "--dry-run")).out
        assert "#2 is number 1 of #2, #1\n" == (await at.run("move", "#2", "--by", "-1")).out
        assert [5, 5, 2, 0, 0, 5] == [
            (await at.run(*words)).code
            for words in (
                ("move", "2", "--by", "-1"), ("rebase", "#1"), ("rebase", "wt9"), ("rebase", "wt0", "--dry-run"),
                ("rebase", "wt0"), ("rebase", "wt0"),
            )
        ]  # fmt: skip


async def test_worktrees_come_and_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`new`, `retire`, and `undo`, which asks because a folder comes back."""
    async with shell(tmp_path / "lab", capsys) as at:
        assert "would make wt2, wt3\n" == (await at.run("new", "2", "--dry-run")).out
        assert "made wt2\n" == (await at.run("new")).out
        codes = [
            (await at.run(*words)).code
            for words in (
                ("new", "99"), ("retire", "wt9"), ("retire", "wt2"), ("retire", "wt2", "--dry-run"),
                ("retire", "wt2", "--yes"), ("retire", "wt2", "--yes"), ("undo",), ("undo", "--yes"),
            )
        ]  # fmt: skip
        assert [5, 2, 9, 0, 0, 5, 9, 0] == codes
        assert ["wt0", "wt1", "wt2"] == [each.name for each in at.at.lab.state.standing]
