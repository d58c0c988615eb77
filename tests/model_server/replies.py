"""How does a turn look on the wire? As a message, or as the events of its stream; tokens are characters // 4."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.model_server.scripts import Turn, call_id

Json = dict[str, Any]

TEXT_DELTA = 16
"""Characters of one text_delta or thinking_delta."""
JSON_DELTA = 24
"""Characters of one input_json_delta."""


@dataclass(frozen=True)
class Reply:
    """One answer of the model, ready to be sent."""

    id: str
    model: str
    usage: Json
    blocks: tuple[Json, ...]
    """Whole content blocks; `input` of a tool call is still its JSON text, which need not be valid."""
    stop_reason: str

    @property
    def output_tokens(self) -> int:
        """What was said, at least one."""
        return max(1, sum(tokens(block) for block in self.blocks))

    def message(self) -> Json:
        """Return the body of an answer that is not streamed."""
        blocks = [block | {"input": _parsed(block["input"])} if "input" in block else block for block in self.blocks]
        return self._head() | self._end() | {"content": blocks, "usage": self.usage | self._output()}

    def events(self) -> list[Json]:
        """Return the events of a stream, `type` first."""
        events: list[Json] = [{"type": "message_start", "message": self._head()}, {"type": "ping"}]
        for index, block in enumerate(self.blocks):
            start, deltas = _split(block)
            events.append({"type": "content_block_start", "index": index, "content_block": start})
            events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            events.append({"type": "content_block_stop", "index": index})
        events.append({"type": "message_delta", "delta": self._end(), "usage": self._output()})
        return [*events, {"type": "message_stop"}]

    def _head(self) -> Json:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self.usage | {"output_tokens": 1},
        }

    def _end(self) -> Json:
        end: Json = {"stop_reason": self.stop_reason, "stop_sequence": None}
        if self.stop_reason == "refusal":
            end["stop_details"] = {"type": "refusal", "category": None, "explanation": "This is not for me to do."}
        return end

    def _output(self) -> Json:
        return {"output_tokens": self.output_tokens}


def reply(turn: Turn, request: Mapping[str, Any], number: int, step: int | str) -> Reply:
    """Return a turn as the answer to a request; tool ids name the conversation's number and the step."""
    blocks: list[Json] = []
    if turn.thinking is not None and (request.get("thinking") or {}).get("type") != "disabled":
        sign = base64.b64encode(hashlib.sha256(f"{number} {step} {turn.thinking}".encode()).digest()).decode()
        blocks.append({"type": "thinking", "thinking": turn.thinking, "signature": sign})
    if turn.text:
        blocks.append({"type": "text", "text": turn.text})
    for index, call in enumerate(turn.calls):
        arguments = call.arguments if isinstance(call.arguments, str) else _dump(call.arguments)
        blocks.append(
            {"type": "tool_use", "id": call_id(number, step, index), "name": call.name, "input": arguments},
        )
    stop_reason = turn.stop_reason or ("tool_use" if turn.calls else "end_turn")
    return Reply(f"msg_{number:04}_{step}", request["model"], _usage(request), tuple(blocks), stop_reason)


def tokens(value: object) -> int:
    """Count the tokens of anything that JSON can hold: characters // 4."""
    return len(_dump(value)) // 4


def _usage(request: Mapping[str, Any]) -> Json:
    """Count the input. What a cache_control covers is written when it is new, and read when an earlier turn sent it."""
    head = tokens([request.get("tools"), request.get("system")])
    body = [tokens(message) for message in request["messages"]]
    read = written = 0
    if "cache_control" in request or "cache_control" in _dump(request["messages"]):
        read = head + sum(body[:-2]) if len(body) > 1 else 0
        written = head + sum(body) - read
    elif "cache_control" in _dump([request.get("tools"), request.get("system")]):
        read, written = (head, 0) if len(body) > 1 else (0, head)
    return {
        "input_tokens": head + sum(body) - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "service_tier": "standard",
    }


def _split(block: Json) -> tuple[Json, list[Json]]:
    """Return a block as it starts, empty, and the deltas that fill it."""
    if block["type"] == "text":
        return block | {"text": ""}, [{"type": "text_delta", "text": part} for part in _parts(block["text"])]
    if block["type"] == "tool_use":
        parts = ["", *_parts(block["input"], JSON_DELTA)]  # the real one begins with an empty one, too
        return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": part} for part in parts]
    deltas = [{"type": "thinking_delta", "thinking": part} for part in _parts(block["thinking"])]
    signature = {"type": "signature_delta", "signature": block["signature"]}
    return block | {"thinking": "", "signature": ""}, [*deltas, signature]


def _parts(text: str, size: int = TEXT_DELTA) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _parsed(text: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    assert isinstance(value, dict), "arguments are an object"
    return value


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
