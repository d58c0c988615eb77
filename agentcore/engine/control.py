"""How does another process tell the engine to do something?

Over the lab's Unix socket: one JSON object a line, one answer a line. A command names what the caller saw (`expect`),
so that an action is refused when the facts changed in between. The engine answers; it never trusts.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from agentcore.engine.codes import OK, USAGE

LINE_LIMIT = 1 << 20
LOOK_S = 1.0
"""How often the engine looks whether its socket is still there."""


@dataclass(frozen=True)
class Command:
    """What is asked: the verb, its arguments, and who asks."""

    verb: str
    by: str = "you"
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came of it. `code` is the exit code that the command line would end with: 0 done, 5 refused, …"""

    code: int
    message: str
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """True where the command was carried out."""
        return self.code == OK


class EngineUnreachable(Exception):
    """No engine listens on the lab's socket."""


async def ask(socket: Path, command: Command, timeout_s: float = 10.0) -> Answer:
    """Send one command and wait for its answer. Raises EngineUnreachable where none comes."""
    try:
        async with asyncio.timeout(timeout_s):
            with _short(socket) as path:
                reader, writer = await asyncio.open_unix_connection(path, limit=LINE_LIMIT)
            try:
                writer.write(json.dumps(asdict(command)).encode() + b"\n")
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        why = "it is not running, or still starting"
        raise EngineUnreachable(f"the engine does not answer on {socket}: {why}") from error
    except (OSError, TimeoutError) as error:
        raise EngineUnreachable(
            f"the engine does not answer on {socket}: {str(error) or 'no answer in time'}"
        ) from error
    if not line:
        raise EngineUnreachable(f"the engine closed {socket} without an answer")
    return Answer(**json.loads(line))


@asynccontextmanager
async def serve(socket: Path, handle: Callable[[Command], Awaitable[Answer]]) -> AsyncIterator[None]:
    """Answer commands on `socket` with `handle` while the context is open.

    A stale socket of a dead engine is replaced: the caller holds the lab's lock, so nobody else can be listening. One
    that is removed meanwhile is made again, else nobody could stop this engine, and no other could start.
    """

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(asdict(await _reply(line, handle))).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # the caller left, or sent a line over the limit
            return
        finally:
            writer.close()

    async def listen() -> asyncio.Server:
        socket.unlink(missing_ok=True)
        with _short(socket) as path:
            server = await asyncio.start_unix_server(converse, path, limit=LINE_LIMIT)
        socket.chmod(0o600)
        return server

    servers = [await listen()]

    async def keep_open() -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if not socket.is_socket():
                with suppress(OSError):  # a full disk: the next look tries again
                    servers.append(await listen())
                    servers.pop(0).close()

    keeping = asyncio.ensure_future(keep_open())
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        for server in servers:
            server.close()
        socket.unlink(missing_ok=True)


async def _reply(line: bytes, handle: Callable[[Command], Awaitable[Answer]]) -> Answer:
    try:
        command = msgspec.json.decode(line, type=Command)
    except (ValueError, RecursionError) as error:
        return Answer(USAGE, f"not a command: {error}")
    return await handle(command)


class _short:  # noqa: N801 - reads as a phrase: with _short(path)
    """A name for `path` that fits into the 108 bytes of a Unix address, however deep the lab lies."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> str:
        self._folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)
