"""How does a notice go to a program of the researcher's own?

It is theirs, as what they type into a shell is: it runs outside every sandbox, with their environment, in the lab's
folder. Only its time and what it prints are bounded.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from agentcore.notices import Notice, NotSent
from worktrees.text import printable

WALL_S = 30.0
OUTPUT = 2000
"""Bytes of what it prints that are kept."""
LAST_S = 0.5
"""How long its output is waited for once it has ended: what it left in the background may hold it open."""

SCHEMA = "nightlab.notice/1"


def line(notice: Notice, root: Path) -> bytes:
    """Return what the program reads: one line of JSON."""
    body = {
        "schema": SCHEMA,
        "at": datetime.fromtimestamp(notice.at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "lab": notice.lab,
        "root": str(root),
        "level": notice.level,
        "title": notice.title,
        "text": notice.text,
        "priority": notice.priority,
        "tags": [notice.tag],
        "report": notice.report or None,
    }
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


async def run(
    argv: Sequence[str], given: bytes, folder: Path, environment: Mapping[str, str], wall_s: float = WALL_S
) -> str:
    """Run the program to its end and say how it ended. Raises NotSent."""
    name = argv[0]
    ours, theirs = os.pipe()  # not asyncio's: its wait() waits for whoever holds such a pipe, also in the background
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        os.close(ours)
        raise NotSent(f"{name} cannot be started: {error}; mend [notify] command") from error
    finally:
        os.close(theirs)
    assert process.stdin, "it is a pipe"
    reading = asyncio.ensure_future(_begin(ours))
    try:
        async with asyncio.timeout(wall_s):
            await _hand(process.stdin, given)
            code = await process.wait()
    except TimeoutError:
        raise NotSent(f"{name} did not end within {wall_s:g} s and was ended") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        await asyncio.wait({reading}, timeout=LAST_S)
        reading.cancel()
    said = reading.result() if reading.done() and not reading.cancelled() else ""
    if code != 0:
        raise NotSent(f"{name} ended with code {code}{said and f': {said}'}")
    return f"{name} ended with code 0{said and f': {said}'}"


async def _hand(to: asyncio.StreamWriter, given: bytes) -> None:
    """Write to its input; a program that does not read it has its own reasons."""
    try:
        to.write(given)
        await to.drain()
        to.close()
        await to.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return


async def _begin(ours: int) -> str:
    """Return the first line of what is printed, and take all that follows, so that nobody ever waits for us to read."""
    stream, kept = asyncio.StreamReader(), b""
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(ours, "rb", buffering=0)
    )
    try:
        while part := await stream.read(65536):
            kept = (kept + part)[:OUTPUT]
    finally:
        transport.close()
    lines = printable(kept.decode("utf-8", "replace")).strip().splitlines()
    return lines[0].strip() if lines else ""
