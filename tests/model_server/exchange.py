"""How is one request answered? With a turn in full, with half of it, or with a long silence in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.model_server.replies import Reply, reply
from tests.model_server.scripts import Turn
from tests.model_server.wire import Wire

WAITED = 0.6
"""The part of a turn's time before its first word; the rest lies between the words."""
PING_S = 1.0


@dataclass
class Conversation:
    """What is remembered of one conversation."""

    number: int
    scenario: str
    attempts: Counter[int] = field(default_factory=Counter)
    """How often it was asked with so many messages."""
    faults: int = 0
    """How often its fault has been played."""
    is_over: bool = False
    """Whether its last word has been said: a submission, a refusal, an end of turn, or a final error."""


@dataclass(frozen=True)
class Exchange:
    """One request and the script's turn that answers it. Its methods raise ConnectionError when the client has gone."""

    wire: Wire
    request: Mapping[str, Any]
    conversation: Conversation
    turn: Turn
    reply: Reply
    """The script's turn as it would be sent."""
    turn_s: float
    """What a turn takes."""
    stall_s: float

    async def say(self) -> None:
        """Say the script's turn."""
        await self._send(self.reply, self.turn, self.turn_s * WAITED, pings=True)

    async def say_aside(self, turn: Turn) -> None:
        """Say something else; the script then goes on where it was."""
        said = reply(turn, self.request, self.conversation.number, f"aside{self.conversation.faults}")
        await self._send(said, turn, self.turn_s * WAITED, pings=True)

    async def stall(self, *, pings: bool) -> None:
        """Begin the script's turn, keep the client waiting for stall_s, and say the rest."""
        await self._send(self.reply, self.turn, self.stall_s, pings=pings)

    async def say_half(self) -> None:
        """Send the first half of the script's turn."""
        if not self.request.get("stream"):
            await self.wire.half_answer(self.reply.message())
            return
        events = self.reply.events()
        await self.wire.begin()
        for event in events[: len(events) // 2]:
            await self.wire.event(event)

    async def _send(self, said: Reply, turn: Turn, wait_s: float, *, pings: bool) -> None:
        if not self.request.get("stream"):
            await asyncio.sleep(wait_s)
            self._close(turn)
            await self.wire.json(200, said.message())
            return
        start, ping, *events, stop = said.events()
        await self.wire.begin()
        await self.wire.event(start)
        await self.wire.event(ping)
        await self._wait(wait_s, pings=pings)
        await self._pace(events)
        self._close(turn)
        await self.wire.event(stop)
        await self.wire.end()

    async def _wait(self, seconds: float, *, pings: bool) -> None:
        while seconds > 0:
            await asyncio.sleep(min(PING_S, seconds))
            seconds -= PING_S
            if pings:
                await self.wire.event({"type": "ping"})

    async def _pace(self, events: Sequence[Mapping[str, Any]]) -> None:
        each_s = self.turn_s * (1 - WAITED) / len(events)
        for event in events:
            await asyncio.sleep(each_s)
            await self.wire.event(event)

    def _close(self, turn: Turn) -> None:
        """Note a last word just before its end is sent: the client's next request may come at once."""
        submits = any(call.name == "submit" for call in turn.calls)
        self.conversation.is_over = submits or not (turn.calls or turn.stop_reason) or turn.stop_reason == "refusal"
