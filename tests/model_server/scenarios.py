"""What can go wrong, and under which name? A scenario is a script and at most one fault on its way."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.model_server import scripts
from tests.model_server.checks import PAUSED
from tests.model_server.exchange import Exchange
from tests.model_server.scripts import EDIT, Call, Scene, Script, Turn

SETTLE_S = 0.02
"""Before a reset, so that what was sent has been read: a reset throws away what lies unread at the other end."""
DELTA_S = 0.001
"""Between two deltas of a stream without an end."""

ALWAYS = math.inf


Play = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """What happens instead of the script's turn `step`, so many times in a conversation."""

    play: Play
    times: float = 1
    step: int = 1
    is_final: bool = False
    """Whether the conversation is over with it."""


@dataclass(frozen=True)
class Scenario:
    """What one conversation is like."""

    says: str
    script: Callable[[Scene], Script] = scripts.good
    fault: Fault | None = None


def final(play: Play) -> Fault:
    """Return the fault that ends its conversation at the first turn, whenever it is asked."""
    return Fault(play, ALWAYS, 0, is_final=True)


def status(code: int, kind: str, message: str, **headers: str) -> Play:
    """Return the fault that answers with an error of the API."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def play(exchange: Exchange) -> None:
        await exchange.wire.json(code, error(kind, message), named)

    return play


def error(kind: str, message: str) -> dict[str, Any]:
    """Return the body of an error."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"}


def aside(turn: Callable[[Turn], Turn]) -> Play:
    """Return the fault that says something else than the script's turn."""

    async def play(exchange: Exchange) -> None:
        await exchange.say_aside(turn(exchange.turn))

    return play


async def unavailable(exchange: Exchange) -> None:
    """Answer like a proxy that has lost its server."""
    await exchange.wire.answer(503, b"<html><body><h1>503 Service Unavailable</h1></body></html>", "text/html")


async def stream_error(exchange: Exchange) -> None:
    """Send an error as an event."""
    await exchange.say_half()
    await exchange.wire.event(error("overloaded_error", "Overloaded"))
    await exchange.wire.end()


async def reset(exchange: Exchange) -> None:
    """Reset in mid-stream."""
    await exchange.say_half()
    await asyncio.sleep(SETTLE_S)
    exchange.wire.reset()


async def reset_early(exchange: Exchange) -> None:
    """Reset before any header."""
    exchange.wire.reset()


async def half(exchange: Exchange) -> None:
    """Close in the middle of a chunk."""
    await exchange.say_half()
    await exchange.wire.cut()


async def clean_cut(exchange: Exchange) -> None:
    """End in mid-stream as if all had been said."""
    await exchange.say_half()
    await exchange.wire.end()


async def stall(exchange: Exchange) -> None:
    """Fall silent."""
    await exchange.stall(pings=False)


async def ping_stall(exchange: Exchange) -> None:
    """Fall silent but for pings."""
    await exchange.stall(pings=True)


async def endless(exchange: Exchange) -> None:
    """Talk until the client closes, or one delta for each of max_tokens is sent."""
    await exchange.wire.begin()
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_endless", "type": "message", "role": "assistant", "model": exchange.request["model"]}
    empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    await exchange.wire.event({"type": "message_start", "message": message | empty})
    await exchange.wire.event(start)
    for _ in range(exchange.request["max_tokens"]):
        delta = {"type": "text_delta", "text": "and then "}
        await exchange.wire.event({"type": "content_block_delta", "index": 0, "delta": delta})
        await asyncio.sleep(DELTA_S)
    await exchange.wire.event({"type": "content_block_stop", "index": 0})
    end = {"stop_reason": "max_tokens", "stop_sequence": None}
    counted = {"output_tokens": exchange.request["max_tokens"]}
    await exchange.wire.event({"type": "message_delta", "delta": end, "usage": counted})
    await exchange.wire.event({"type": "message_stop"})
    await exchange.wire.end()


def _bad_json(turn: Turn) -> Turn:
    return Turn("Like this.", (Call(EDIT, '{"command": "str_replace", "path": train.py, "old_str": ...}'),))


def _cut_call(turn: Turn) -> Turn:
    return Turn(
        turn.text, (Call(EDIT, '{"command": "str_replace", "path": "train.py", "old_str": "# Pea'),), None, "max_tokens"
    )


def _wrong_edit(scene: Scene) -> Call:
    words = {"old_str": "NO_SUCH_CONSTANT = 1\n", "new_str": "NO_SUCH_CONSTANT = 2\n"}
    return Call(EDIT, {"command": "str_replace", "path": scene.path, **words})


def _missing_argument(scene: Scene) -> Call:
    return Call(EDIT, {"command": "str_replace", "path": scene.path, "new_str": "RATE = 0.2\n"})


def _unknown_tool(scene: Scene) -> Call:
    return Call("web_search_wild", {"query": "better optimizers"})


