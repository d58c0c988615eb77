"""What the researcher says reaches the agents that read, clean and bounded, each word once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentcore import events as ev
from agentcore.agents import Proposal
from agentcore.brief.scrub import LEFT_OUT, Scrubber
from agentcore.brief.text import Brief
from agentcore.engine.commands import LIMIT, MESSAGE_CHARACTERS, REFUSED, USAGE, Desk
from agentcore.engine.control import Answer, Command
from agentcore.engine.lab import Lab
from agentcore.fold.worktree import MESSAGES
from agentcore.project.seed import prompts_folder
from agentcore.worktree import proposing
from agentcore.worktree.workspace import Workspace
from tests.agentcore import labs
from tests.agentcore.tales import Tale, calibrated

SECRET = "a-secret-value-of-the-researcher"


@asynccontextmanager
async def desk(root: Path, **agents: str) -> AsyncIterator[tuple[Lab, Desk]]:
    """A lab with two worktrees whose agents these are."""
    async with labs.desk(root / "lab") as at:
        at.lab.scrubber = Scrubber([SECRET])
        at.lab.record(ev.AgentsAssigned({"wt0": "anthropic", "wt1": "anthropic", **agents}))
        yield at.lab, Desk(at.lab, lambda reason, now: None)


async def say(to: Desk, text: object, **arguments: object) -> Answer:
    """Say something."""
    return await to.handle(Command("say", "ada", {"text": text, **arguments}))


def heard(lab: Lab, worktree: str = "wt0") -> list[str]:
    """Return what a worktree's agent is told."""
    return [each.text for each in lab.state.worktrees[worktree].messages]


async def test_all_are_told(tmp_path: Path) -> None:
    """By whom, and it is answered who will read it."""
    async with desk(tmp_path) as (lab, to):
        answer = await say(to, "prefer fewer layers")
        assert (0, {"worktrees": ["wt0", "wt1"]}, ["prefer fewer layers"], ["prefer fewer layers"], "ada") == (
            answer.code,
            answer.body,
            heard(lab),
            heard(lab, "wt1"),
            lab.state.worktrees["wt0"].messages[0].by,
        )


async def test_one_is_told(tmp_path: Path) -> None:
    """The other is not."""
    async with desk(tmp_path) as (lab, to):
        await say(to, "prefer fewer layers", worktree="wt1")
        assert ([], ["prefer fewer layers"]) == (heard(lab), heard(lab, "wt1"))


async def test_the_search_agent_is_not_told(tmp_path: Path) -> None:
    """It reads no words; those that do are named."""
    async with desk(tmp_path, wt0="search") as (lab, to):
        answer = await say(to, "prefer fewer layers")
        assert ("told wt1", [], ["prefer fewer layers"]) == (
            answer.message.partition(":")[0],
            heard(lab),
            heard(lab, "wt1"),
        )


@pytest.mark.parametrize("worktree", ["wt0", None])
async def test_where_nobody_reads_it_is_refused(tmp_path: Path, worktree: str | None) -> None:
    """And it is said who works there."""
    async with desk(tmp_path, wt0="search", wt1="search") as (lab, to):
        answer = await say(to, "prefer fewer layers", worktree=worktree)
        assert (REFUSED, True, []) == (answer.code, "the search agent works in wt0" in answer.message, heard(lab))


async def test_a_command_agent_is_told(tmp_path: Path) -> None:
    """Its brief holds the words."""
    async with desk(tmp_path, wt0="command") as (lab, to):
        await say(to, "prefer fewer layers")
        assert ["prefer fewer layers"] == heard(lab)


@pytest.mark.parametrize("text", ["", "  \n\t ", "\x1b[31m\x00\u200b"])
async def test_nothing_is_not_said(tmp_path: Path, text: str) -> None:
    """Nor what nobody could see."""
    async with desk(tmp_path) as (lab, to):
        answer = await say(to, text)
        assert (USAGE, "there is nothing to say", []) == (answer.code, answer.message, heard(lab))


@pytest.mark.parametrize(
    "arguments",
    [{}, {"text": "x", "worktree": "wt9"}, {"text": "x", "worktree": 7}, {"text": "x", "worktree": ["wt0"]}],
)
async def test_a_wrong_argument_is_said(tmp_path: Path, arguments: dict[str, Any]) -> None:
    """And nobody is told anything."""
    async with desk(tmp_path) as (lab, to):
        answer = await to.handle(Command("say", "ada", arguments))
        assert (USAGE, [], []) == (answer.code, heard(lab), heard(lab, "wt1"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  two\nlines  ", "two\nlines"),
        ("red \x1b[31mwords\x1b[0m", "red words"),
        (f"use {SECRET}", f"use {LEFT_OUT}"),
        (f"use {SECRET[:9]}\x1b[0m{SECRET[9:]}", f"use {LEFT_OUT}"),
        ("half \ud800 a pair", "half  a pair"),
        ("x" * 10_000, "x" * MESSAGE_CHARACTERS),
        (7, "7"),
    ],
    ids=["lines", "escapes", "secret", "hidden secret", "surrogate", "long", "number"],
)
async def test_words_are_clean_and_bounded(tmp_path: Path, text: object, told: str) -> None:
    """They go to a model, into a journal and onto a screen."""
    async with desk(tmp_path) as (lab, to):
        await say(to, text)
        assert [told] == heard(lab)


