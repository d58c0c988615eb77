"""Which GPUs are gone, and what of what ran there counts?

A GPU that fell off the bus answers NVML no more. One look proves nothing (the driver is busy, or is being updated),
some in a row do; while it is gone it gets no run, the agent at home on it is not asked, and what ended on it in those
seconds says nothing of its commit. One that answers again is used again. Not seen here: errors (Xid) after which it
answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentcore.state import LabState
from worktrees.devices import DeviceSample
from worktrees.slots import Slot

LOOKS = 3
"""So many in a row without an answer, about one a second."""
PATIENCE_S = 30.0
"""How long a result waits for a look: a driver may hang, and then nobody looks any more."""


_LOST = "lost "


def topic(slot: str) -> str:
    """Return the topic of the warning that a GPU is gone; while it stands, it is."""
    return f"{_LOST}{slot}"


def gone(state: LabState) -> frozenset[str]:
    """Return the names of the slots whose GPU is gone."""
    return frozenset(slot.name for slot in state.slots if topic(slot.name) in state.warnings)


def told(state: LabState, slot: str) -> str:
    """Return in a sentence that a GPU is gone, and whom that stopped."""
    names = [worktree for worktree in state.standing if worktree.slot == slot]
    at = "; ".join(f"{each.name} stopped at #{_newest(state, each.name)}" for each in names)
    who = f": {at}" if at else ""
    return f"{_named(slot)} is gone (NVML does not answer for it){who}. nightlab doctor"


def missing(state: LabState, slots: Sequence[Slot], count: int) -> dict[str, str]:
    """Return {topic: what is to be said} of the GPUs that the lab knew and an engine that starts now does not find.

    `slots`: what it has found. `count`: how many a person wants, 0 for all; with so many, or on cores, nothing is said.
    """
    here = {slot.name for slot in slots}
    known = [slot.name for slot in state.slots if slot.kind == "cuda"]
    known += [about.removeprefix(_LOST) for about in state.warnings if about.startswith(_LOST)]
    is_short = slots[0].kind == "cuda" and not 0 < count <= len(slots)
    return {topic(name): _missing(state, name) if is_short else "" for name in dict.fromkeys(known) if name not in here}


def _missing(state: LabState, slot: str) -> str:
    names = ", ".join(worktree.name for worktree in state.standing if worktree.slot == slot)
    on = f": {names} trains on the others" if names else ""
    remedy = "nightlab doctor, or [slots] count in lab.toml"
    return f"{_named(slot)} was not there as the engine started (NVML){on}. {remedy}"


def _named(slot: str) -> str:
    return slot.replace("gpu", "GPU ")


def _newest(state: LabState, worktree: str) -> int:
    return next((each.number for each in state.newest if each.worktree == worktree), 0)


class Watch:
    """What the newest looks at the GPUs have shown. It is lost with the engine, which looks anew."""

    def __init__(self) -> None:
        self._looks = 0
        self._silent: dict[str, int] = {}
        """How many looks in a row each GPU gave no answer."""
        self._answered: set[str] = set()
        """Those that have answered since the engine started: there is a driver to ask."""
        self._due: dict[int, tuple[int, float]] = {}
        """{run that failed: (the look after which that is known, Unix time from which on nobody waits for it)}."""

    def see(self, samples: Iterable[DeviceSample], gpus: Iterable[str]) -> dict[str, bool]:
        """Take one look at all slots, and return {GPU: whether it is gone} for those of which that is certain now."""
        memory = {sample.slot: sample.memory_mb for sample in samples}
        self._looks += 1
        certain = {}
        for name in gpus:
            if memory.get(name) is not None:
                self._answered.add(name)
                self._silent[name] = 0
                certain[name] = False
            else:
                self._silent[name] = self._silent.get(name, 0) + 1
                if self._silent[name] >= LOOKS and self._answered:
                    certain[name] = True
        return certain

    def is_silent(self, slot: str) -> bool:
        """True where the newest look at a GPU had no answer: whatever fails on it now says nothing of its commit."""
        return bool(self._answered) and self._silent.get(slot, 0) > 0

    def knows(self, run: int, slot: str, now: float) -> bool:
        """True once a GPU was looked at after a run on it was first seen to have failed; of a CPU slot at once."""
        if slot not in self._silent:
            return True
        look, at = self._due.setdefault(run, (self._looks + 2, now + PATIENCE_S))  # the next may have begun before
        if self._looks < look and now < at:
            return False
        del self._due[run]
        return True
