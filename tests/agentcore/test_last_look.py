"""The last look before and after trunk moves: what was measured, by what, which lines, and what trunk then holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pygit2
import pytest

from agentcore import events as ev
from agentcore.engine.commands import Desk as Commands
from agentcore.engine.control import Command
from agentcore.plan import Limits, Promote, plan
from agentcore.queue import promoter
from agentcore.queue.promoter import Refused
from tests.agentcore.labs import Desk, desk
from tests.agentcore.tales import ended
from tests.agentcore.test_promoter import FASTER, FLATTER, both_ready, merge, ready


async def land_instead(at: Desk, contents: Mapping[str, bytes]) -> None:
    """Let #1 be READY as the tree that its confirmation had but for these files, which its seeds ran as well."""
    candidate, repo = at.lab.state.candidates[1], pygit2.Repository(str(at.lab.paths.root))
    assert candidate.verdict is not None
    index = pygit2.Index()
    index.read_tree(repo[candidate.tree].peel(pygit2.Tree))
    for path, data in contents.items():
        index.add(pygit2.IndexEntry(path, repo.create_blob(data), pygit2.enums.FileMode.BLOB))
    tree = str(index.write_tree(repo))
    landing = at.lab.repository.land(tree, candidate.trunk, "another")
    at.lab.record(ev.CandidateRebased(1, candidate.trunk, candidate.trunk_tree, landing, tree, candidate.seeds))
    for seed in candidate.seeds:
        number = len(at.lab.state.runs) + 1
        at.lab.record(ev.RunStarted(number, "confirm", 1, landing, tree, seed, 1, "cpu0"))
        at.lab.record(ended(number, 0.8))
    at.lab.record(ev.CandidateJudged(1, "READY", candidate.verdict, landing, ""))


async def test_what_another_harness_measured_is_refused(tmp_path: Path) -> None:
    """Its scores say nothing about today's: the verdict is still there, its evidence is not."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        candidate = at.lab.state.candidates[1]
        assert candidate.verdict is not None and at.lab.state.config is not None
        at.lab.record(replace(at.lab.state.config, harness="another"))
        at.lab.record(ev.CandidateJudged(1, "READY", candidate.verdict, candidate.landing, ""))
        with pytest.raises(Refused, match=r"seeds \[1, 2\] were measured by another harness"):
            await merge(at)


async def test_an_undo_after_the_harness_changed_asks_for_new_runs(tmp_path: Path) -> None:
    """The candidate goes back to the queue, but not as READY."""
    async with desk(tmp_path / "lab") as at:
        await merge(at, await ready(at))
        assert at.lab.state.config is not None
        at.lab.record(replace(at.lab.state.config, harness="another"))
        await promoter.undo(at.lab, "you", None)
        assert {1: "STALE"} == at.states()


async def test_a_landing_commit_that_changes_other_files_is_refused(tmp_path: Path) -> None:
    """Whatever was measured: agents may edit train.py alone."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        await land_instead(at, {"evaluate.py": b"print(0)\n"})
        with pytest.raises(Refused, match=r"it changes evaluate\.py, outside of what agents may edit"):
            await merge(at)


async def test_a_landing_commit_that_changes_more_lines_is_refused(tmp_path: Path) -> None:
    """Its agent changed one line: what a wrong merge base took back or brought along shows in the numbers."""
    async with desk(tmp_path / "lab") as at:
        await ready(at)
        source = at.lab.repository.read(at.lab.state.candidates[1].commit, "train.py")
        await land_instead(at, {"train.py": source + b"\n# and this\n"})
        with pytest.raises(Refused, match=r"its change is another one: \+3 -1 lines instead of \+1 -1"):
            await merge(at)


async def test_a_change_that_trunk_holds_in_part_goes_back_to_its_agent(tmp_path: Path) -> None:
    """It would land as less than what was proposed: before a run is spent on that its agent may write it again."""
    async with desk(tmp_path / "lab") as at:
        between = "\n\n# Layers (1 to 8).\n"
        both = (f"{FASTER[0]}{between}{FLATTER[0]}", f"{FASTER[1]}{between}{FLATTER[1]}")
        await at.work({"wt0": [FASTER], "wt1": [both]})
        await merge(at, 1)
        await at.work({})
        reason = f"on trunk {at.trunk()[:7]} its change is another one: +1 -1 lines instead of +2 -2"
        assert ("CONFLICT", reason) == (at.states()[2], at.lab.state.candidates[2].reason)


async def stop_promotions(at: Desk) -> None:
    """Let trunk be found with another tree than the tested one, as a swap that went wrong would leave it."""
    await both_ready(at)
    candidate = at.lab.state.candidates[1]
    wrong = at.lab.repository.land(candidate.trunk_tree, candidate.trunk, "wrong")
    at.lab.record(ev.MergeIntended(1, candidate.trunk, wrong, candidate.tree, "nonce", "you"), durable=True)
    await promoter.recover(at.lab)


async def test_a_trunk_with_an_untested_tree_stops_promotions(tmp_path: Path) -> None:
    """It counts as moved by a hand, the candidate waits for a person, and the other one is not merged either."""
    async with desk(tmp_path / "lab") as at:
        await stop_promotions(at)
        trunk, state = at.lab.state.trunk, at.lab.state
        assert trunk is not None
        assert ("BLOCKED", "hand", at.trunk(), 0) == (at.states()[1], trunk.by, trunk.commit, len(state.merges))
        await at.work({})
        with pytest.raises(Refused, match=r"promotions have stopped: trunk .* does not hold the tree"):
            await merge(at, next(number for number, each in at.states().items() if each == "READY"))


async def test_the_gate_stands_still_while_promotions_are_stopped(tmp_path: Path) -> None:
    """It neither merges nor holds what is READY."""
    async with desk(tmp_path / "lab") as at:
        await stop_promotions(at)
        await at.work({})
        assert at.lab.state.config is not None
        gate = replace(at.lab.state.gate, mode="gate")
        at.lab.record(replace(at.lab.state.config, gate=gate))
        assert [] == [each for each in plan(at.lab.state, Limits(experiments=2)) if isinstance(each, Promote)]


async def test_a_person_who_has_looked_lets_promotions_go_on(tmp_path: Path) -> None:
    """By releasing the candidate that the warning names: it is confirmed on what trunk is now."""
    async with desk(tmp_path / "lab") as at:
        await stop_promotions(at)
        command = Command("release", "you", {"experiment": 1, "because": "read it"})
        answer = await Commands(at.lab, lambda reason, now: None).handle(command)
        assert (0, {}, "NEW") == (answer.code, dict(at.lab.state.warnings), at.states()[1])
