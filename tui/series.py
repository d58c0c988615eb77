"""What comes of the same thing asked for several? One after the other, and it ends at the first that is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agentcore.engine.control import Answer


@dataclass(frozen=True)
class Order:
    """One command of several, and whom it is about in words: `wt0`, `#84`."""

    about: str
    verb: str
    arguments: Mapping[str, object] = field(default_factory=dict)


async def in_turn(send: Callable[[str, Mapping[str, object]], Awaitable[Answer]], orders: Sequence[Order]) -> Answer:
    """Send all orders until one is refused, and return what came of them; of a single one its own answer."""
    done: list[str] = []
    for order in orders:
        answer = await send(order.verb, order.arguments)
        if len(orders) == 1:
            return answer
        if not answer.done:
            return _ended(answer, order, done, [each.about for each in orders[len(done) + 1 :]])
        done.append(order.about)
    return Answer(0, f"{orders[0].verb}: {', '.join(done)} done", {"done": done})


def _ended(answer: Answer, order: Order, done: list[str], left: list[str]) -> Answer:
    """Return the refusal of one order with what was done before it, and what was not asked for after it."""
    parts = [f"{order.about}: {answer.message}" if done else answer.message]
    parts += [f"done before: {', '.join(done)}"] if done else []
    parts += [f"not asked for: {', '.join(left)}"] if left else []
    return Answer(answer.code, "; ".join(parts), {"done": done})
