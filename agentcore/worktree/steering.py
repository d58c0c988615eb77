"""What can a person ask of the worktrees and their runs, and what does the engine answer?

Each verb is an event with who and when; what has an effect outside of the journal is announced there first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from agentcore import events as ev
from agentcore.engine import running
from agentcore.engine.control import Answer, Command
from agentcore.engine.lab import Lab
from agentcore.engine.signing import because, who
from agentcore.plan import home_base
from agentcore.queue import promoter
from agentcore.state import Run
from agentcore.worktree import making, permits, retiring
from agentcore.worktree.retiring import EndAgent


class WorktreeDesk:
    """Answers the commands over worktrees. Raises promoter.Refused with the reason."""

    def __init__(self, lab: Lab, end_agent: EndAgent) -> None:
        self._lab, self._end_agent = lab, end_agent

    @property
    def verbs(self) -> Mapping[str, Callable[[Command], Awaitable[Answer]]]:
        """{verb: what answers it}."""
        return {
            "pause": self._pause,
            "resume": self._resume,
            "kill": self._kill,
            "rebase": self._rebase,
            "retire": self._retire,
            "new": self._new,
            "retest-stop": self._stop_retest,
        }

    async def _pause(self, command: Command) -> Answer:
        by, everywhere = who(self._lab, command), bool(command.arguments.get("all"))
        names = self._names(command)
        why = because(self._lab, command) or f"by {by}"
        for name in names:
            self._lab.record(ev.WorktreePaused(name, why, by, everywhere))
        verb = "pauses" if len(names) == 1 else "pause"
        return Answer(0, f"{_listed(names)} {verb} after the run in progress", {"worktrees": names})

    async def _resume(self, command: Command) -> Answer:
        by, everywhere = who(self._lab, command), bool(command.arguments.get("all"))
        names = self._names(command)
        for name in names:
            self._lab.record(ev.WorktreeResumed(name, by, everywhere))
        return Answer(0, f"{_listed(names)} {'goes' if len(names) == 1 else 'go'} on", {"worktrees": names})

    async def _kill(self, command: Command) -> Answer:
        state, name = self._lab.state, str(command.arguments["worktree"])
        expected = command.arguments.get("expect") or {}
        if reason := permits.unknown(state, name):
            raise ValueError(reason)
        if reason := permits.changed(state, name, expected) or permits.kill_refusal(state, name):
            raise promoter.Refused(reason)
        run, by = permits.run_of(state, name), who(self._lab, command)
        assert run is not None, "kill_refusal has looked"
        after = permits.after_kill(state, run)
        if run.purpose == "retest":
            await self._drop_retest(by)
        else:
            running.stop(self._lab, run, by)
            self._tell_agent(run)
        return Answer(0, f"run {run.number} in {name} ends: {after}", {"run": run.number, "worktree": name})

    async def _rebase(self, command: Command) -> Answer:
        state, name = self._lab.state, str(command.arguments["worktree"])
        if reason := permits.unknown(state, name):
            raise ValueError(reason)
        if reason := permits.rebase_refusal(state, name):
            raise promoter.Refused(reason)
        self._lab.record(ev.WorktreeRebaseAsked(name, True, who(self._lab, command)))
        when = "as soon as its agent has ended its turn" if state.worktrees[name].thinking else "now"
        base = home_base(state, state.worktrees[name])[:7]
        return Answer(0, f"{name} goes to {base} {when}; what is in no commit is kept", {"worktree": name})

    async def _retire(self, command: Command) -> Answer:
        state, name = self._lab.state, str(command.arguments["worktree"])
        if name not in state.worktrees:
            raise ValueError(permits.unknown(state, name))
        if reason := permits.retire_refusal(state, name):
            raise promoter.Refused(reason)
        loose = await retiring.loose(self._lab, name)
        if loose and not command.arguments.get("named"):
            shown = ", ".join(loose[:3]) + (" …" if len(loose) > 3 else "")
            raise promoter.Refused(f"{name} holds work that is in no commit ({shown}): say its name, or --yes")
        event = await retiring.retire(self._lab, name, who(self._lab, command), self._end_agent)
        kept = f"; its work is kept as {event.kept[:7]}" if event.kept else ""
        facts = {"worktree": name, "kept": event.kept, "trash": event.trash}
        return Answer(0, f"{name} is retired{kept}; its branch stays, undo brings it back for 14 days", facts)

    async def _new(self, command: Command) -> Answer:
        count, words = int(command.arguments.get("count") or 1), str(command.arguments.get("direction") or "").strip()
        if reason := permits.new_refusal(self._lab.state, count):
            raise promoter.Refused(reason)
        names = await making.make(self._lab, count, self._lab.scrubber.clean(words))
        return Answer(0, f"made {_listed(names)}", {"worktrees": names})

    async def _stop_retest(self, command: Command) -> Answer:
        retest = self._lab.state.retest
        if retest is None:
            raise promoter.Refused("no retest is on its way")
        await self._drop_retest(who(self._lab, command))
        return Answer(0, f"retest {retest.number} is dropped", {"retest": retest.number})

    async def _drop_retest(self, by: str) -> None:
        """End the open retest and its runs; a revert that it has announced comes to its end first."""
        async with self._lab.trunk:
            retest = self._lab.state.retest
            if retest is None:
                raise promoter.Refused("no retest is on its way")
            self._lab.record(ev.RetestEnded(retest.number, "DROPPED", f"dropped by {by}", by), durable=True)
        for run in list(self._lab.state.active.values()):
            if run.purpose == "retest" and not run.stopped:
                running.stop(self._lab, run, by)

    def _tell_agent(self, run: Run) -> None:
        """Tell the agent of an experiment that was stopped; the search agent reads no words."""
        if run.purpose != "screen" or run.experiment is None:
            return
        experiment = self._lab.state.experiments[run.experiment]
        if self._lab.state.worktrees[experiment.worktree].agent != "search":
            text = f"#{run.experiment} ({experiment.hypothesis}) was stopped by the person while it trained"
            self._lab.record(ev.MessageSent(experiment.worktree, f"{text}: it has no score", "engine"))

    def _names(self, command: Command) -> list[str]:
        """Return whom a pause or its end is for. Raises Refused."""
        state, verb = self._lab.state, command.verb
        if command.arguments.get("all"):
            if reason := permits.all_refusal(state, verb):
                raise promoter.Refused(reason)
            return permits.affected(state, verb)
        name = str(command.arguments["worktree"])
        if reason := permits.unknown(state, name):
            raise ValueError(reason)
        if reason := permits.pause_refusal(state, verb, name):
            raise promoter.Refused(reason)
        return [name]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
