"""What can a person ask of the engine, and what does it answer?"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from agentcore import events as ev
from agentcore.away.leaving import AwayDesk
from agentcore.engine.codes import FAILED, LIMIT, REFUSED, USAGE
from agentcore.engine.control import Answer, Command
from agentcore.engine.housekeeping import CareDesk
from agentcore.engine.lab import Lab
from agentcore.journal.rows import JournalError
from agentcore.notices import NotSent, sending
from agentcore.notices.courier import Courier
from agentcore.project import importing
from agentcore.queue import promoter, verbs
from agentcore.queue.queueing import QueueDesk
from agentcore.queue.stacks import named, parties
from agentcore.queue.verbs import STOPPED
from agentcore.retest import due as retest
from agentcore.undo.history import UndoDesk
from agentcore.worktree import permits
from agentcore.worktree.retiring import EndAgent, nobody_thinks
from agentcore.worktree.steering import WorktreeDesk
from worktrees.repository import RepositoryError

MESSAGE_CHARACTERS = 4000


class Desk:
    """Answers commands. `stop` is how the engine is told to leave, `drain` how it is told to leave after its runs."""

    def __init__(
        self,
        lab: Lab,
        stop: Callable[[str, bool], None],
        end_agent: EndAgent = nobody_thinks,
        drain: Callable[[str], None] | None = None,
        courier: Courier | None = None,
    ) -> None:
        self._lab = lab
        self._courier = courier
        self._stop = stop
        self._drain = drain or (lambda reason: stop(reason, False))
        self._verbs: dict[str, Callable[[Command], Awaitable[Answer]]] = {
            "merge": self._merge,
            "say": self._say,
            "release": self._release,
            "idea": self._idea,
            "drop-idea": self._drop_idea,
            "import": self._import,
            "retest": self._retest,
            "notify": self._notify,
            "stop": self._leave,
            "ping": self._ping,
            **AwayDesk(lab).verbs,
            **UndoDesk(lab, end_agent).verbs,
            **WorktreeDesk(lab, end_agent).verbs,
            **QueueDesk(lab).verbs,
            **CareDesk(lab).verbs,
        }

    async def handle(self, command: Command) -> Answer:
        """Carry a command out, or say why not."""
        verb = self._verbs.get(command.verb)
        if verb is None:
            return Answer(USAGE, f"unknown command {command.verb!r}; known: {', '.join(self._verbs)}")
        try:
            return await verb(command)
        except promoter.Refused as refusal:
            return Answer(REFUSED, str(refusal))
        except RepositoryError as error:  # the intent of a merge stands: the engine's next round brings it to its end
            return Answer(REFUSED, f"{error}; the engine goes on trying")
        except JournalError as error:
            return Answer(LIMIT, str(error))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return Answer(USAGE, f"{command.verb}: bad argument {error}")

    async def _merge(self, command: Command) -> Answer:
        """Merge one candidate; those that are to follow (`then`) are merged once they are READY on the new trunk.

        They are recorded after the merge: a kill between the two merges fewer than was asked for, never more.
        """
        number = int(command.arguments["experiment"])
        self._expect(number, command.arguments.get("expect") or {})
        others = [int(each) for each in command.arguments.get("then") or ()]
        if reason := next((why for each in others if (why := verbs.unready(self._lab.state, each))), ""):
            raise promoter.Refused(reason)
        following = parties(self._lab.state, others)
        moved = await promoter.promote(self._lab, number, command.by)
        landed = moved.stack or (number,)
        then = tuple(each for party in following for each in party if each not in landed)
        facts = {"old": moved.old, "new": moved.new, "tree": moved.tree, "stack": moved.stack}
        said = f"merged {named(landed)}: trunk {moved.old[:7]} → {moved.new[:7]}"
        if then:
            self._lab.record(ev.MergesWanted(then, command.by))
            said += f"; {named(then)} {'follows' if len(then) == 1 else 'follow'} once confirmed on it"
        return Answer(0, said, {"experiment": number, **facts, "then": then})

    def _expect(self, number: int, expected: Mapping[str, Any]) -> None:
        """Refuse where the facts are no longer those that the caller saw when it asked."""
        if reason := verbs.changed(self._lab.state, number, expected):
            raise promoter.Refused(reason)

    async def _release(self, command: Command) -> Answer:
        number, because = int(command.arguments["experiment"]), str(command.arguments.get("because") or "").strip()
        candidate = self._lab.state.candidates.get(number)
        if candidate is None or candidate.state != "BLOCKED":
            state = "not in the queue" if candidate is None else candidate.state
            return Answer(REFUSED, f"#{number} is {state}: only BLOCKED candidates are released")
        if not because:
            return Answer(USAGE, "say why: it is recorded with your name")
        reason = f"released: {self._lab.scrubber.clean(because)[:MESSAGE_CHARACTERS]}"
        self._lab.record(ev.CandidateMoved(number, "NEW", reason, command.by))
        self._lab.say(STOPPED, "")  # it names the candidate that was found on trunk as another tree
        return Answer(0, f"#{number} goes on to its confirmation")

    async def _import(self, command: Command) -> Answer:
        source = str(command.arguments["source"])
        try:
            table = importing.read(str(command.arguments["text"]), Path(source).name)
            known = await self._lab.git(self._lab.repository.commits, importing.hashes(table))
            event = importing.history(self._lab.state, table, source, command.by, known, self._lab.scrubber)
        except importing.NotImported as error:
            return Answer(REFUSED, str(error))
        self._lab.record(event)
        return Answer(0, f"imported {importing.told(event)}", importing.facts(event))

    async def _retest(self, command: Command) -> Answer:
        if self._lab.walls.backend == "none":
            return Answer(REFUSED, "this lab runs without a sandbox (--no-sandbox): nothing is verified")
        if refusal := retest.refusal(self._lab.state):
            return Answer(REFUSED, refusal)
        started = retest.begin(self._lab.state, command.by)
        self._lab.record(started)
        base, head = started.steps[0].commit, started.steps[-1].commit
        text = f"trunk {head[:7]} is tried at {started.scale} times the size, against {base[:7]}"
        return Answer(0, text, {"retest": started.retest, "base": base, "trunk": head, "seeds": started.seeds})

    async def _say(self, command: Command) -> Answer:
        text = self._lab.scrubber.clean(str(command.arguments["text"])).strip()[:MESSAGE_CHARACTERS]
        if not text:
            return Answer(USAGE, "there is nothing to say")
        wanted = command.arguments.get("worktree")
        names = [str(wanted)] if wanted else [each.name for each in self._lab.state.standing]
        if reason := next(filter(None, (permits.unknown(self._lab.state, name) for name in names)), ""):
            raise ValueError(reason)
        readers = [name for name in names if self._lab.state.worktrees[name].agent != "search"]
        if not readers:
            return Answer(REFUSED, f"the search agent works in {', '.join(names)}: it samples and reads no words")
        for name in readers:
            self._lab.record(ev.MessageSent(name, text, command.by, all=not wanted))
        return Answer(0, f"told {', '.join(readers)}: read at the agent's next turn", {"worktrees": readers})

    async def _idea(self, command: Command) -> Answer:
        text = self._lab.scrubber.clean(str(command.arguments["text"])).strip()[:MESSAGE_CHARACTERS]
        if not text:
            return Answer(USAGE, "an idea needs words")
        number = max(self._lab.state.ideas, default=0) + 1
        self._lab.record(ev.IdeaAdded(number, text, command.by))
        return Answer(0, f"idea {number} is offered to every agent from its next proposal on", {"idea": number})

    async def _drop_idea(self, command: Command) -> Answer:
        number = int(command.arguments["idea"])
        idea = self._lab.state.ideas.get(number)
        if idea is None:
            known = ", ".join(str(each) for each in sorted(self._lab.state.ideas)) or "none"
            return Answer(REFUSED, f"there is no idea {number}; there are: {known}")
        if idea.dropped_by:
            return Answer(REFUSED, f"idea {number} was dropped already, by {idea.dropped_by}")
        self._lab.record(ev.IdeaDropped(number, command.by))
        return Answer(0, f"idea {number} is not offered any more", {"idea": number})

    async def _notify(self, command: Command) -> Answer:
        """Send one notice that tells of nothing, from here: at night it is this process that sends."""
        lab, courier = self._lab, self._courier
        if courier is None:
            return Answer(REFUSED, "this lab is played: nobody is told of it")
        name = lab.state.config.name if lab.state.config else lab.paths.root.name
        try:
            said = await sending.test(name, lab.paths.root, lab.clock(), courier.file, courier.environment)
        except NotSent as error:
            return Answer(FAILED, lab.scrubber.clean(str(error)))
        return Answer(0, lab.scrubber.clean("; ".join(said)), {"said": said})

    async def _leave(self, command: Command) -> Answer:
        now, runs = bool(command.arguments.get("now")), len(self._lab.state.active)
        if command.arguments.get("after_runs") and runs:
            self._drain(f"stopped by {command.by}, after the runs in progress")
            return Answer(0, f"nothing new starts; the engine leaves after its {runs} runs", {"runs": runs})
        self._stop(f"stopped by {command.by}", now)
        fate = "are ended now" if now else "go on under their shims"
        return Answer(0, f"the engine leaves; {runs} runs {fate}", {"runs": runs})

    async def _ping(self, command: Command) -> Answer:
        return Answer(0, "here", {"pid": os.getpid(), "seq": self._lab.state.seq})
