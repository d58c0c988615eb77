"""What `nightlab retest` and `nightlab status` say of retests and of the speed-up, in words and as JSON."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore.engine.control import serve
from tests.agentcore.test_retest import merged
from tests.agentcore.test_speed import lab
from tests.tui.driving import FakeEngine
from tests.tui.labs import small_lab
from tui.cli import main
from worktrees.project import RetestSettings


async def said(root: Path, screen: pytest.CaptureFixture[str], *words: str) -> str:
    """Run one command that only looks; return what it printed."""
    screen.readouterr()
    assert 0 == await asyncio.to_thread(main, [*words, "--lab", str(root)])
    return screen.readouterr().out


async def test_the_speed_up_is_told_at_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In `status` and `retest list`, for people and as JSON, always the same number."""
    root = tmp_path / "lab"
    async with lab(root) as at:
        empty = await said(root, capsys, "retest", "list")
        await merged(at, 1)
        status, table = await said(root, capsys, "status"), await said(root, capsys, "retest", "list")
        speed = json.loads(await said(root, capsys, "status", "--json"))["speed"]
        listed = json.loads(await said(root, capsys, "retest", "list", "--json"))
        trunk = at.trunk()
    assert empty.startswith("No retest yet")
    assert f"speed-up of {trunk[:7]}: 22% faster than the baseline at 2 times the size (" in status
    cells = table.splitlines()[1].split()
    assert ["1", "PROVEN", speed["baseline"][:7], trunk[:7], "#1", "+.2000", "+.2000"] == cells[:7]
    assert "+22%" == cells[8]
    (row,) = listed["retests"]
    assert ("nightlab.retests/1", "FASTER", speed["percent"]) == (listed["schema"], row["speed"], row["faster_percent"])
    assert speed["interval"][0] < 22.14 < speed["interval"][1]
    assert {"gain", "z", "interval"} == set(row["small"]) == set(row["large"])


async def test_a_dry_run_begins_no_retest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what would be compared and at what cost, and asks the engine for nothing."""
    lab, engine = small_lab(tmp_path), FakeEngine()
    settings = RetestSettings(budget="4800 GFLOP")
    assert lab.state.config is not None
    lab.tell(replace(lab.state.config, retest=settings))
    lab.merge(lab.make_ready("wt1", "WARMUP 0.05 to 0.02"))
    async with serve(lab.paths.socket, engine):
        line = await said(lab.paths.root, capsys, "retest", "--dry-run")
        body = json.loads(await said(lab.paths.root, capsys, "retest", "--dry-run", "--json"))
    old, new = (step.commit for step in lab.state.line[-2:])
    size = f"at {settings.scale} times the size: {2 * settings.seeds} runs at most, 4800 GFLOP each"
    assert f"would try trunk {new[:7]} against {old[:7]} {size}\n" == line
    assert ("nightlab.retest/1", True, old, new) == tuple(body[name] for name in ("schema", "dry_run", "base", "trunk"))
    assert [] == engine.commands
