"""When does the view call a person? Decided from the events that came since it was opened, never from differences
between two looks: what happens while nobody looks is not missed, and nothing is called for twice.

The bell rings when something becomes true that needs a person, at most once in 30 seconds, and for READY candidates
once in ten minutes; who is away hears what they chose to. What has no event of its own is an engine that was killed:
that is seen, once for each engine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agentcore import format as fmt
from agentcore.events import Entry
from agentcore.notices.level import Level, calls, level
from agentcore.state import LabState
from tui.follow import Scene
from tui.lines import Line, tame
from tui.story import Told, tell

BELL_S = 30.0
READY_S = 600.0

RUNNING = ("BASE", "CONFIRM", "RETEST", "WARM", "TRAIN", "EVAL")

DESKTOP = 200
"""Characters of a desktop notification."""


@dataclass(frozen=True)
class Call:
    """One thing that a person is told when it becomes true."""

    level: Level
    told: Told

    @property
    def line(self) -> Line:
        """The line of the list of events, so that a call that was missed is found there."""
        told = self.told
        number = f" #{told.experiment}" if told.experiment is not None else ""
        return (
            (told.glyph, told.role),
            (f" {told.who}{number} ", "text"),
            (told.word, told.role),
            (f" {told.text}", "text"),
        )

    @property
    def text(self) -> str:
        """The same in plain words."""
        return tame("".join(text for text, _ in self.line)).strip()


@dataclass(frozen=True)
class Ear:
    """What was heard so far."""

    heard: int | None = None
    """The newest event that was; None before the first look, which is nothing new."""
    rung: float = float("-inf")
    rung_ready: float = float("-inf")
    gone: int = 0
    """The killed engine that was called for."""


def listen(ear: Ear, scene: Scene) -> tuple[Ear, tuple[Call, ...], bool]:
    """Return what was heard by now, what is new of it, and whether the bell rings."""
    gone = _gone(scene)
    if ear.heard is None:
        return Ear(scene.state.seq, gone=gone), (), False
    told = news(scene.state, ear.heard)
    if gone and gone != ear.gone:
        text = f"process {gone} is not running any more. Start it: nightlab start"
        told = (*told, Call("stopped", Told(scene.now, "x", "you", "engine", None, "LOST", text)))
    ear = replace(ear, heard=scene.state.seq, gone=gone or ear.gone)
    levels = {call.level for call in told if is_rung_for(call, scene.state)}
    if levels - {"ready"} and scene.now - ear.rung >= BELL_S:
        return replace(ear, rung=scene.now), told, True
    if levels and scene.now - ear.rung >= BELL_S and scene.now - ear.rung_ready >= READY_S:
        return replace(ear, rung=scene.now, rung_ready=scene.now), told, True
    return ear, told, False


def is_rung_for(call: Call, state: LabState) -> bool:
    """Tell whether a person is called for it, and not only told; who is away has chosen for what."""
    return call.level != "news" and calls(call.level, state.away)


def news(state: LabState, since: int) -> tuple[Call, ...]:
    """Return what a person is told of the events after number `since`, oldest first."""
    found = []
    for entry in state.recent:
        if entry.seq > since and (call := _call(entry, state)):
            found.append(call)
    return tuple(found)


def title(scene: Scene, *, ascii_only: bool) -> str:
    """Return the terminal's title: `nightlab ! 2  ▸ 4  .9789`."""
    parts = ["nightlab"]
    if count := len(scene.overview.needs):
        parts.append(f"! {count} ")
    if running := sum(row.state in RUNNING for row in scene.overview.rows):
        parts.append(f"{'>' if ascii_only else '▸'} {running} ")
    if scene.overview.trunk and scene.overview.trunk.score is not None:
        parts.append(fmt.score(scene.overview.trunk.score))
    return tame(" ".join(parts).strip())


def desktop(call: Call, *, in_tmux: bool) -> str:
    """Return the sequence of a desktop notification (OSC 9), wrapped so that tmux passes it on."""
    sequence = f"\x1b]9;nightlab: {call.text[:DESKTOP]}\x07"
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\" if in_tmux else sequence


def _call(entry: Entry, state: LabState) -> Call | None:
    found = level(entry.event, state)
    told = tell(entry, state) if found else None
    return Call(found, told) if found and told else None


def _gone(scene: Scene) -> int:
    """Return the process of an engine that is gone without a word; 0 where there is none."""
    engine = scene.state.engine
    return 0 if engine is None or engine.stopped is not None or scene.live.engine_alive else engine.pid
