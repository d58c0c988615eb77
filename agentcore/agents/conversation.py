"""What does the model remember within one proposal? The whole history, sent again each turn, bounded.

Nothing is kept on the server's side, so a retry, another server or a kill lose nothing. When the conversation grows
too long the oldest tool results are left out first: what the model did stays, what it saw can be looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from agentcore.agents.turn import Block

FRESH = 4
"""Newest messages, replies included, whose tool results are left out only when nothing else helps."""
CACHED: dict[str, str] = {"type": "ephemeral"}


class Conversation:
    """The messages so far: first the brief, then replies and what came back, by turns."""

    def __init__(self, brief: str) -> None:
        self._messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": brief}]}]

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages for a request, with cache breakpoints after the brief and after the last message."""
        sent = [{**message, "content": list(message["content"])} for message in self._messages]
        for message in {id(each): each for each in (sent[0], sent[-1])}.values():
            if message["role"] == "user":
                message["content"][-1] = {**message["content"][-1], "cache_control": CACHED}
        return sent

    def reply(self, content: Sequence[Block]) -> None:
        """Append what the model answered, block by block as it came."""
        self._messages.append({"role": "assistant", "content": list(content)})

    def answer(self, content: Iterable[Block]) -> None:
        """Append what the model gets back: tool results first, then text."""
        blocks = sorted(content, key=lambda block: block["type"] != "tool_result")
        self._messages.append({"role": "user", "content": blocks})

    def shorten(self, keep: int = FRESH) -> int:
        """Leave old tool results out, all but those of the newest `keep` messages; return the characters saved."""
        saved = 0
        for message in self._messages[1 : max(1, len(self._messages) - keep)]:
            for index, block in enumerate(message["content"]):
                if block["type"] == "tool_result" and len(block["content"]) > 200:
                    saved += len(block["content"])
                    note = f"[{len(block['content'])} characters left out to make room: look again if you need them]"
                    message["content"][index] = {**block, "content": note}
        return saved


def text(words: str) -> Block:
    """Return a text block."""
    return {"type": "text", "text": words}


def result(use: str, words: str, *, is_error: bool) -> Block:
    """Return the result of a tool use."""
    return {"type": "tool_result", "tool_use_id": use, "content": words or "(nothing)", "is_error": is_error}
