"""Commands reach the engine over its socket, wherever the lab lies; whatever else comes is answered or dropped."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from agentcore.engine.commands import Desk
from agentcore.engine.control import LINE_LIMIT, Answer, Command, EngineUnreachable, ask, serve
from agentcore.engine.lab import Lab
from tests import toy
from worktrees import slots
from worktrees.executor import LocalExecutor
from worktrees.project import load

MERGE = Command("merge", "ada", {"experiment": 7})


async def echo(command: Command) -> Answer:
    """Answer with what was understood."""
    return Answer(0, f"{command.by}: {command.verb}", command.arguments)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the socket lies."""
    return tmp_path / "engine.sock"


@asynccontextmanager
async def raw(path: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection by hand."""
    reader, writer = await asyncio.open_unix_connection(str(path), limit=LINE_LIMIT)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def say(path: Path, line: bytes) -> Mapping[str, Any]:
    """Send one line as it is and return the answer."""
    async with raw(path) as (reader, writer):
        writer.write(line + b"\n")
        return dict(json.loads(await reader.readline()))


async def test_a_command_is_answered(path: Path) -> None:
    """Verb, arguments and who asks arrive, the answer comes back."""
    async with serve(path, echo):
        assert Answer(0, "ada: merge", {"experiment": 7}) == await ask(path, MERGE)


async def test_a_deep_folder_is_no_hindrance(tmp_path: Path) -> None:
    """A Unix address holds 108 bytes, a lab may lie deeper."""
    deep = tmp_path / ("deep" * 20) / ("down" * 20) / "engine.sock"
    deep.parent.mkdir(parents=True)
    async with serve(deep, echo):
        assert (await ask(deep, MERGE)).done


async def test_a_stale_socket_is_replaced(path: Path) -> None:
    """An engine that was killed leaves its socket behind."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serve(path, echo):
        assert (await ask(path, MERGE)).done


async def test_a_socket_that_was_removed_is_made_again(path: Path) -> None:
    """Something tidied up under a living engine: within a second or two it can be told things as before."""
    async with serve(path, echo):
        path.unlink()
        async with asyncio.timeout(10):
            while not path.is_socket():
                await asyncio.sleep(0.02)
        assert (await ask(path, MERGE)).done
    assert not path.exists()


async def test_the_socket_is_the_owners_alone(path: Path) -> None:
    """Nobody else on the machine merges."""
    async with serve(path, echo):
        assert 0o600 == path.stat().st_mode & 0o777


async def test_the_socket_goes_with_the_engine(path: Path) -> None:
    """Nothing is left to try after an orderly end."""
    async with serve(path, echo):
        pass
    assert not path.exists()


async def test_no_engine_is_said(path: Path) -> None:
    """There is no socket."""
    with pytest.raises(EngineUnreachable, match=r"engine\.sock"):
        await ask(path, MERGE)


async def test_a_dead_engine_is_said(path: Path) -> None:
    """There is a socket and nobody behind it."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(EngineUnreachable, match="does not answer"):
        await ask(path, MERGE)


async def test_an_engine_that_hangs_is_said(path: Path) -> None:
    """The caller waits as long as it said and no longer."""

    gone = asyncio.Event()

    async def hang(command: Command) -> Answer:
        await gone.wait()
        return Answer(0, "too late")

    async with serve(path, hang):
        with pytest.raises(EngineUnreachable, match="no answer in time"):
            await ask(path, MERGE, timeout_s=0.01)
        gone.set()
        await asyncio.sleep(0)


async def test_a_connection_may_ask_twice(path: Path) -> None:
    """One line, one answer, as long as the caller stays."""
    async with serve(path, echo), raw(path) as (reader, writer):
        answers = []
        for _ in range(2):
            writer.write(b'{"verb": "ping"}\n')
            answers.append(json.loads(await reader.readline())["message"])
        assert ["you: ping", "you: ping"] == answers


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"merge 7", id="no JSON"),
        pytest.param(b"\xff\x00", id="no text"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b"7", id="a number"),
        pytest.param(b"{}", id="no verb"),
        pytest.param(b'{"verb": ["merge"]}', id="a list for the verb"),
        pytest.param(b'{"verb": "stop", "arguments": null}', id="no arguments"),
        pytest.param(b"[" * 5000, id="too deep"),
    ],
)
async def test_garbage_is_answered(path: Path, line: bytes) -> None:
    """Code 2, as for a wrong command line."""
    async with serve(path, echo):
        assert 2 == (await say(path, line))["code"]


async def test_a_line_without_end_is_dropped(path: Path) -> None:
    """The engine keeps no more than the limit of it, and serves others."""
    async with serve(path, echo), raw(path) as (reader, writer):
        writer.write(b"x" * (2 * LINE_LIMIT))
        with suppress(ConnectionError):
            await reader.read()
        assert (await ask(path, MERGE)).done


async def test_a_caller_that_leaves_harms_nobody(path: Path) -> None:
    """Its half line is forgotten."""
    async with serve(path, echo):
        async with raw(path) as (_, writer):
            writer.write(b'{"verb"')
        assert (await ask(path, MERGE)).done


# --- What the engine answers ---


@asynccontextmanager
async def desk(tmp_path: Path) -> AsyncIterator[tuple[Desk, list[str]]]:
    """A desk of a lab without experiments, and the reasons with which it was told to stop."""
    paths = toy.make(tmp_path / "lab")
    paths.dot.mkdir()
    lab = Lab(paths, load(paths.config), slots.discover(1), LocalExecutor(), lambda: 1.0)
    stops: list[str] = []
    try:
        yield Desk(lab, lambda reason, now: stops.append(reason)), stops
    finally:
        lab.close()


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (
            Command("marge"),
            2,
            "unknown command 'marge'; known: merge, ",
        ),
        (Command("merge"), 2, "merge: bad argument 'experiment'"),
        (Command("merge", arguments={"experiment": "x"}), 2, "invalid literal"),
        (Command("merge", arguments={"experiment": 7, "expect": [1]}), 2, "bad argument"),
        (Command("merge", arguments={"experiment": 7, "expect": {"moon": 1}}), 2, "'moon'"),
        (Command("merge", arguments={"experiment": 7}), 5, "#7 is not in the queue"),
        (Command("merge", arguments={"experiment": 7, "expect": {"trunk": "abc"}}), 5, "changed while you read"),
        (Command("undo"), 5, "there is nothing to undo"),
        (Command("redo"), 5, "there is nothing to redo"),
        (Command("pause", arguments={"worktree": "wt9"}), 2, "'wt9'"),
        (Command("ping"), 0, "here"),
    ],
)
async def test_every_command_is_answered(tmp_path: Path, command: Command, code: int, message: str) -> None:
    """Done, refused or misunderstood: the code is the exit code of the command line, the message says why."""
    async with desk(tmp_path) as (at, _):
        answer = await at.handle(command)
        assert (code, True) == (answer.code, message in answer.message)


async def test_stop_names_who_asked(tmp_path: Path) -> None:
    """The reason goes into the journal."""
    async with desk(tmp_path) as (at, stops):
        await at.handle(Command("stop", "ada"))
        assert ["stopped by ada"] == stops
