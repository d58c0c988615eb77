"""Whole labs with coding agents: the real engine, the real SDK, real runs, and a provider that has a bad night."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine import launch
from agentcore.journal.rows import Reader
from agentcore.plan import Limits
from agentcore.state import LabState
from tests import toy
from tests.engines import end_lab, state_of, wait_for
from tests.model_server import ModelServer
from tui import cli
from worktrees.layout import LabPaths

AGENTS = """
[agents]
backend = "anthropic"

[agents.anthropic]
backoff_s = 0.2
stall_s = 0.5

[limits]
seconds = 60
"""
FAULTS = (
    "good", "limit", "overload", "error500", "unavailable", "stream_error", "reset", "reset_early", "half", "clean_cut",
    "stall", "ping_stall", "bad_json", "unknown_tool", "missing_argument", "wrong_edit", "outside", "crash_edit",
    "refusal", "max_tokens", "context_full", "too_long", "pause", "talker", "never_submits", "nothing", "escapes",
    "bad_request",
)  # fmt: skip
"""Every scenario that does not bar the agent for good."""


KEY = "sk-ant-" + "k" * 24
TELLING = toy.TRAIN.replace("    out = Path(", "    print(dict(os.environ))\n    out = Path(", 1)
"""A training that prints all that it was told."""


def environment(server: ModelServer | None) -> dict[str, str]:
    """Return this environment with a model's server in it, or without one."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}
    return {**bare, "ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": KEY} if server else bare


def run(paths: LabPaths, server: ModelServer | None, *words: str) -> str:
    """Run a headless lab to its end, in this process, where the SDK is imported once; return what it said."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        wanted = environment(server)
        for name in os.environ.keys() - wanted.keys():
            patch.delenv(name)
        for name, value in wanted.items():
            patch.setenv(name, value)
        code = cli.main(["run", "--lab", str(paths.root), *words])
    assert 0 == code, said.getvalue()
    return said.getvalue()


def told(paths: LabPaths, kind: type) -> list[ev.Event]:
    """Return every event of a type in the journal."""
    reader = Reader(paths.journal)
    try:
        return [entry.event for entry in reader.after(0) if isinstance(entry.event, kind)]
    finally:
        reader.close()


def undecided(state: LabState) -> list[int]:
    """Return the experiments without an outcome."""
    return [each.number for each in state.experiments.values() if each.outcome is None]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabPaths, ModelServer]]:
    """A lab of two slots after at least twelve experiments, on a server that plays every fault once, then behaves."""
    paths = toy.make(tmp_path_factory.mktemp("night") / "lab", lab=toy.LAB + AGENTS, train=TELLING)
    with ModelServer(scenarios=[*FAULTS, "good*200"], stall_s=2.0) as server:
        run(paths, server, "--experiments", "28", "--merge", "gate")
        yield paths, server


@pytest.mark.slow
def test_a_bad_night_ends_with_every_experiment_decided(night: tuple[LabPaths, ModelServer]) -> None:
    """Two slots, all faults in one run through the real SDK, and nothing is lost."""
    paths, server = night
    state = state_of(paths)
    missed = [scenario for scenario in FAULTS if not server.served[scenario]]
    assert ([], [], 28) == (undecided(state), missed, len(state.experiments))


@pytest.mark.slow
def test_in_a_bad_night_the_edits_are_the_models(night: tuple[LabPaths, ModelServer]) -> None:
    """The search agent stood in for a few proposals at most; the rest are edits of the model that applied."""
    paths, _ = night
    by = Counter(each.agent for each in state_of(paths).experiments.values())
    assert by["anthropic"] >= 12


@pytest.mark.slow
def test_in_a_bad_night_every_request_was_well_formed(night: tuple[LabPaths, ModelServer]) -> None:
    """The server checks what the real API checks."""
    assert [] == night[1].complaints


@pytest.mark.slow
def test_a_bad_night_is_accounted_for(night: tuple[LabPaths, ModelServer]) -> None:
    """The lab's sum is the worktrees' and the backends' sum, to the last token."""
    state = state_of(night[0])
    worktrees = sum((each.spent.usage.tokens for each in state.worktrees.values()), 0)
    backends = sum((each.usage.tokens for each in state.spent_by.values()), 0)
    assert state.spent.usage.tokens == worktrees == backends > 0


