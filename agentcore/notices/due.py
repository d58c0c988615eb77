"""What is a person told now? Pure: from the state, of which the notices that were given are a part.

One notice tells all that has come together since the last one, what is not so any more left out. Two are half a minute
apart, two about READY candidates ten minutes, the same sentence an hour; and what happened while no engine was there to
tell it is told only where it is no older than `STALE_S`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentcore import events as ev
from agentcore.events import Entry
from agentcore.notices.level import ORDER, Level, calls, level
from agentcore.notices.words import words
from agentcore.state import LabState
from worktrees.text import printable

APART_S = 30.0
READY_S = 600.0
AGAIN_S = 3600.0
STALE_S = 900.0

OWN = "notify"
"""Topic of the warning that notices do not arrive: it is the one that they cannot tell."""
SENTENCE = 300
"""Characters of one sentence."""
MOST = 10
"""Sentences of one notice."""


@dataclass(frozen=True)
class Due:
    """What is to be told, now or soon."""

    level: Level
    texts: tuple[str, ...]
    report: ev.ReportWritten | None
    """The report that is to be told in full."""
    waits: bool
    """It is too soon after the last one."""


def due(state: LabState, after: int, now: float, *, news: bool, last: bool = False) -> Due | None:
    """Return what is to be told of the events after number `after`; None for nothing.

    `news`: also what happened well and needs nobody. `last`: the engine leaves, so that it has stopped cannot wait.
    """
    found: list[tuple[Level, str]] = []
    report = None
    known = {text for text, at in state.notices.said if _is_within(AGAIN_S, at, now)}
    for entry, how in _called(state, after, now, news=news):
        text = " ".join(printable(words(entry.event, state)).split())[:SENTENCE]
        if text and text not in known:
            known.add(text)
            found.append((how, text))
            report = entry.event if isinstance(entry.event, ev.ReportWritten) else report
    if not found:
        return None
    found.sort(key=lambda pair: ORDER.index(pair[0]))
    texts = [text for _, text in found]
    if len(texts) > MOST:
        texts = [*texts[: MOST - 1], f"and {len(texts) - MOST + 1} more"]
    most = found[0][0]
    given = state.notices
    waits = _is_within(APART_S, given.at, now) or (most == "ready" and _is_within(READY_S, given.ready_at, now))
    is_last = last and most in ("stopped", "report")  # the next engine tells the others, where they are still so
    return Due(most, tuple(texts), report, waits and not is_last)


def _called(state: LabState, after: int, now: float, *, news: bool) -> Iterator[tuple[Entry, Level]]:
    """Yield the events that a person is told of, oldest first."""
    begin, oldest = max(after, state.notices.through), now - STALE_S
    recent = state.recent
    start = len(recent)
    while start and recent[start - 1].seq > begin and recent[start - 1].at >= oldest:
        start -= 1
    for place, entry in enumerate(recent[start:], start):
        event = entry.event
        if isinstance(event, ev.WarningRaised) and event.topic == OWN:
            continue
        how = level(event, state)
        if isinstance(event, ev.EngineStarted) and _follows_a_kill(event, recent[:place]):
            how = "urgent"  # an open view has seen it and rung
        if how and (_is_wanted(how, state) or (how == "news" and news and not state.away)):
            yield entry, how


def _follows_a_kill(event: ev.EngineStarted, before: Sequence[Entry]) -> bool:
    """Tell whether the engine before left without a word; one that opens its lab again has waited for a full disk."""
    life = (entry.event for entry in reversed(before) if isinstance(entry.event, ev.EngineStarted | ev.EngineStopped))
    last = next(life, None)
    return isinstance(last, ev.EngineStarted) and last.pid != event.pid


def _is_within(seconds: float, at: float, now: float) -> bool:
    """Tell whether `at` is so near; a clock that was set back makes nobody wait for what lies ahead."""
    return 0 <= now - at < seconds


def _is_wanted(how: Level, state: LabState) -> bool:
    return how != "news" and calls(how, state.away)
