"""What of a run's folder outlives the run?"""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.engine import running
from agentcore.journal.rows import JournalError
from agentcore.plan import StartRun
from tests.agentcore.labs import Desk, Instant, desk
from worktrees.executor import Life
from worktrees.runs import RunFolder


class Vanishing(Instant):
    """An executor whose shims are gone without a result."""

    def look(self, folder: RunFolder) -> Life:
        """Every run was started, and none ends."""
        return "lost"


async def begun(open_desk: Desk) -> RunFolder:
    """Start a run of trunk, and return its folder."""
    trunk = open_desk.lab.state.trunk
    assert trunk is not None
    await running.start(open_desk.lab, StartRun("baseline", None, trunk.commit, trunk.tree, 1, "cpu0"))
    return open_desk.lab.paths.run(1)


async def test_a_checkout_is_gone_before_the_end_of_its_run_is_told(tmp_path: Path) -> None:
    """So an engine that is killed between the two leaves none; the next one tells the end."""
    async with desk(tmp_path / "lab") as first:
        folder = await begun(first)
        first.lab.journal.close()
        with pytest.raises(JournalError):
            await running.collect(first.lab)
        is_gone = not folder.checkout.exists()
    async with desk(tmp_path / "lab") as second:
        await running.collect(second.lab)
        assert (True, "ok") == (is_gone, second.lab.state.runs[1].ending)


async def test_a_lost_run_leaves_no_checkout(tmp_path: Path) -> None:
    """It is done again under another number, with a checkout of its own."""
    async with desk(tmp_path / "lab") as open_desk:
        open_desk.lab.executor = Vanishing()
        folder = await begun(open_desk)
        await running.collect(open_desk.lab)
        assert ("lost", False) == (open_desk.lab.state.runs[1].ending, folder.checkout.exists())