@pytest.mark.slow
def test_after_a_bad_night_the_key_is_nowhere_in_the_lab(night: tuple[LabPaths, ModelServer]) -> None:
    """Neither in a journal, a transcript, a log, nor in the environment of a training."""
    dot = night[0].dot
    files = [path for path in dot.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [] == [str(path.relative_to(dot)) for path in files if KEY.encode() in path.read_bytes()]


def test_without_a_key_the_lab_says_so_once_and_searches(tmp_path: Path) -> None:
    """A second engine on the same lab says nothing new."""
    paths = toy.make(tmp_path / "lab", lab=toy.LAB + AGENTS)
    first = run(paths, None, "--experiments", "2")
    second = run(paths, None, "--experiments", "3")
    assert (1, 0, {"search"}) == (
        first.count("no model key is set"),
        second.count("no model key is set"),
        {each.agent for each in state_of(paths).experiments.values()},
    )


def test_with_a_bad_key_the_lab_keeps_training(tmp_path: Path) -> None:
    """One request per agent and no retries; the search agent stands in, and a person is told."""
    paths = toy.make(tmp_path / "lab", lab=toy.LAB + AGENTS)
    with ModelServer(scenarios=["bad_key"]) as server:
        said = run(paths, server, "--experiments", "4")
    state = state_of(paths)
    assert ({"search"}, 4, []) == (
        {each.agent for each in state.experiments.values()},
        len(state.experiments),
        undecided(state),
    )
    assert ("key", True) == (state.barred["anthropic"].word, len(server.requests) <= len(state.worktrees))
    assert "401 authentication_error" in said


def test_a_killed_engine_loses_nothing_but_what_the_agent_thought(tmp_path: Path) -> None:
    """Kill -9 while a model thinks: it is asked again, no proposal is there twice, and what it cost still counts."""
    paths = toy.make(tmp_path / "lab", lab=toy.LAB + AGENTS)
    with ModelServer(scenarios=["good"], think_s=1.0) as server:
        engine = _spawn(paths, server)
        try:
            state = wait_for(paths, lambda state: any(_paid(each) for each in state.worktrees.values()), "a paid turn")
            engine.kill()
            engine.wait()
            before = state_of(paths)
            engine = _spawn(paths, server)
            state = wait_for(paths, lambda state: len(state.experiments) >= 3, "experiments after the kill")
        finally:
            end_lab(paths, engine)
    trees = [each.tree for each in state.experiments.values() if each.outcome != "duplicate"]
    numbers = sorted(state.experiments)
    assert (len(trees), list(range(1, len(numbers) + 1))) == (len(set(trees)), numbers)
    assert state.spent.usage.tokens > before.spent.usage.tokens > 0


def _paid(worktree: object) -> bool:
    thinking = getattr(worktree, "thinking", None)
    return thinking is not None and thinking.spent.turns > 0


def _spawn(paths: LabPaths, server: ModelServer) -> subprocess.Popen[bytes]:
    paths.dot.mkdir(exist_ok=True)
    with paths.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "agentcore", str(paths.root)],
            env=environment(server), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def test_launch_takes_the_key_out_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the engine starts later cannot inherit it."""
    paths = toy.make(tmp_path / "lab", lab=toy.LAB + AGENTS)
    with ModelServer(scenarios=["good"]) as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        assert 0 == launch.run_engine(paths, Limits(experiments=1))
    assert "ANTHROPIC_API_KEY" not in os.environ


def test_a_deadline_does_not_wait_for_a_provider(tmp_path: Path) -> None:
    """The provider says come back in an hour; the lab ends at its own time, in order."""
    paths = toy.make(tmp_path / "lab", lab=toy.LAB + AGENTS)
    with ModelServer(scenarios=["limit_long"]) as server:
        run(paths, server, "--until", "3s")
    state = state_of(paths)
    assert state.engine is not None
    assert ("the limits are reached and nothing is left to do", [None, None]) == (
        state.engine.reason,
        [each.thinking for each in state.worktrees.values()],
    )


def test_a_provider_that_is_down_leaves_no_slot_idle(tmp_path: Path) -> None:
    """While agents wait, trunk's pool is filled: its number and every later verdict gain by it."""
    paths = toy.make(tmp_path / "lab", lab=toy.LAB + AGENTS)
    with ModelServer(scenarios=["limit_long"]) as server:
        engine = _spawn(paths, server)
        try:
            state = wait_for(paths, lambda state: any(len(pool) == 8 for pool in state.pools.values()), "a full pool")
        finally:
            end_lab(paths, engine)
    assert state.trunk is not None
    assert [state.trunk.tree] == list(state.pools)


def test_spent_money_ends_the_lab_in_order(tmp_path: Path) -> None:
    """What was proposed is still run and judged; then the engine leaves with the reason."""
    paths = toy.make(tmp_path / "lab", lab=toy.LAB + AGENTS.replace("seconds = 60", "seconds = 60\nusd = 0.02"))
    with ModelServer(scenarios=["good"]) as server:
        run(paths, server)
    state = state_of(paths)
    assert state.engine is not None
    assert ("the limit of $0.02 is reached", []) == (state.engine.reason[:29], undecided(state))
    assert state.experiments