_LIMIT = ("rate_limit_error", "This request would exceed your organization's rate limit of 50 requests per minute.")
_OVERLOAD = status(529, "overloaded_error", "Overloaded")
_ERROR_500 = status(500, "api_error", "Internal server error")
_BAD_KEY = status(401, "authentication_error", "invalid x-api-key")
_NO_CREDIT = status(402, "billing_error", "Your credit balance is too low to access the Anthropic API.")
_NO_CREDIT_400 = status(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.")
_NO_MODEL = status(404, "not_found_error", "model: no such model")
_BAD_REQUEST = status(400, "invalid_request_error", "tools.0.custom.input_schema: JSON schema is invalid")
_TOO_LONG = status(400, "invalid_request_error", "prompt is too long: 1000417 tokens > 1000000 maximum")
_REFUSAL = aside(lambda turn: Turn("I will not ", stop_reason="refusal"))
_CONTEXT = aside(lambda turn: Turn("I was about to say th", stop_reason="model_context_window_exceeded"))
_PAUSE = aside(lambda turn: Turn(PAUSED, stop_reason="pause_turn"))

SCENARIOS: Mapping[str, Scenario] = {
    "good": Scenario("views, edits one constant, checks, submits"),
    "limit": Scenario("429 with retry-after: 1, once", fault=Fault(status(429, *_LIMIT, retry_after="1"), 1, 0)),
    "limit_long": Scenario(
        "429 with retry-after: 3600, always", fault=Fault(status(429, *_LIMIT, retry_after="3600"), ALWAYS, 0)
    ),
    "overload": Scenario("529, three times", fault=Fault(_OVERLOAD, 3, 0)),
    "error500": Scenario("500, twice", fault=Fault(_ERROR_500, 2, 0)),
    "unavailable": Scenario("503 with an HTML body, once", fault=Fault(unavailable, 1, 0)),
    "stream_error": Scenario("an overloaded_error event in mid-stream, once", fault=Fault(stream_error)),
    "reset": Scenario("connection reset in mid-stream, once", fault=Fault(reset)),
    "reset_early": Scenario("connection reset before any header, once", fault=Fault(reset_early)),
    "half": Scenario("connection closed in the middle of a chunk, once", fault=Fault(half)),
    "clean_cut": Scenario("the stream ends well but in the middle, once", fault=Fault(clean_cut)),
    "stall": Scenario("silence for stall_s after message_start, once", fault=Fault(stall)),
    "ping_stall": Scenario("only pings for stall_s after message_start, once", fault=Fault(ping_stall)),
    "bad_json": Scenario("tool arguments that are no JSON, once", fault=Fault(aside(_bad_json))),
    "max_tokens": Scenario("a tool call cut by max_tokens, once", fault=Fault(aside(_cut_call))),
    "pause": Scenario("stop_reason pause_turn, once", fault=Fault(_PAUSE)),
    "context_full": Scenario("stop_reason model_context_window_exceeded, once", fault=Fault(_CONTEXT, 1, 2)),
    "too_long": Scenario("400 prompt is too long, once", fault=Fault(_TOO_LONG, 1, 2)),
    "refusal": Scenario("stop_reason refusal, always", fault=Fault(_REFUSAL, ALWAYS)),
    "unknown_tool": Scenario("calls a tool that does not exist, then behaves", scripts.instead(_unknown_tool)),
    "missing_argument": Scenario("str_replace without old_str, then behaves", scripts.instead(_missing_argument)),
    "wrong_edit": Scenario("an old_str that does not occur, then behaves", scripts.instead(_wrong_edit)),
    "outside": Scenario("writes outside of its files with both tools, then behaves", scripts.outside),
    "crash_edit": Scenario("submits an edit that crashes, fixes it when told", scripts.crash_edit),
    "escapes": Scenario("control characters and markup in its hypothesis", scripts.escapes),
    "talker": Scenario("only talks", scripts.talker),
    "endless": Scenario("text without an end", fault=final(endless)),
    "never_submits": Scenario("looks around for ever", scripts.never_submits),
    "nothing": Scenario("submits without an edit", scripts.nothing),
    "same": Scenario("always makes the very same edit", scripts.same),
    "bad_key": Scenario("401, always", fault=final(_BAD_KEY)),
    "no_credit": Scenario("402 billing_error, always", fault=final(_NO_CREDIT)),
    "no_credit_400": Scenario("400 that speaks of the credit balance, always", fault=final(_NO_CREDIT_400)),
    "no_model": Scenario("404, always", fault=final(_NO_MODEL)),
    "bad_request": Scenario("400, always", fault=final(_BAD_REQUEST)),
}


def expand(names: Sequence[str]) -> list[str]:
    """Return scenario names with `good*3` written out. Raises ValueError for a name that nobody knows."""
    expanded: list[str] = []
    for each in names:
        name, _, times = each.strip().partition("*")
        if name not in SCENARIOS:
            raise ValueError(f"no scenario {name!r}; known: {', '.join(SCENARIOS)}")
        expanded += [name] * int(times or 1)
    return expanded
