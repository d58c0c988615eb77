"""Whatever an agent does in its turn, the lab goes on, and only what it was allowed to change becomes an experiment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.agents import NoProposal, Proposal
from agentcore.brief.text import Brief
from agentcore.project.seed import prompts_folder
from agentcore.worktree import proposing
from agentcore.worktree.workspace import Workspace
from tests.agentcore.labs import Desk, desk


class Acting:
    """An agent that does one thing to its worktree."""

    name = "acting"

    def __init__(self, act: Callable[[Path], object], hypothesis: str = "an idea") -> None:
        self._act = act
        self._hypothesis = hypothesis

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Do it."""
        self._act(workspace.folder)
        return Proposal(self._hypothesis)


def edit(root: Path) -> None:
    """Change a constant."""
    path = root / "train.py"
    path.write_text(path.read_text().replace("RATE = 0.1", "RATE = 0.2"))


def fail(error: BaseException) -> Callable[[Path], object]:
    """Return something that dies of `error`, half way through an edit."""

    def act(root: Path) -> None:
        edit(root)
        raise error

    return act


async def turn(at: Desk, agent: Acting) -> ev.Event:
    """Let the agent have its turn in wt0 once trunk has its number; return what was written down of it."""
    await at.work({})
    await proposing.propose(at.lab, agent, prompts_folder(), "wt0")
    return at.lab.state.recent[-1].event


@pytest.fixture
def silent() -> Iterator[None]:
    """Nothing is logged: a parallel test run cannot pass captured text on that is no text."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        pytest.param(lambda root: None, "the agent changed nothing", id="nothing"),
        pytest.param(fail(NoProposal("out of ideas")), "out of ideas", id="it gives up"),
        pytest.param(fail(KeyError("x")), "the agent failed: KeyError: 'x'", id="a mistake in the agent"),
        pytest.param(fail(PermissionError("no")), "PermissionError", id="the system refuses"),
        pytest.param(fail(ValueError("a\x1b[31m\udcff")), "ValueError: a", id="a message that is no text"),
    ],
)
@pytest.mark.usefixtures("silent")
async def test_a_turn_without_a_proposal_is_written_down(
    tmp_path: Path, act: Callable[[Path], object], reason: str
) -> None:
    """Its reason is told, and the worktree is free again."""
    async with desk(tmp_path / "lab") as at:
        event = await turn(at, Acting(act))
        assert isinstance(event, ev.AgentFailed)
        assert (True, None) == (reason in event.reason, at.lab.state.worktrees["wt0"].thinking)


def deface(root: Path) -> None:
    """Change the file that scores, beside an honest edit."""
    edit(root)
    (root / "evaluate.py").write_text("print(0)")


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (deface, "invalid: frozen: evaluate.py is part of the harness"),
        (lambda root: (root / "train.py").unlink(), "invalid: link: train.py is missing or not a regular file"),
        (lambda root: (root / "torch.py").write_text(""), "invalid: edit: torch.py was changed, editable: train.py"),
        (lambda root: (root / "train.py").write_bytes(b"\0" * 9), "invalid: binary: train.py is no text"),
    ],
    ids=["the harness", "the file is gone", "another file", "no text"],
)
async def test_an_edit_that_breaks_a_rule_is_invalid_and_never_run(
    tmp_path: Path, act: Callable[[Path], object], reason: str
) -> None:
    """It has a number, a commit and the rule's name; the same honest edit may be proposed again."""
    async with desk(tmp_path / "lab") as at:
        await turn(at, Acting(act))
        await at.work({})
        experiment = at.lab.state.experiments[1]
        assert ("invalid", reason, None, None) == (
            experiment.outcome,
            experiment.reason,
            experiment.run,
            at.lab.state.trees.get(experiment.tree),
        )


async def test_after_a_failed_turn_the_next_one_starts_clean(tmp_path: Path) -> None:
    """What the failed one left in the worktree is gone."""
    async with desk(tmp_path / "lab") as at:
        await turn(at, Acting(fail(KeyError("x"))))
        await at.work({"wt0": [("DEPTH = 4", "DEPTH = 3")]})
        assert ["RATE = 0.1", "DEPTH = 3"] == at.source(at.lab.state.experiments[1].commit)


async def test_a_proposal_is_committed_pinned_and_counted(tmp_path: Path) -> None:
    """The experiment's commit cannot be lost, and its size is known."""
    async with desk(tmp_path / "lab") as at:
        event = await turn(at, Acting(edit))
        assert isinstance(event, ev.ExperimentProposed)
        assert (event.commit, ("train.py",), 1, 1) == (
            at.lab.repository.resolve("refs/lab/experiments/000001"),
            event.files,
            event.added,
            event.removed,
        )


async def test_a_hypothesis_is_text(tmp_path: Path) -> None:
    """It is shown on a terminal and written as JSON."""
    async with desk(tmp_path / "lab") as at:
        event = await turn(at, Acting(edit, "wider\x1b]0;owned\x07 \ud800is better"))
        assert isinstance(event, ev.ExperimentProposed)
        assert "wider is better" == event.hypothesis
