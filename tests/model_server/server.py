"""Which conversation does a request belong to?

It is known by its key and the text of its first message, so that a turn sent again is the same turn. A first message
that has been heard before begins a new conversation when the old one had gone further, or was over.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from tests.model_server.checks import complaints
from tests.model_server.exchange import Conversation, Exchange
from tests.model_server.replies import reply
from tests.model_server.scenarios import SCENARIOS, error, expand
from tests.model_server.scripts import Scene, play
from tests.model_server.wire import Request, Wire, read_request

MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")
TURNS = 4
"""Turns of a good conversation, over which think_s is spread."""
KEPT = 2000
"""Requests that are remembered; the oldest are forgotten first."""


@dataclass(frozen=True)
class Recorded:
    """A request as it came, headers in lower case; `body` is parsed, and empty for a GET."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class ModelServer:
    """A scripted model in a thread of its own; a context manager. Its attributes may be read at any time."""

    def __init__(
        self,
        scenarios: Sequence[str] = ("good",),
        *,
        port: int = 0,
        think_s: float = 0.0,
        stall_s: float = 60.0,
        seed: int = 1,
    ) -> None:
        self.scenarios = expand(scenarios)
        self.think_s, self.stall_s, self.seed = think_s, stall_s, seed
        self.url = ""
        self.requests: list[Recorded] = []
        self.conversations: list[Conversation] = []
        self.served: Counter[str] = Counter()
        """New conversations, by scenario."""
        self.failures: Counter[str] = Counter()
        """Faults played, by scenario."""
        self.complaints: list[str] = []
        """What was wrong with the requests that were refused."""
        self._port = port
        self._known: dict[str, Conversation] = {}
        self._thoughts: dict[str, list[dict[str, Any]]] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._bugs: list[str] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="model server", daemon=True)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        self._ready.wait()
        if not self.url:
            raise OSError(self._bugs[0])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._bugs and value is None:
            raise AssertionError("the scripted model failed:\n" + "\n".join(self._bugs))

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await asyncio.start_server(self._connection, "127.0.0.1", self._port)
            self.url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        except OSError as failure:
            self._bugs.append(f"port {self._port}: {failure}")
            return
        finally:
            self._ready.set()
        async with server:
            await self._stop.wait()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task, wire = asyncio.current_task(), Wire(writer)
        assert task is not None, "a connection is a task"
        self._connections.add(task)
        try:
            while not wire.is_over and (request := await read_request(reader)):
                await self._answer(request, wire)
        except (ConnectionError, asyncio.CancelledError):
            return  # a client may go when it likes, and asyncio logs a cancelled connection as an error
        except Exception:  # the server's boundary: told by __exit__
            self._bugs.append(traceback.format_exc())
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, request: Request, wire: Wire) -> None:
        try:
            body = json.loads(request.body or b"{}")
        except ValueError:
            body = None
        self.requests.append(Recorded(request.method, request.path, request.headers, body or {}))
        del self.requests[:-KEPT]
        if refusal := self._refusal(request, body):
            self.complaints.append(refusal[2])
            await wire.json(refusal[0], error(refusal[1], refusal[2]))
        elif request.path == "/v1/messages":
            await self._messages(_key(request), body, wire)
        else:
            await wire.json(*self._models(request))

    def _refusal(self, request: Request, body: object) -> tuple[int, str, str] | None:
        """Return status, kind and message of what the real API would answer to a malformed request."""
        routes = ("/v1/messages",) if request.method == "POST" else ("/v1/models",)
        if not request.path.startswith(routes):
            return 404, "not_found_error", f"{request.method} {request.path}: no such endpoint"
        if not _key(request):
            return 401, "authentication_error", "x-api-key header is required"
        if "anthropic-version" not in request.headers:
            return 400, "invalid_request_error", "anthropic-version: header is required"
        if request.method == "GET":
            return None
        if not isinstance(body, dict):
            return 400, "invalid_request_error", "The request body is not valid JSON"
        message = next(complaints(body, self._thoughts), None)
        return (400, "invalid_request_error", message) if message else None

    async def _messages(self, key: str, body: dict[str, Any], wire: Wire) -> None:
        conversation = self._conversation(key, body["messages"])
        conversation.attempts[len(body["messages"])] += 1
        scenario = SCENARIOS[conversation.scenario]
        scene = Scene(_first_text(body["messages"]), conversation.number, self.seed)
        step, turn = play(scenario.script, scene, body["messages"])
        said = reply(turn, body, conversation.number, step)
        exchange = Exchange(wire, body, conversation, turn, said, self.think_s / TURNS, self.stall_s)
        thoughts = [block for block in said.blocks if block["type"] == "thinking"]
        self._thoughts |= {block["id"]: thoughts for block in said.blocks if block["type"] == "tool_use"}
        fault = scenario.fault
        if fault and step == fault.step and conversation.faults < fault.times:
            conversation.faults += 1
            conversation.is_over = fault.is_final
            self.failures[conversation.scenario] += 1
            await fault.play(exchange)
        else:
            await exchange.say()

    def _conversation(self, key: str, messages: Sequence[Mapping[str, Any]]) -> Conversation:
        digest = hashlib.sha256(f"{key}\n{_first_text(messages)}".encode()).hexdigest()
        known = self._known.get(digest)
        is_first = all(message["role"] == "user" for message in messages)
        if known and not (is_first and (known.is_over or max(known.attempts) > len(messages))):
            return known
        number = len(self.conversations)
        conversation = Conversation(number, self.scenarios[number % len(self.scenarios)])
        self.conversations.append(conversation)
        self.served[conversation.scenario] += 1
        self._known[digest] = conversation
        return conversation

    def _models(self, request: Request) -> tuple[int, dict[str, Any]]:
        if set(self.scenarios) == {"bad_key"}:
            return 401, error("authentication_error", "invalid x-api-key")
        name = request.path.removeprefix("/v1/models").strip("/")
        if not name:
            after = request.query.get("after_id")
            start = MODELS.index(after) + 1 if after in MODELS else 0
            page = MODELS[start : start + int(request.query.get("limit", 20))]
            has_more = bool(page) and page[-1] != MODELS[-1]
            first, last = (page[0], page[-1]) if page else (None, None)
            return 200, {
                "data": [_model(each) for each in page],
                "has_more": has_more,
                "first_id": first,
                "last_id": last,
            }
        return (200, _model(name)) if name in MODELS else (404, error("not_found_error", f"model: {name}"))


def _model(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "type": "model",
        "display_name": name.replace("-", " ").title(),
        "created_at": "2026-09-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
    }


def _key(request: Request) -> str:
    return request.headers.get("x-api-key") or request.headers.get("authorization", "")


def _first_text(messages: Sequence[Mapping[str, Any]]) -> str:
    content = messages[0]["content"]
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)
