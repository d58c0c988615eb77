"""What can a person ask of the merge queue, and what does the engine answer?

Each verb is an event with who, when and why. They hold the lab's trunk: a hold must not come between the last check of
a merge and its intent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import get_args

from agentcore import events as ev
from agentcore.engine.codes import USAGE
from agentcore.engine.control import Answer, Command
from agentcore.engine.lab import Lab
from agentcore.engine.signing import SAY_WHY, because, who
from agentcore.queue import promoter, verbs
from agentcore.queue.judging import more_seeds, threshold
from agentcore.queue.stacks import besides, named
from agentcore.state import Candidate
from worktrees.gate import Mode


class QueueDesk:
    """Answers the commands over the merge queue. Raises promoter.Refused with the reason."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    @property
    def verbs(self) -> Mapping[str, Callable[[Command], Awaitable[Answer]]]:
        """{verb: what answers it}."""
        return {
            "verify": self._verify,
            "hold": self._hold,
            "unhold": self._unhold,
            "cancel": self._cancel,
            "pin": self._pin,
            "unpin": self._unpin,
            "force": self._force,
            "revert": self._revert,
            "mode": self._mode,
            "reconfirm": self._reconfirm,
            "move": self._move_along,
        }

    async def _verify(self, command: Command) -> Answer:
        async with self._lab.trunk:
            candidate = self._candidate(command)
            more, number = more_seeds(self._lab.state, candidate), candidate.experiment
            seeds = (*candidate.seeds, *more)
            by = self._by(command)
            reason = self._because(command) or f"{len(more)} more seeds, asked for by {by}"
            self._lab.record(ev.CandidateExtended(number, seeds, by, reason))
        z = threshold(self._lab.state, len(seeds))
        who = f"{named(candidate.members)} run{'' if candidate.stack else 's'}"
        message = f"{who} {len(more)} more seeds: {len(seeds)} in all, which pass at {z:g}σ"
        return Answer(0, message, {"experiment": number, "seeds": seeds, "threshold": z})

    async def _hold(self, command: Command) -> Answer:
        async with self._lab.trunk:
            candidate = self._candidate(command)
            self._move(candidate, "HELD", self._because(command) or f"held by {self._by(command)}", command)
        held = f"#{candidate.experiment} is HELD: nothing is done with it until nightlab unhold"
        return Answer(0, f"{held}{_dissolved(candidate)}")

    async def _unhold(self, command: Command) -> Answer:
        """A candidate that was rebased once is brought to today's trunk; its runs count where that is the same tree."""
        async with self._lab.trunk:
            candidate = self._candidate(command)
            back: ev.CandidateState = "STALE" if candidate.tree else "NEW"
            self._move(candidate, back, self._because(command) or f"let go by {self._by(command)}", command)
        return Answer(0, f"#{candidate.experiment} goes on: it is {back}", {"state": back})

    async def _cancel(self, command: Command) -> Answer:
        if not (why := self._because(command)):
            return Answer(USAGE, SAY_WHY)
        async with self._lab.trunk:
            candidate = self._candidate(command)
            self._move(candidate, "CANCELLED", why, command)
        return Answer(0, f"#{candidate.experiment} has left the queue for good{_dissolved(candidate)}")

    async def _pin(self, command: Command) -> Answer:
        """The ref comes before its row, so that a kill between them loses no commit that the journal calls pinned."""
        async with self._lab.trunk:
            number = self._experiment(command)
            candidate = self._lab.state.candidates.get(number)
            own = self._lab.state.experiments[number].commit
            commit = (candidate.landing or candidate.commit or own) if candidate else own
            await self._lab.git(self._lab.repository.pin, "pinned", number, commit)
            self._lab.record(ev.ExperimentPinned(number, commit, self._by(command), self._because(command)))
        return Answer(0, f"pinned #{number} at {commit[:7]}", {"experiment": number, "commit": commit})

    async def _unpin(self, command: Command) -> Answer:
        async with self._lab.trunk:
            number = self._experiment(command)
            self._lab.record(ev.ExperimentUnpinned(number, self._by(command), self._because(command)))
            await self._lab.git(self._lab.repository.unpin, "pinned", number)
        return Answer(0, f"#{number} is pinned no more", {"experiment": number})

    async def _force(self, command: Command) -> Answer:
        if not (why := self._because(command)):
            return Answer(USAGE, SAY_WHY)
        moved = await promoter.force(self._lab, self._seen(command), self._by(command), why)
        message = f"forced #{moved.experiment}: trunk {moved.old[:7]} → {moved.new[:7]}"
        return Answer(0, f"{message}; it counts in no total before three seeds", _facts(moved))

    async def _revert(self, command: Command) -> Answer:
        if not (why := self._because(command)):
            return Answer(USAGE, SAY_WHY)
        moved = await promoter.revert(self._lab, self._seen(command), self._by(command), why)
        message = f"took #{moved.reverted} back: trunk {moved.old[:7]} → {moved.new[:7]}, which is measured first"
        return Answer(0, message, _facts(moved))

    async def _mode(self, command: Command) -> Answer:
        mode, old = str(command.arguments["mode"]), self._lab.state.gate.mode
        modes: tuple[Mode, ...] = get_args(Mode)
        wanted = next((each for each in modes if each == mode), None)
        if wanted is None:
            return Answer(USAGE, f"there is no mode {mode!r}: {', '.join(modes)}")
        if wanted == old:
            raise promoter.Refused(f"the mode is {old} already")
        if self._lab.walls.backend == "none":
            raise promoter.Refused(f"the mode is {old}: this lab runs without a sandbox, so nothing moves trunk")
        self._lab.record(ev.ModeChanged(wanted, self._by(command), self._because(command)))
        message = f"mode {old} → {wanted}, until an engine is started again: then lab.toml's holds, or --merge's"
        return Answer(0, message, {"old": old, "mode": wanted})

    async def _reconfirm(self, command: Command) -> Answer:
        """It begins anew on today's trunk; its runs count where that turns out to be the same tree."""
        async with self._lab.trunk:
            candidate = self._candidate(command)
            why = self._because(command) or f"to be confirmed on today's trunk, says {self._by(command)}"
            self._move(candidate, "NEW", why, command)
        return Answer(0, f"#{candidate.experiment} is rebased and confirmed again on today's trunk")

    async def _move_along(self, command: Command) -> Answer:
        number, steps = self._number(command), int(command.arguments.get("by") or 0)
        if reason := verbs.move_refusal(self._lab.state, number, steps):
            raise promoter.Refused(reason)
        order = verbs.moved(self._lab.state, number, steps)
        self._lab.record(ev.CandidateReordered(number, order, self._by(command)))
        named = ", ".join(f"#{each}" for each in order)
        return Answer(0, f"#{number} is number {order.index(number) + 1} of {named}", {"order": order})

    def _candidate(self, command: Command) -> Candidate:
        """Return the candidate that the command names. Raises Refused where it is no time for its verb."""
        number = self._number(command)
        if reason := verbs.refusal(self._lab.state, command.verb, number):
            raise promoter.Refused(reason)
        return self._lab.state.candidates[number]

    def _seen(self, command: Command) -> int:
        """Return the number that the command names. Raises Refused where the facts are not those that were shown."""
        number = self._number(command)
        if reason := verbs.changed(self._lab.state, number, command.arguments.get("expect") or {}):
            raise promoter.Refused(reason)
        return number

    def _experiment(self, command: Command) -> int:
        number = self._number(command)
        if reason := verbs.pin_refusal(self._lab.state, command.verb, number):
            raise promoter.Refused(reason)
        return number

    def _move(self, candidate: Candidate, state: ev.CandidateState, reason: str, command: Command) -> None:
        self._lab.record(ev.CandidateMoved(candidate.experiment, state, reason, self._by(command)))

    def _number(self, command: Command) -> int:
        return int(command.arguments["experiment"])

    def _because(self, command: Command) -> str:
        return because(self._lab, command)

    def _by(self, command: Command) -> str:
        return who(self._lab, command)


def _dissolved(candidate: Candidate) -> str:
    others = besides(candidate)
    return (
        f"; {others}, confirmed together with it, begin{'' if len(candidate.stack) > 2 else 's'} anew" if others else ""
    )


def _facts(moved: ev.TrunkMoved) -> Mapping[str, object]:
    number = moved.experiment if moved.experiment is not None else moved.reverted
    return {"experiment": number, "old": moved.old, "new": moved.new, "tree": moved.tree}
