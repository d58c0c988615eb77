"""The verbs of the queue as a person and a script use them: words, exit codes, JSON, and what a dry run says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import serve
from tests.agentcore.labs import Desk, desk
from tui.cli import main

FASTER, FLATTER = ("RATE = 0.1", "RATE = 0.3"), ("DEPTH = 4", "DEPTH = 3")


@dataclass(frozen=True)
class Said:
    """What a command ended with."""

    code: int
    out: str
    err: str


class Shell:
    """A person at a command line of this process, beside a lab whose engine is here too."""

    def __init__(self, at: Desk, screen: pytest.CaptureFixture[str]) -> None:
        self.at = at
        self._screen = screen

    async def run(self, *words: str) -> Said:
        """Run one command; it reads the journal and the socket as a process of its own would."""
        argv: Sequence[str] = [words[0], "--lab", str(self.at.lab.paths.root), *words[1:]]
        self._screen.readouterr()
        code = await asyncio.to_thread(main, argv)
        said = self._screen.readouterr()
        return Said(code, said.out, said.err)


@asynccontextmanager
async def shell(root: Path, screen: pytest.CaptureFixture[str]) -> AsyncIterator[Shell]:
    """A lab with two READY candidates whose engine answers."""
    async with desk(root) as at:
        await at.work({"wt0": [FASTER], "wt1": [FLATTER]})
        async with serve(at.lab.paths.socket, Counter(at.lab, lambda reason, now: None).handle):
            yield Shell(at, screen)


async def test_a_night_of_decisions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Verb after verb on one lab: each says what it did, in one line and with code 0."""
    async with shell(tmp_path / "lab", capsys) as at:
        landing = at.at.lab.state.candidates[1].landing[:7]
        for words, expected in (
            (("pin", "1"), f"pinned #1 at {landing}"),
            (("unpin", "#1"), "#1 is pinned no more"),
            (("hold", "1", "--because", "wait"), "#1 is HELD: nothing is done with it until nightlab unhold"),
            (("unhold", "1"), "#1 goes on: it is STALE"),
            (("verify", "2"), "#2 runs 3 more seeds: 5 in all, which pass at 1.96σ"),
            (("cancel", "1", "--because", "no", "--yes"), "#1 has left the queue for good"),
            (("mode", "gate"), "mode me → gate, until an engine is started again: then lab.toml's holds, or --merge's"),
        ):
            assert Said(0, f"{expected}\n", "") == await at.run(*words)
        trunk = at.at.trunk()[:7]
        forced = await at.run("force", "2", "--because", "now", "--yes")
        new = at.at.trunk()[:7]
        assert Said(0, f"forced #2: trunk {trunk} → {new}; it counts in no total before three seeds\n", "") == forced
        assert "1 merged (1 forced)" in (await at.run("status")).out
        assert "forced: DEPTH" in (await at.run("queue", "--all")).out
        back = await at.run("revert", "2", "--because", "worse", "--yes", "--json")
        body = json.loads(back.out)
        assert ("nightlab.revert/1", 2, new, at.at.trunk()) == (
            body["schema"], body["experiment"], body["old"][:7], body["new"],
        )  # fmt: skip
        shown = json.loads((await at.run("audit", "show", "2", "--json")).out)
        decided = [(each["event"], each["by"]) for each in shown["decisions"] if "by" in each]
        assert [("CandidateExtended", "you"), ("TrunkMoved", "you"), ("TrunkMoved", "you")] == decided
        told = at.at.told(ev.ModeChanged)
        assert [ev.ModeChanged("gate", "you", "")] == told


async def test_a_dry_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what would happen, as a line or as JSON; it asks nothing, and the journal grows by nothing."""
    async with shell(tmp_path / "lab", capsys) as at:
        seq, idea = at.at.lab.state.seq, at.at.lab.state.experiments[1].hypothesis
        lines = []
        for words in (
            ("verify", "1"), ("hold", "1"), ("cancel", "1", "--because", "no"), ("pin", "1"), ("mode", "gate"),
        ):  # fmt: skip
            done = await at.run(*words, "--dry-run")
            lines.append((done.code, done.out))
        assert [
            (0, f'would run #1 "{idea}" on three more seeds: 5 in all, which pass at 1.96σ\n'),
            (0, f'would hold #1 "{idea}": neither rebased nor confirmed nor merged\n'),
            (0, f'would take #1 "{idea}" out of the queue for good\n'),
            (0, f'would pin #1 "{idea}" at refs/lab/pinned/000001\n'),
            (0, "would change the mode from me to gate\n"),
        ] == lines
        body = json.loads((await at.run("hold", "1", "--dry-run", "--json")).out)
        assert ("nightlab.hold/1", True, 1) == (body["schema"], body["dry_run"], body["experiment"])
        merge = json.loads((await at.run("merge", "1", "--dry-run", "--json")).out)
        assert ("nightlab.merge/1", True, [1]) == (merge["schema"], merge["dry_run"], merge["experiments"])
        assert seq == at.at.lab.state.seq


async def test_refusals_and_wrong_words_have_their_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """5 refused with state and reason, also by a dry run; 2 wrong words; 9 nobody to answer a question."""
    async with shell(tmp_path / "lab", capsys) as at:
        ended = [
            await at.run(*words)
            for words in (
                ("unhold", "1"),
                ("force", "1", "--because", "now", "--dry-run"),
                ("revert", "1", "--because", "now", "--yes"),
                ("hold", "9"),
                ("mode", "me", "--dry-run"),
                ("mode", "maybe"),
                ("cancel", "1"),
                ("hold", "one"),
                ("cancel", "1", "--because", "no"),
            )
        ]
        assert [5, 5, 5, 5, 5, 2, 2, 2, 9] == [each.code for each in ended]
        assert [
            "nightlab: #1 is READY (nightlab merge 1 merges it): unhold is for HELD\n",
            "nightlab: #1 is READY (nightlab merge 1 merges it): force is for CONFIRM, NOISE, REJECTED and BLOCKED\n",
            "nightlab: #1 is READY (nightlab merge 1 merges it): revert is for MERGED, PROVEN and FADED\n",
            "nightlab: #9 is not in the queue\n",
            "nightlab: the mode is me already\n",
        ] == [each.err for each in ended[:5]]


async def test_without_an_engine_a_verb_says_how_to_start_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 7; a dry run needs none."""
    async with desk(tmp_path / "lab") as lab:
        await lab.work({"wt0": [FASTER]})
        at = Shell(lab, capsys)
        asked, dry = await at.run("hold", "1"), await at.run("hold", "1", "--dry-run")
        assert (7, True, 0) == (asked.code, "nightlab start" in asked.err, dry.code)


async def test_several_are_merged_one_after_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first lands at once; the engine goes on with the second once that is READY on the trunk that this made."""
    async with shell(tmp_path / "lab", capsys) as at:
        said = await at.run("merge", "1", "2", "--yes")
        assert (0, True) == (said.code, said.out.endswith("; #2 follows once confirmed on it\n"))
        assert ("MERGED", "STALE") == tuple(at.at.lab.state.candidates[number].state for number in (1, 2))
        assert "once READY, asked for by" in (await at.run("queue")).out
        await at.at.work({})
        assert [1, 2] == [merge.experiment for merge in at.at.lab.state.merges]
        assert at.at.lab.state.wanted is None
