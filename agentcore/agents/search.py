"""An agent without a model: it samples constants of the editable file and structural edits of it.

It needs no key and no network, is seeded, and is the baseline that every language model has to beat. Which idea is next
is drawn by what all worktrees have measured (evidence.py), a constant's value by TPE (tpe.py), inside the worktree's
direction (subspace.py). It keeps nothing in memory: for each proposal it learns again from the experiments in its
brief, so a restart forgets nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentcore.agents import NoProposal, Proposal, structure, subspace
from agentcore.agents.constants import Constant, Value, find, render, rewrite
from agentcore.agents.evidence import read, weigh
from agentcore.agents.structure import Edit
from agentcore.agents.subspace import Space
from agentcore.agents.tpe import study_of, suggest
from agentcore.brief.text import Brief
from agentcore.worktree.workspace import Workspace

TRIES = 64
"""Samples drawn before a space counts as exhausted."""
DRAWN = 64
"""Own proposals remembered until the journal has them: more than there are worktrees."""
SECOND_CHANGE = 0.3
"""Probability that a proposal which changes a constant changes two of them."""
THIRD_CHANGE = 0.3
"""Probability that a wild proposal has three changes instead of two."""


@dataclass(frozen=True)
class _File:
    """The editable file as it stands, and what could be done to it."""

    source: str
    constants: Mapping[str, Constant]
    edits: Mapping[str, Edit]


@dataclass(frozen=True)
class _Draft:
    """Changes of a file, and the file with them."""

    changes: Mapping[str, Value]
    edits: tuple[str, ...]
    result: str

    @property
    def fingerprint(self) -> str:
        """Equal for equal files: by it an agent knows what was proposed before."""
        return hashlib.sha256(self.result.encode()).hexdigest()[:16]


class SearchAgent:
    """Proposes changes of constants and structural edits; see the module."""

    def __init__(self, seed: int) -> None:
        self.name = "search"
        self._seed = seed
        self._turn = asyncio.Lock()
        """One worktree after the other, so that no two are given the same."""
        self._drawn: list[str] = []
        """What other worktrees were given a moment ago and is not in their experiments yet, by fingerprint."""

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Change the editable file by an idea or two. Raises NoProposal where there are none left to try."""
        async with self._turn:
            return await asyncio.to_thread(self._propose, brief, workspace.folder / brief.edit[0])

    def _propose(self, brief: Brief, path: Path) -> Proposal:
        source = path.read_bytes().decode()  # not read_text, which would turn \r\n into \n: a diff of every line
        file = _read(path.name, source)
        seen = {*self._drawn, *(str(each.detail.get("fingerprint")) for each in brief.experiments)}
        conflict, draft = _rework(brief, file, seen)
        if draft is None:
            draft = self._sample(brief, file, seen)
        self._drawn = [*self._drawn[-DRAWN:], draft.fingerprint]
        path.write_bytes(draft.result.encode())
        return _proposal(file, draft, conflict)

    def _sample(self, brief: Brief, file: _File, seen: Collection[str]) -> _Draft:
        """Draw until something is new: in the worktree's direction, and everywhere once that is exhausted."""
        chance = random.Random(f"{self._seed} {brief.worktree} {len(brief.experiments)}")
        trials = read(brief.experiments)
        whole = Space(file.constants, file.edits)
        for space in (subspace.restrict(brief.direction, file.constants, file.edits), whole):
            if not space.names:
                continue
            study = study_of(chance.randrange(2**31), trials, space.constants)
            weights = weigh(space.names, trials)
            for _ in range(TRIES):
                names, trial = _choose(chance, space, weights), study.ask()
                values = {name: suggest(trial, space.constants[name]) for name in names if name in space.constants}
                draft = _draft(file, values, [name for name in names if name in space.edits])
                if draft is not None and _is_allowed(draft, space) and draft.fingerprint not in seen:
                    return draft
        count = f"{len(whole.constants)} constants and {len(whole.edits)} edits"
        raise NoProposal(f"nothing new in {TRIES} samples of {count}")


def _read(name: str, source: str) -> _File:
    try:
        constants = _tunable(source)
    except SyntaxError as error:
        raise NoProposal(f"{name} does not parse: {error}") from error
    edits = structure.applicable(source)
    if not constants and not edits:
        raise NoProposal(f"{name} has no constants (module-level UPPER_CASE = literal)")
    return _File(source, constants, edits)


def _tunable(source: str) -> dict[str, Constant]:
    """Return the constants whose other values can be known: of a text only where its choices are written."""
    return {each.name: each for each in find(source) if each.choices or not isinstance(each.value, str)}


def _rework(brief: Brief, file: _File, seen: Collection[str]) -> tuple[int | None, _Draft | None]:
    """Return the first conflict whose idea makes something new of today's file, and that."""
    by_number = {each.number: each for each in brief.experiments}
    for number in brief.conflicts:
        for trial in read([by_number[number]]):
            changes = {name: value for name, value in trial.changes.items() if name in file.constants}
            draft = _draft(file, changes, [name for name in trial.edits if name in file.edits])
            if draft is not None and draft.fingerprint not in seen:
                return number, draft
    return None, None


def _draft(file: _File, values: Mapping[str, Value], edits: Sequence[str]) -> _Draft | None:
    """Return the file with edits and values, None where they do not go together or change nothing."""
    changes = {name: value for name, value in values.items() if value != file.constants[name].value}
    result: str | None = file.source
    for name in edits:
        result = structure.apply(file.edits[name], result) if result is not None else None
    if result is None or not (changes or edits):
        return None
    result = rewrite(result, changes)
    after = {name: each.value for name, each in _tunable(result).items()}
    if any(after.get(name) != value for name, value in changes.items()):
        return None  # an edit has removed the constant
    return _Draft(changes, tuple(edits), result) if subspace.can_train(after) else None


def _choose(chance: random.Random, space: Space, weights: Mapping[str, float]) -> list[str]:
    """Draw what a proposal changes, by weight."""
    if space.is_wild:
        return _draw(chance, weights, 3 if chance.random() < THIRD_CHANGE else 2)
    names = _draw(chance, weights, 1)
    if names[0] in space.constants and chance.random() < SECOND_CHANGE:
        return _draw(chance, {name: weights[name] for name in space.constants}, 2)
    return names


def _draw(chance: random.Random, weights: Mapping[str, float], count: int) -> list[str]:
    """Draw so many different names, or all that there are."""
    left, names = dict(weights), list[str]()
    while left and len(names) < count:
        names += chance.choices(list(left), list(left.values()))
        del left[names[-1]]
    return names


def _is_allowed(draft: _Draft, space: Space) -> bool:
    """A wild proposal has two changes at least, where there are two."""
    return not space.is_wild or len(draft.changes) + len(draft.edits) >= min(2, len(space.names))


def _proposal(file: _File, draft: _Draft, conflict: int | None) -> Proposal:
    words = _words(file, draft)
    return Proposal(
        hypothesis=words if conflict is None else f"{words} (#{conflict} again)",
        detail={
            "changes": dict(draft.changes),
            "edits": list(draft.edits),
            "constants": {name: each.value for name, each in _tunable(draft.result).items()},
            "fingerprint": draft.fingerprint,
        },
        rework_of=conflict,
    )


def _words(file: _File, draft: _Draft) -> str:
    edits = [file.edits[name].hypothesis for name in draft.edits]
    changes = [
        f"{name} {render(file.constants[name].value)} → {render(value)}" for name, value in draft.changes.items()
    ]
    return ", ".join((*edits, *changes))
