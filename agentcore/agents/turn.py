"""What came of one model turn: a whole reply, or which trouble?

A reply counts only when the server said that it is complete: a stream may end cleanly in its middle and look like
success, and the SDK asks nothing again once a stream has begun. No tool has run before a reply is whole, so the whole
turn can always be asked for again.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentcore.agents import Barred, NoProposal
from agentcore.brief.spending import Usage

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

Block = dict[str, Any]
"""A content block as JSON, exactly as it goes back to the server."""

QUIET_FACTOR = 5.0
"""A server that only says that it is alive may think silently this many times as long as one that says nothing."""

_BUSY = ("rate_limit_error", "overloaded_error", "api_error", "timeout_error")


class Busy(Exception):
    """The provider could not answer now; the turn can be asked for again. `retry_after_s` where it said when."""

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class ContextFull(Exception):
    """The conversation is longer than the model can read."""


@dataclass(frozen=True)
class Reply:
    """One complete answer of the model."""

    content: tuple[Block, ...]
    stop_reason: str
    malformed: Mapping[str, str] = field(default_factory=dict)
    """{tool use id: what it gave for arguments}, where that is no JSON object."""
    explanation: str = ""
    """Of a refusal, where the server gives one."""


async def take(
    client: AsyncAnthropic,
    request: Mapping[str, Any],
    *,
    stall_s: float,
    spent: Callable[[Usage], None],
    said: Callable[[Block], None],
) -> Reply:
    """Ask for one turn. `spent` is told what it cost, also of half a reply; `said` each block as it is complete.

    Raises Busy, ContextFull, Barred, NoProposal.
    """
    import anthropic  # here: it costs 1.4 s of CPU, which only a lab with a coding agent pays
    import httpx2

    reading = _Reading(said)
    try:
        async with asyncio.timeout(QUIET_FACTOR * stall_s):
            stream = await client.messages.create(**request, stream=True)
        async with stream:
            events = aiter(stream)
            while True:
                async with asyncio.timeout(QUIET_FACTOR * stall_s):
                    event = await anext(events, None)
                if event is None:
                    break
                reading.read(event)
    except anthropic.APIStatusError as error:
        raise _of_status(error, str(request["model"])) from error
    except anthropic.APIConnectionError as error:
        if isinstance(error.__cause__, httpx2.LocalProtocolError):  # whose text quotes the header, and with it the key
            raise Barred("key", "the key or a header holds characters that HTTP does not allow") from None
        raise Busy(f"no connection to the model's server: {_named(error.__cause__ or error)}") from error
    except httpx2.TransportError as error:
        raise Busy(f"the reply broke off: {_named(error)}") from error
    except TimeoutError as error:
        raise Busy(f"the reply stalled: nothing came for {QUIET_FACTOR * stall_s:g} s") from error
    except (anthropic.APIError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise Busy(f"the reply is no message: {type(error).__name__}: {error}") from error
    finally:
        if reading.usage.tokens:
            spent(reading.usage)
    return reading.reply()


class _Reading:
    """Puts a reply together from the events of its stream."""

    def __init__(self, said: Callable[[Block], None]) -> None:
        self.usage = Usage()
        self._said = said
        self._blocks: dict[int, Block] = {}
        self._arguments: dict[int, str] = {}
        self._malformed: dict[str, str] = {}
        self._stop_reason: str | None = None
        self._explanation = ""
        self._is_whole = False

    def read(self, event: Any) -> None:
        """Take the next event."""
        match event.type:
            case "message_start":
                self._count(event.message.usage)
            case "content_block_start":
                self._blocks[event.index] = event.content_block.to_dict()
                self._arguments[event.index] = ""
            case "content_block_delta":
                self._add(event.index, event.delta)
            case "content_block_stop":
                self._finish(event.index)
            case "message_delta":
                self._stop_reason = event.delta.stop_reason or self._stop_reason
                details = getattr(event.delta, "stop_details", None)
                self._explanation = str(getattr(details, "explanation", "") or "")
                if event.usage is not None:
                    self._count(event.usage)
            case "message_stop":
                self._is_whole = True

    def reply(self) -> Reply:
        """Return the whole reply. Raises Busy for a part of one."""
        if not self._is_whole or self._stop_reason is None:
            raise Busy("the reply ended before it was complete")
        content = tuple(block for _, block in sorted(self._blocks.items()))
        return Reply(content, self._stop_reason, self._malformed, self._explanation)

    def _add(self, index: int, delta: Any) -> None:
        block = self._blocks[index]
        match delta.type:
            case "text_delta":
                block["text"] = block.get("text", "") + delta.text
            case "input_json_delta":
                self._arguments[index] += delta.partial_json
            case "thinking_delta":
                block["thinking"] = block.get("thinking", "") + delta.thinking
            case "signature_delta":
                block["signature"] = delta.signature

    def _finish(self, index: int) -> None:
        block = self._blocks[index]
        if block.get("type") == "tool_use" and (text := self._arguments[index]):
            try:
                block["input"] = json.loads(text)
            except (ValueError, RecursionError):
                block["input"] = None
            if not isinstance(block["input"], dict):
                block["input"] = {}
                self._malformed[block["id"]] = text
        self._said(block)

    def _count(self, usage: Any) -> None:
        """Take the newest figures: the server's counts grow while it speaks."""
        kept = getattr(usage, "cache_creation", None)
        written = usage.cache_creation_input_tokens or 0
        hour = (getattr(kept, "ephemeral_1h_input_tokens", 0) or 0) if kept else 0
        old = self.usage
        self.usage = Usage(
            input=usage.input_tokens if usage.input_tokens is not None else old.input,
            cache_write=written - hour if written else old.cache_write,
            cache_write_1h=hour or old.cache_write_1h,
            cache_read=usage.cache_read_input_tokens or old.cache_read,
            output=usage.output_tokens or old.output,
        )


def _named(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()


def _of_status(error: Any, model: str) -> Exception:
    """Return what an error of the server means for us. One inside a stream has the status 200 and only its type."""
    status, kind = int(error.status_code), str(error.type or "")
    words = f"{status if status != 200 else 'in the reply:'} {kind or type(error).__name__}: {_message(error)}"
    if status == 402 or kind == "billing_error" or "credit balance" in words:
        return Barred("credit", words)
    if status in (401, 403) or kind in ("authentication_error", "permission_error"):
        return Barred("key", words)
    if status == 404 or kind == "not_found_error":
        return Barred("model", f"{words} (model {model}; nightlab doctor --online lists what there is)")
    if status == 413 or kind == "request_too_large" or "prompt is too long" in words:
        return ContextFull(words)
    if status in (408, 409, 429) or status >= 500 or kind in _BUSY:
        return Busy(words, _retry_after_s(error.response.headers))
    return NoProposal(f"the model's server rejects the request: {words}")


def _message(error: Any) -> str:
    return str(error.api_message or error.message)[:300]


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long the server wants us to wait: milliseconds, seconds, or a date (RFC 9110, 10.2.3)."""
    for name, factor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / factor
        except (KeyError, ValueError):
            continue
        if seconds == seconds:  # "nan" is a number to float()
            return max(0.0, seconds)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError, OverflowError):
        return None
