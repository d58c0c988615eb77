"""What doctor says of a lab's agents, without asking anybody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentcore.project.checkup import Check, agents_of, examine
from tests import toy
from tests.engines import nightlab
from tests.model_server import ModelServer
from worktrees.layout import LabPaths
from worktrees.project import Agents

LAB = toy.LAB.replace("{python}", "python3")
"""Trained by a Python of its own, so that nobody looks for torch in ours: that would take seconds."""

CODING = '\n[agents]\nbackend = "anthropic"\n\n[agents.anthropic]\nmodel = "claude-test"\n'
MIXED = CODING + '\n[agents.worktree]\nwt1 = "search"\n'


def checks(root: Path, agents: str, **environment: str) -> dict[str, Check]:
    """Examine a toy lab of two slots; its checks by topic."""
    paths = toy.make(root / "lab", lab=LAB + agents)
    return {each.topic: each for each in examine(paths, environment)}


def test_a_key_is_said_to_be_set_and_not_shown(tmp_path: Path) -> None:
    """The variable's name is enough."""
    found = checks(tmp_path, MIXED, ANTHROPIC_AUTH_TOKEN="nobody-may-read-this")
    assert Check("ok", "key", "ANTHROPIC_AUTH_TOKEN is set") == found["key"]


def test_each_worktree_has_its_agent(tmp_path: Path) -> None:
    """As lab.toml says, where there is a key."""
    found = checks(tmp_path, MIXED, ANTHROPIC_API_KEY="some key")
    assert ("anthropic in wt0; search in wt1", "claude-test, for wt0") == (found["agents"].text, found["model"].text)


def test_without_a_key_the_search_agent_works(tmp_path: Path) -> None:
    """A warning: the lab can start, but not as it was meant."""
    found = checks(tmp_path, CODING)
    assert ("warn", "search in wt0, wt1") == (found["key"].level, found["agents"].text)


def test_a_lab_without_a_coding_agent_needs_no_key(tmp_path: Path) -> None:
    """Nothing is missing."""
    found = checks(tmp_path, "")
    assert (Check("ok", "key", "none is set, and none is needed"), "ok") == (found["key"], found["model"].level)


def test_an_agent_for_a_worktree_that_there_is_not_is_named(tmp_path: Path) -> None:
    """A misspelt worktree would silently get the lab's backend."""
    found = checks(tmp_path, CODING + '\n[agents.worktree]\nwt7 = "search"\n')
    assert (
        Check("warn", "agents", "lab.toml has agents for wt7, here there is wt0 to wt1", "mend [agents.worktree]")
        == (found["agents"])
    )


@pytest.mark.parametrize("text", [None, "not toml ["])
def test_without_a_readable_lab_toml_the_defaults_hold(tmp_path: Path, text: str | None) -> None:
    """Asking the server works outside of a lab too."""
    paths = None
    if text is not None:
        (tmp_path / "lab.toml").write_text(text)
        paths = LabPaths(tmp_path)
    assert Agents() == agents_of(paths)


def test_doctor_does_not_import_the_models_sdk() -> None:
    """It takes a second that only a question to the server is worth."""
    program = "import sys, tui.commands.care, agentcore.project.online; print('anthropic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout


def test_doctor_asks_only_when_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --online the server's checks come last; without it nothing is sent."""
    paths = toy.make(tmp_path / "lab", lab=LAB + CODING)
    with ModelServer() as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "any key that is long enough")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        nightlab("doctor", "--json", lab=paths.root)
        before = len(server.requests)
        done = nightlab("doctor", "--online", "--json", lab=paths.root)
    last = [(each["level"], each["topic"]) for each in json.loads(done.stdout)["checks"][-2:]]
    assert (0, 4, [("ok", "server"), ("todo", "model")]) == (before, done.returncode, last)
