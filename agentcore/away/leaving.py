"""What can a person ask who leaves the lab alone, or comes back, and what does the engine answer?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import get_args

from agentcore import events as ev
from agentcore.away import limits as away
from agentcore.engine.control import Answer, Command
from agentcore.engine.lab import Lab
from agentcore.engine.signing import who
from agentcore.queue import promoter

WHO_MERGES: Mapping[str, str] = {
    "me": "only you merge again",
    "gate": "what passes the gate merges, as before",
    "hold": "nothing is merged, as before",
}
"""Who merges by the mode that is in force again."""


class AwayDesk:
    """Answers `away` and `back`. Raises promoter.Refused with the reason."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    @property
    def verbs(self) -> Mapping[str, Callable[[Command], Awaitable[Answer]]]:
        """{verb: what answers it}."""
        return {"away": self._away, "back": self._back}

    async def _away(self, command: Command) -> Answer:
        until, usd = (_number(command, name) for name in ("until", "usd"))
        merge = _one_of(ev.AwayMerge, command, "merge", "none")
        questions = _one_of(ev.AwayQuestions, command, "questions", "park")
        tell = _one_of(ev.AwayTell, command, "tell", "stopped")
        if reason := away.refusal(self._lab.state, self._lab.clock(), until, usd, merge):
            raise promoter.Refused(reason)
        by = who(self._lab, command)
        self._lab.record(ev.AwayStarted(until, usd, merge, questions, by, tell))  # type: ignore[arg-type]
        facts = {"until": until, "usd": usd, "merge": merge, "questions": questions, "tell": tell}
        return Answer(0, "away: the engine holds the limits, view open or not; nightlab back ends it", facts)

    async def _back(self, command: Command) -> Answer:
        left = self._lab.state.away
        if left is None:
            raise promoter.Refused("nobody is away")
        by = who(self._lab, command)
        self._lab.record(ev.AwayEnded(f"{by} came back", by))
        return Answer(0, f"welcome back: {WHO_MERGES[self._lab.state.gate.mode]}", {"since": left.since})


def _number(command: Command, name: str) -> float | None:
    value = command.arguments.get(name)
    return None if value is None else float(value)


def _one_of(kind: object, command: Command, name: str, default: str) -> str:
    """Return an argument that is one of a Literal's words. Raises ValueError."""
    words, value = get_args(kind), str(command.arguments.get(name) or default)
    if value not in words:
        raise ValueError(f"{name} {value!r}: it is one of {', '.join(words)}")
    return value
