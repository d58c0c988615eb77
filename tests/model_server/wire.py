"""How are requests read and answers written? HTTP/1.1 with keep-alive, and every way in which a connection can end."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What a client asked. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read the next request of a connection, or None when the client has gone."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    method, target, _ = first.split(" ")
    url = urlsplit(target)
    return Request(method, url.path, dict(parse_qsl(url.query)), headers, body)


class Wire:
    """The answering side of one connection. Raises ConnectionError when the client has gone."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.is_over = False
        """Whether the connection is of no more use."""

    async def json(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a JSON body."""
        await self.answer(status, json.dumps(body, ensure_ascii=False).encode(), "application/json", headers)

    async def answer(
        self, status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with any body."""
        head = {"content-type": content_type, "content-length": str(len(body)), **(headers or {})}
        await self._write(self._head(status, head) + body)

    async def half_answer(self, body: object) -> None:
        """Promise a JSON body and send one half of it: the connection can only be closed then."""
        self.is_over = True
        text = json.dumps(body, ensure_ascii=False).encode()
        head = {"content-type": "application/json", "content-length": str(len(text))}
        await self._write(self._head(200, head) + text[: len(text) // 2])

    async def begin(self) -> None:
        """Begin a stream of events."""
        head = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}
        await self._write(self._head(200, head | {"cache-control": "no-cache"}))

    async def event(self, event: Mapping[str, Any]) -> None:
        """Send one event, named by its type, in a chunk of its own."""
        text = f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
        await self._write(b"%x\r\n%s\r\n" % (len(text), text))

    async def end(self) -> None:
        """End a stream as it should end."""
        await self._write(b"0\r\n\r\n")

    async def cut(self) -> None:
        """Close in the middle of what was promised (FIN)."""
        self.is_over = True
        await self._write(b"400\r\nevent: content_block_delta\n")
        self._writer.close()

    def reset(self) -> None:
        """Reset the connection (RST): closing with a linger of zero seconds."""
        self.is_over = True
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def _head(self, status: int, headers: Mapping[str, str]) -> bytes:
        reason = http.client.responses.get(status, "Overloaded")
        lines = [f"HTTP/1.1 {status} {reason}", "request-id: req_scripted"]
        return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
