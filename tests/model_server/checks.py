"""What would the real API refuse? The first complaint about a request, in the API's own words where they are known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PAUSED = "I go on in a moment."
"""Ends a turn that paused: only such a turn may be sent back as the last message, or be followed by another."""

_FIELDS = {
    "text": {"text", "cache_control", "citations"},
    "thinking": {"thinking", "signature"},
    "tool_use": {"id", "name", "input", "cache_control", "caller"},
    "tool_result": {"tool_use_id", "content", "is_error", "cache_control"},
}
_MOST_MARKS = 4
_UNANSWERED = "`tool_use` ids were found without `tool_result` blocks"

Json = Mapping[str, Any]


def complaints(request: Json, thoughts: Mapping[str, Sequence[Json]]) -> Iterator[str]:
    """Yield what is wrong with a request's body. `thoughts`: the thinking blocks said with a tool call, by its id."""
    if not isinstance(request.get("model"), str):
        yield "model: Field required"
    if not isinstance(request.get("max_tokens"), int) or request["max_tokens"] < 1:
        yield "max_tokens: Field required, a positive integer"
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "messages: at least one message is required"
        return
    yield from _tools(request.get("tools") or [])
    yield from _marks(request)
    for index, message in enumerate(messages):
        yield from (f"messages.{index}: {each}" for each in _content(message))
    contents = [_blocks(message) for message in messages]
    yield from _roles([message.get("role") for message in messages], contents)
    yield from _results(messages, contents)
    yield from _thoughts(contents, thoughts)


def _tools(tools: Sequence[Json]) -> Iterator[str]:
    names = [tool.get("name") for tool in tools]
    if len(set(names)) < len(names):
        yield "tools: Tool names must be unique."
    for index, tool in enumerate(tools):
        if tool.get("type", "custom") == "custom" and not isinstance(tool.get("input_schema"), dict):
            yield f"tools.{index}.input_schema: Field required"


def _marks(request: Json) -> Iterator[str]:
    """Cache breakpoints: at most four, and those that live longer first."""
    blocks = [*(request.get("tools") or []), *_listed(request.get("system"))]
    for message in request["messages"]:
        for block in _blocks(message):
            blocks += [*_listed(block.get("content")), block]
    marks = [mark for block in [*blocks, request] if (mark := block.get("cache_control"))]
    if len(marks) > _MOST_MARKS:
        yield f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. Found {len(marks)}."
    lives = [mark.get("ttl", "5m") for mark in marks]
    if lives != sorted(lives):  # "1h" sorts before "5m"
        yield "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block"


def _content(message: Json) -> Iterator[str]:
    if extra := set(message) - {"role", "content"}:
        yield f"{', '.join(sorted(extra))}: Extra inputs are not permitted"
    if not message.get("content"):
        yield "all messages must have non-empty content"
    for block in _blocks(message):
        kind = block.get("type")
        if kind not in _FIELDS:
            yield f"content: unexpected block type {kind!r}"
        elif extra := set(block) - _FIELDS[kind] - {"type"}:
            yield f"content.{kind}.{', '.join(sorted(extra))}: Extra inputs are not permitted"
        if kind == "text" and not block.get("text"):
            yield "text content blocks must be non-empty"
        if kind == "tool_use" and not isinstance(block.get("input"), dict):
            yield "content.tool_use.input: Input should be a valid dictionary"
        if kind == "tool_result" and block.get("is_error") and not block.get("content"):
            yield "content.tool_result: content cannot be empty if `is_error` is true"


def _roles(roles: Sequence[object], contents: Sequence[Sequence[Json]]) -> Iterator[str]:
    if roles[0] != "user":
        yield "messages: first message must use the user role"
    if unknown := set(roles) - {"user", "assistant"}:
        yield f"messages: Unexpected role {unknown.pop()!r}"
    for role, following, blocks in zip(roles, [*roles[1:], "assistant"], contents, strict=True):
        paused = role == "assistant" and blocks and blocks[-1].get("text") == PAUSED
        if role == following and not paused:
            yield "messages: roles must alternate between user and assistant, and the last must be the user's"


def _results(messages: Sequence[Json], contents: Sequence[Sequence[Json]]) -> Iterator[str]:
    """Each tool call is answered in the next message, before anything else there; nothing else is answered."""
    asked: list[str] = []
    everything: set[str] = set()
    for index, (message, blocks) in enumerate(zip(messages, contents, strict=True)):
        kinds = [block.get("type") for block in blocks]
        answered = [block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"]
        if missing := set(asked) - set(answered):
            yield f"messages.{index - 1}: {_UNANSWERED} immediately after: {', '.join(sorted(missing))}"
        if set(answered) - set(asked):
            yield f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks"
        if len(set(answered)) < len(answered):
            yield f"messages.{index}: each tool_use must have a single result"
        if "tool_result" in kinds[len(answered) :]:
            yield f"messages.{index}: `tool_result` blocks must come before other content"
        asked = [block.get("id", "") for block in blocks if block.get("type") == "tool_use"]
        if asked and message.get("role") != "assistant":
            yield f"messages.{index}: `tool_use` blocks can only be in `assistant` messages"
        if len(set(asked)) < len(asked) or everything & set(asked):
            yield f"messages.{index}: `tool_use` ids must be unique"
        everything |= set(asked)
    if asked:
        yield f"messages.{len(messages) - 1}: {_UNANSWERED}: {', '.join(asked)}"


def _thoughts(contents: Sequence[Sequence[Json]], thoughts: Mapping[str, Sequence[Json]]) -> Iterator[str]:
    """Thinking comes back with its tool call, byte for byte."""
    for index, blocks in enumerate(contents):
        for block in blocks:
            if block.get("type") == "tool_use" and block.get("id") in thoughts:
                back = [each for each in blocks if each.get("type") == "thinking"]
                if back != list(thoughts[block["id"]]):
                    yield (
                        f"messages.{index}: `thinking` blocks in the latest assistant message cannot be modified. "
                        f"These blocks must remain as they were in the original response; got {json.dumps(back)}"
                    )
                break


def _blocks(message: Json) -> Sequence[Json]:
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) and content else _listed(content)


def _listed(content: object) -> Sequence[Json]:
    return content if isinstance(content, list) else []