async def test_a_secret_at_the_limit_is_left_out(tmp_path: Path) -> None:
    """It is searched for before the words are cut."""
    async with desk(tmp_path) as (lab, to):
        await say(to, "x" * (MESSAGE_CHARACTERS - 20) + SECRET)
        assert SECRET[:8] not in heard(lab)[0]


async def test_a_journal_that_is_full_is_said(tmp_path: Path) -> None:
    """The words are lost, and the caller knows."""
    async with desk(tmp_path) as (lab, to):
        lab.journal.close()
        assert LIMIT == (await say(to, "x")).code


# --- Read once ---


class Reader:
    """An agent that reads and proposes nothing new twice."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.briefs: list[str] = []
        self.turns: list[tuple[str, ...]] = []

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Read, and change a constant."""
        self.briefs.append(brief.text)
        self.turns.append(workspace.messages())
        path = workspace.folder / "train.py"
        path.write_text(path.read_text().replace("RATE = 0.1", f"RATE = 0.{len(self.briefs) + 1}"))
        return Proposal("an idea")


async def think(lab: Lab, agent: Reader) -> None:
    """Let the agent make a proposal in wt0."""
    await proposing.move(lab, "wt0", lab.state.worktrees["wt0"].base)
    await proposing.propose(lab, agent, prompts_folder(), "wt0")


async def test_new_words_are_marked_in_one_brief(tmp_path: Path) -> None:
    """In the next one they are old, and no turn brings them again."""
    async with desk(tmp_path) as (lab, to):
        agent = Reader("anthropic")
        await say(to, "prefer fewer layers")
        for _ in range(2):
            await think(lab, agent)
        assert ([True, False], [True, True], [(), ()]) == (
            ["- (new) prefer fewer layers" in each for each in agent.briefs],
            ["prefer fewer layers" in each for each in agent.briefs],
            agent.turns,
        )


async def test_a_stand_in_does_not_read_them_away(tmp_path: Path) -> None:
    """While the search agent proposes for another, the words wait."""
    async with desk(tmp_path) as (lab, to):
        await say(to, "prefer fewer layers")
        await proposing.propose(lab, Mute("search"), prompts_folder(), "wt0")
        assert 0 == lab.state.worktrees["wt0"].read


class Mute(Reader):
    """An agent that reads no words."""

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Change a constant."""
        path = workspace.folder / "train.py"
        path.write_text(path.read_text().replace("RATE = 0.1", "RATE = 0.9"))
        return Proposal("RATE 0.1 → 0.9")


# --- What is kept of them ---


def told(count: int, read: int) -> Tale:
    """Return a lab in which so much was said, and so much of it read when all was said."""
    tale = calibrated().tell(*[ev.MessageSent("wt0", str(index), "you") for index in range(count)])
    return tale.tell(*[ev.MessagesRead("wt0", 1)] * read)


def test_the_newest_words_are_kept() -> None:
    """The oldest that were read go first; how many were read follows."""
    tale = told(MESSAGES, MESSAGES).tell(*[ev.MessageSent("wt0", f"new {index}", "you") for index in range(3)])
    found = tale.state.worktrees["wt0"]
    assert (MESSAGES, "3", ["new 0", "new 1", "new 2"]) == (
        len(found.messages),
        found.messages[0].text,
        [each.text for each in found.messages[found.read :]],
    )


def test_unread_words_are_never_dropped() -> None:
    """However many: somebody meant each of them."""
    found = told(2 * MESSAGES, 0).state.worktrees["wt0"]
    assert (2 * MESSAGES, "0", 0) == (len(found.messages), found.messages[0].text, found.read)


@pytest.mark.parametrize("read", [0, 1, MESSAGES, 2 * MESSAGES])
def test_what_is_unread_stays_unread(read: int) -> None:
    """Whatever is dropped meanwhile."""
    tale = told(2 * MESSAGES, read).tell(ev.MessageSent("wt0", "last", "you"))
    found = tale.state.worktrees["wt0"]
    assert 2 * MESSAGES - read + 1 == len(found.messages) - found.read
