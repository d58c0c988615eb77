"""A kept experiment that collides with trunk is written again by its agent, on today's source."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from agentcore import launch
from agentcore.agents.constants import find
from agentcore.agents.search import SearchAgent
from agentcore.brief import Brief
from agentcore.plan import Limits
from agentcore.workspace import Workspace
from tests import toy
from tests.engines import state_of


def test_the_search_agent_applies_a_conflicts_changes_to_todays_source(tmp_path: Path) -> None:
    """Its proposal is exactly those changes, says whose they are, and names the experiment that it replaces."""
    lab = toy.make(tmp_path / "lab")
    launch.run_engine(lab, Limits(experiments=1))
    first = replace(state_of(lab).experiments[1], detail={"changes": {"RATE": 0.5}, "constants": {}})
    (tmp_path / "train.py").write_text(toy.TRAIN.replace("RATE = 0.1", "RATE = 0.2"))
    brief = Brief("wt0", "", "", ("train.py",), {}, (first,), conflicts=(1,))
    workspace = cast("Workspace", SimpleNamespace(folder=tmp_path))  # all that this agent needs of one
    proposal = asyncio.run(SearchAgent(seed=1).propose(brief, workspace))
    edited = {each.name: each.value for each in find((tmp_path / "train.py").read_text())}
    assert ("RATE 0.2 → 0.5 (#1 again)", 1, 0.5) == (proposal.hypothesis, proposal.rework_of, edited["RATE"])
