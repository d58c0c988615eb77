"""`nightlab gc` lists before it removes, asks for what cannot be had again, and needs no engine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agentcore.journal.audit import verify
from tests.agentcore.test_housekeeping import litter
from tests.test_verbs_cli import shell


async def test_it_lists_then_removes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The engine removes what the list says; a second time there is nothing."""
    async with shell(tmp_path / "lab", capsys) as at:
        folder = at.at.lab.paths.run(1)
        litter(folder)
        listed = (await at.run("gc", "--dry-run")).out.splitlines()
        assert ["goes", "checkout", "1"] == next(line.split()[:3] for line in listed if "git has the commit" in line)
        assert listed[-1].startswith("would remove 1 checkout, 1 checkpoint, ")
        assert folder.checkout.exists()
        dry = json.loads((await at.run("gc", "--dry-run", "--json")).out)
        went = {each["kind"]: each["paths"] for each in dry["items"] if each["goes"]}
        assert ("nightlab.gc/1", True) == (dry["schema"], dry["dry_run"])
        assert {
            "checkout": [".lab/runs/000001/checkout"],
            "checkpoint": [".lab/runs/000001/out/shards"],
        } == went
        done = json.loads((await at.run("gc", "--json")).out)
        assert ({"checkout": 1, "checkpoint": 1}, dry["bytes"], []) == (done["removed"], done["bytes"], done["stayed"])
        assert (False, "nothing to remove\n") == (folder.checkout.exists(), (await at.run("gc")).out)


async def test_transcripts_need_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """9 where nobody answers, 2 for an age that is none; candidates' stay."""
    async with shell(tmp_path / "lab", capsys) as at:
        codes = [(await at.run("gc", "--transcripts", days)).code for days in ("30", "-1", "nan", "soon")]
        assert [9, 2, 2, 2] == codes
        for file in at.at.lab.paths.transcripts.rglob("*.jsonl"):
            os.utime(file, (at.at.lab.state.at, at.at.lab.state.at))  # by the lab's clock
        assert "nothing to remove\n" == (await at.run("gc", "--transcripts", "0", "--yes")).out
        await at.run("cancel", "1", "--because", "no", "--yes")
        assert (await at.run("gc", "--transcripts", "0", "--yes")).out.startswith("removed 1 transcript, ")
        assert "1 of them pruned (nightlab gc): only the hash is left" in (await at.run("audit", "verify")).out


async def test_without_an_engine_it_removes_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under the engine's lock, and written into the journal like everything else."""
    async with shell(tmp_path / "lab", capsys) as at:
        paths = at.at.lab.paths
        litter(paths.run(1))
        at.at.lab.close()
        paths.socket.unlink()
        assert (await at.run("gc")).out.startswith("removed 1 checkout, 1 checkpoint, ")
        assert "PRUNED" in (await at.run("events", "--lines", "1")).out
        assert ((), False) == (verify(paths).findings, paths.run(1).checkout.exists())
