"""How is what a person did taken back, and done again?

By the same ways as everything else: a move of trunk through the promoter, the rest as events. Last comes the event that
says so; see events/action.py for a kill in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from agentcore import events as ev
from agentcore.brief import prompts
from agentcore.engine.control import Answer, Command
from agentcore.engine.lab import Lab
from agentcore.engine.signing import who
from agentcore.project.seed import prompts_folder
from agentcore.queue import promoter
from agentcore.state import Action
from agentcore.undo import undoing
from agentcore.worktree import retiring
from agentcore.worktree.retiring import EndAgent
from worktrees.gate import Mode


class UndoDesk:
    """Answers `undo` and `redo`. Raises promoter.Refused with the reason."""

    def __init__(self, lab: Lab, end_agent: EndAgent) -> None:
        self._lab, self._end_agent = lab, end_agent
        self._turn = asyncio.Lock()
        """Held over one undo: two at once would both take back the same action."""

    @property
    def verbs(self) -> Mapping[str, Callable[[Command], Awaitable[Answer]]]:
        """{verb: what answers it}."""
        return {"undo": self._undo, "redo": self._redo}

    async def _undo(self, command: Command) -> Answer:
        async with self._turn:
            state, by, since = self._lab.state, who(self._lab, command), self._lab.state.seq
            action = undoing.undoable(state)
            if action is None:
                raise promoter.Refused("there is nothing to undo: see nightlab undo --list")
            expected = command.arguments.get("expect") or {}
            _expect(action, expected)
            what = f"took the {undoing.told(state, action)} back: {undoing.back(state, action)}"
            await self._back(action, by, expected)
            self._lab.record(ev.ActionUndone(action.seq, since, by))
            return Answer(0, what, self._facts(action))

    async def _redo(self, command: Command) -> Answer:
        async with self._turn:
            state, by, since = self._lab.state, who(self._lab, command), self._lab.state.seq
            action = undoing.redoable(state)
            if action is None:
                raise promoter.Refused("there is nothing to redo: that is possible only right after an undo")
            if reason := undoing.redo_refusal(state, action):
                raise promoter.Refused(f"the {undoing.told(state, action)} cannot be done again: {reason}")
            expected = command.arguments.get("expect") or {}
            _expect(action, expected)
            what = f"again: {undoing.again(state, action)}"
            await self._again(action, by, expected)
            self._lab.record(ev.ActionRedone(action.seq, since, by))
            return Answer(0, what, self._facts(action))

    async def _back(self, action: Action, by: str, expected: Mapping[str, object]) -> None:
        state, record, number = self._lab.state, self._lab.record, action.experiment or 0
        match action.kind:
            case "merge" if undoing.is_last_move(state, action):
                trunk = expected.get("trunk")
                await promoter.undo(self._lab, by, str(trunk) if trunk else None)
            case "merge":
                await promoter.revert(self._lab, number, by, "the merge was undone", whole=True)
            case "revert":
                async with self._lab.trunk:
                    record(ev.CandidateMoved(number, "NEW", f"its revert was undone by {by}", by))
            case "pause":
                self._resume(undoing.still_paused(state, action), by, action)
            case "resume":
                self._pause(undoing.at_work(state, action), by, action)
            case "hold" | "cancel":
                await self._return(number, "HELD" if action.was == ("HELD",) else None, f"{action.kind} undone by", by)
            case "unhold":
                await self._return(number, "HELD", "unhold undone by", by)
            case "reconfirm":
                await self._return(number, cast("ev.CandidateState", action.was[0]), "stays what it was, says", by)
            case "move":
                record(ev.CandidateReordered(number, tuple(map(int, action.was)), by))
            case "retire":
                await retiring.restore(self._lab, action.names[0], by)
            case "rebase":
                record(ev.WorktreeRebaseAsked(action.names[0], False, by))
            case "pin":
                await self._unpin(number, by)
            case "unpin":
                await self._pin(number, action.text, by)
            case "mode":
                self._mode(action.was[0], by)
            case "save":
                self._read_as(action.was[0], action.text, by)
            case "say":
                for name in undoing.unread(state, action):
                    record(ev.MessageTakenBack(name, action.text, by))
            case "import":
                record(ev.HistoryDropped(action.text, by))

    async def _again(self, action: Action, by: str, expected: Mapping[str, object]) -> None:
        state, record, number = self._lab.state, self._lab.record, action.experiment or 0
        match action.kind:
            case "merge" if state.candidates[number].state == "REVERTED":
                async with self._lab.trunk:
                    for each in action.stack or (number,):
                        if self._lab.state.candidates[each].state == "REVERTED":
                            record(ev.CandidateMoved(each, "NEW", f"to be merged again, says {by}", by))
            case "merge":
                await promoter.promote(self._lab, number, by)
            case "revert":
                await self._revert_again(number, by)
            case "pause":
                self._pause(undoing.at_work(state, action), by, action)
            case "resume":
                self._resume(undoing.still_paused(state, action), by, action)
            case "hold":
                await self._return(number, "HELD", "held again by", by)
            case "cancel":
                await self._return(number, "CANCELLED", "cancelled again by", by)
            case "unhold":
                await self._return(number, None, "let go again by", by)
            case "reconfirm":
                await self._return(number, "NEW", "to be confirmed again, says", by)
            case "move":
                record(ev.CandidateReordered(number, tuple(map(int, action.text.split(","))), by))
            case "retire":
                await retiring.retire(self._lab, action.names[0], by, self._end_agent)
            case "rebase":
                record(ev.WorktreeRebaseAsked(action.names[0], True, by))
            case "pin":
                await self._pin(number, action.text, by)
            case "unpin":
                await self._unpin(number, by)
            case "mode":
                self._mode(action.text, by)
            case "save":
                self._read_as(action.was[1], state.prompts_tree, by)
            case "say":
                for name in action.names:
                    record(ev.MessageSent(name, action.text, by, action.together))
            case "import":
                old = next(each for each in state.dropped_imports if each.digest == action.text)
                record(ev.HistoryImported(old.source, old.digest, old.metric, old.rows, by))

    async def _revert_again(self, number: int, by: str) -> None:
        """Before it is merged again it only has to leave the queue; afterwards trunk has to let go of it."""
        if self._lab.state.candidates[number].state in ("MERGED", "PROVEN", "FADED"):
            await promoter.revert(self._lab, number, by, "reverted again")
            return
        async with self._lab.trunk:
            self._lab.record(ev.CandidateMoved(number, "REVERTED", f"stays out of trunk, says {by}", by))

    async def _return(self, number: int, state: ev.CandidateState | None, reason: str, by: str) -> None:
        """Move a candidate; to the queue where no state is given, as `unhold` does."""
        async with self._lab.trunk:
            has_tree = bool(self._lab.state.candidates[number].tree)
            back: ev.CandidateState = state or ("STALE" if has_tree else "NEW")
            self._lab.record(ev.CandidateMoved(number, back, f"{reason} {by}", by))

    async def _pin(self, number: int, commit: str, by: str) -> None:
        async with self._lab.trunk:
            await self._lab.git(self._lab.repository.pin, "pinned", number, commit)
            self._lab.record(ev.ExperimentPinned(number, commit, by, ""))

    async def _unpin(self, number: int, by: str) -> None:
        async with self._lab.trunk:
            self._lab.record(ev.ExperimentUnpinned(number, by, ""))
            await self._lab.git(self._lab.repository.unpin, "pinned", number)

    def _read_as(self, commit: str, seen: str, by: str) -> None:
        """Put the texts back as a version has them, unless they are others by now than those that were `seen`."""
        carried = prompts_folder()
        try:
            prompts.follow(self._lab, carried)
            if self._lab.state.prompts_tree != seen:
                raise promoter.Refused("changed while you read: a text was saved since, which is taken back first")
            prompts.put_back(self._lab, commit)
            prompts.follow(self._lab, carried, by)
        except (prompts.PromptError, OSError) as error:
            raise promoter.Refused(f"the texts cannot be put back: {error}") from error

    def _mode(self, mode: str, by: str) -> None:
        if self._lab.walls.backend == "none":
            raise promoter.Refused("this lab runs without a sandbox, so nothing moves trunk: the mode stays")
        self._lab.record(ev.ModeChanged(cast("Mode", mode), by, ""))

    def _pause(self, names: list[str], by: str, action: Action) -> None:
        reasons = dict(zip(action.names, action.was, strict=False))
        for name in names:
            self._lab.record(ev.WorktreePaused(name, reasons.get(name) or f"by {by}", by, action.together))

    def _resume(self, names: list[str], by: str, action: Action) -> None:
        for name in names:
            self._lab.record(ev.WorktreeResumed(name, by, action.together))

    def _facts(self, action: Action) -> dict[str, object]:
        trunk = self._lab.state.trunk.commit if self._lab.state.trunk else ""
        return {"action": action.seq, "kind": action.kind, "new": trunk}


def _expect(action: Action, expected: Mapping[str, object]) -> None:
    """Refuse where the action is no longer the one that the caller saw."""
    if "action" in expected and expected["action"] != action.seq:
        raise promoter.Refused(f"changed while you read: the last action is a {action.kind} by {action.by} now")
