"""What may an agent touch, and how does it tell the lab what goes on?

A workspace is made for one proposal. The agent edits files in `folder`, runs commands through `run`, and reports: what
it did (transcript), why it waits, what it spent, what it wants to remember.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentcore import events as ev
from agentcore.away import limits as away
from agentcore.brief import privacy
from agentcore.brief.spending import Usage, price_of
from agentcore.brief.transcript import Transcript
from agentcore.engine.lab import Lab
from agentcore.engine.walls import COMMAND_SHARE, absent, desk, memory_mb
from agentcore.plan import Limits, spent_out
from agentcore.worktree import questions
from worktrees import confined, metrics, rooms
from worktrees.confined import Finished
from worktrees.project import Privacy
from worktrees.repository import ForeignChange
from worktrees.sandbox import Policy
from worktrees.text import printable

SMOKE_LINES, SMOKE_WIDTH = 40, 400
"""What an agent sees of a failed smoke check."""
SMOKE_SEED = 1
COMMAND_BYTES = 32 << 20
"""What one command of an agent may print."""
NOTE_CHARACTERS = 500
ARGUMENT_CHARACTERS = 500
"""What a transcript keeps of one argument of a command: a brief may be one."""


class OutOfBudget(Exception):
    """The lab's limit of money or tokens is reached: no further model turn may be paid for."""


@dataclass(frozen=True)
class Ran:
    """A command that has ended, and the file with what it printed."""

    finished: Finished
    output: Path


class Workspace:
    """One agent's place for one proposal in the worktree `name`."""

    def __init__(self, lab: Lab, name: str, transcript: Transcript, *, is_local: bool = False) -> None:
        """`is_local`: nothing that the agent reads leaves this machine."""
        self.name = name
        self.folder = lab.paths.worktree(name)
        self.scratch = lab.paths.scratch_of(name)
        self.transcript = transcript
        self.limits = lab.project.limits
        self.clean = lab.scrubber.clean
        """Takes secrets and control characters out of a text: everything that goes to a model passes through it."""
        self.privacy = Privacy() if is_local else lab.project.privacy
        self._lab = lab
        self._commands = 0
        self._desk = desk(lab.project, lab.paths, name)
        self._apart = lab.paths.scratch_of(f"{name}-smoke") if self.privacy.local_only else self.scratch
        """The smoke check's scratch folder: where it reads what the agent must not, the agent sees none of it."""
        self._local: set[int] = set()
        """Inodes of what was local only when it was looked for."""
        self._entered: set[Path] = set()
        _empty(self.scratch)

    async def run(
        self,
        argv: Sequence[str],
        wall_s: float,
        *,
        output_bytes: int = COMMAND_BYTES,
        environment: Mapping[str, str] | None = None,
        network: bool = False,
        read: Sequence[Path] = (),
        write: Sequence[Path] = (),
        sees_all: bool = False,
    ) -> Ran:
        """Run a command in the worktree and write down how it ended. Raises confined.CannotStart.

        `read` and `write` are what it may read, and change, outside of the lab. One that `sees_all` reads what is local
        only, too: then it changes nothing that the agent could read.
        """
        self._commands += 1
        scratch = self._apart if sees_all else self.scratch
        if scratch.is_symlink() or not scratch.is_dir():  # the command before has taken it away
            _empty(scratch)
        output = scratch / f"output-{self._commands:03d}.txt"
        using = self._lab.walls.backend
        hidden = await asyncio.to_thread(self._hide, (*read, *write))
        room = rooms.think(self._desk, using, network=network)
        room = replace(room, readable=(*room.readable, *read), writable=(*room.writable, *write))
        if scratch == self.scratch:
            room = replace(room, hidden=(*room.hidden, *hidden))
        else:
            room = replace(room, readable=(*room.readable, self.folder), writable=(scratch,))
        await self._enter(room, scratch)
        command = confined.Command(
            argv=argv,
            folder=self.folder,
            environment=confined.environment(self.folder, scratch, environment),
            wall_s=wall_s,
            output_bytes=output_bytes,
            policy=room,
            using=using,
            memory_mb=COMMAND_SHARE * memory_mb(self._lab.project, len(self._lab.slots)),
        )
        began = self.now
        ending: dict[str, Any] = {"ended_by": "cancelled", "code": None, "wall_s": None, "output_bytes": None}
        try:
            finished = await confined.run(command, output)
            ending = {name: getattr(finished, name) for name in ending}
            return Ran(finished, output)
        except confined.CannotStart as error:
            ending |= {"ended_by": "not started", "text": str(error)}
            raise
        finally:
            clean = map(self.clean, argv)  # before the cut: half of a secret is not known for one
            short = [part if len(part) <= ARGUMENT_CHARACTERS else f"{part[:ARGUMENT_CHARACTERS]}…" for part in clean]
            took_s = self.now - began if ending["wall_s"] is None else ending["wall_s"]
            ending |= {"wall_s": round(took_s, 3), "sandbox": using}
            self.transcript.write("command", argv=short, **ending)

    def local_files(self) -> tuple[Path, ...]:
        """Return what of worktree and training text is local only, as few paths as say it; walks through both."""
        if not self.privacy.local_only:
            return ()
        data = self._desk.data
        found = [*privacy.found(self.privacy, self.folder, "", self._desk.edit, self._local)]
        if data.is_dir():
            found += privacy.found(self.privacy, data, f"{data.relative_to(self._lab.paths.root).as_posix()}/")
        self._local |= {path.stat().st_ino for path in found}
        return tuple(found)

    def _hide(self, given: Sequence[Path]) -> tuple[Path, ...]:
        """Return what a room hides from a remote model. Raises CannotStart where it could not, or `given` shows it."""
        if not self.privacy.local_only:
            return ()
        if self._lab.walls.backend == "none":
            raise confined.CannotStart("without a sandbox nothing hides what is local only ([privacy] in lab.toml)")
        for path in given:
            if privacy.shows(self.privacy, path, self._lab.paths.root):
                raise confined.CannotStart(f"{path} shows the lab, where files are local only ([privacy] in lab.toml)")
        try:
            return self.local_files()
        except OSError as error:
            raise confined.CannotStart(f"what is local only cannot be found: {error}") from error

    async def _enter(self, room: Policy, scratch: Path) -> None:
        """Try the walls before the first command of a room. Raises CannotStart where one does not stand: the lab stops.

        Rooms with the same scratch folder are one.
        """
        if scratch in self._entered:
            return
        try:
            tag = str(self.folder.resolve())  # whoever ends what commands have left here ends what this has left too
            checks = await asyncio.to_thread(rooms.enter, room, self._lab.walls.backend, absent(self._lab.paths), tag)
        except rooms.Breach as breach:
            self._lab.breach = str(breach)
            raise confined.CannotStart(str(breach)) from breach
        self._entered.add(scratch)
        self._lab.record(ev.RoomEntered(self.name, self._lab.walls.backend, len(checks)))

    async def smoke(self) -> str:
        """Try the edit for seconds; return why it fails, with the end of its traceback, or an empty string.

        On the CPU also where trainings use a GPU: a second process there would disturb the run that is measured.
        """
        project = self._lab.project
        argv = project.argv(project.commands.smoke, self._lab.profile_name, SMOKE_SEED)
        if not argv:
            return ""
        profile = self._lab.profile
        if self._apart != self.scratch:
            _empty(self._apart)
        out = self._apart / "smoke"
        _empty(out)
        environment = {
            "OMP_NUM_THREADS": "1",
            **project.env(profile, SMOKE_SEED),
            "NIGHTLAB_DATA": str(self._lab.paths.data / "train"),
            "NIGHTLAB_OUT": str(out),
            "NIGHTLAB_SEED": str(SMOKE_SEED),
            "NIGHTLAB_BUDGET": profile.smoke_budget,
            "NIGHTLAB_SCALE": "1",
            "NIGHTLAB_DEVICE": "cpu",
        }
        try:
            ran = await self.run(argv, profile.smoke_wall_s, environment=environment, sees_all=True)
        except confined.CannotStart as error:
            return str(error)
        if ran.finished.ended_by == "time":
            return f"the smoke check did not end within {profile.smoke_wall_s:g} s"
        if ran.finished.ended_by == "memory":
            return "the smoke check held too much memory and was ended"
        if ran.finished.ended_by == "output":
            return f"the smoke check printed {ran.finished.output_bytes >> 20} MiB and was ended"
        if ran.finished.code == 0:
            return ""
        failed = f"the smoke check failed (exit code {ran.finished.code})"
        words = "\n".join(await asyncio.to_thread(metrics.tail_text, ran.output, SMOKE_LINES, SMOKE_WIDTH))
        if self.privacy.local_only:
            self.transcript.write("output", text=words)
            return f"{failed}; {privacy.UNSAID} ([privacy] in lab.toml)"
        return f"{failed}:\n{words}"

    async def refusal(self) -> str:
        """Return why the edit cannot become an experiment as it is, or an empty string.

        What was changed outside of the editable files is put back first.
        """
        lab, project = self._lab, self._lab.project.project
        base = lab.state.worktrees[self.name].base
        if foreign := await lab.git(lab.repository.restore, self.folder, base, project.edit):
            return f"you may change only {', '.join(project.edit)}; put back as it was: {', '.join(foreign)}"
        try:
            commit = await lab.git(lab.repository.collect, self.folder, base, project.edit, "tried", project.frozen)
        except ForeignChange as error:
            return str(error)
        tree = await lab.git(lab.repository.tree_of, commit)
        if tree == lab.state.worktrees[self.name].base_tree:
            return "nothing is changed: edit the file first"
        if earlier := lab.state.trees.get(tree):
            experiment = lab.state.experiments[earlier]
            came = experiment.outcome or "waits for its run"
            return f"this is exactly #{earlier} ({experiment.hypothesis}): {came}. Propose something else"
        return ""

    def spend(self, model: str, usage: Usage) -> None:
        """Record what a model turn cost."""
        price = price_of(model, self._lab.project.agents.anthropic.price)
        usd = price.of(usage) if price else 0.0
        self.transcript.write("usage", model=model, usd=round(usd, 6), **_numbers(usage))
        self._lab.record(ev.TokensUsed(self.name, model, usage, usd))

    def check_budget(self) -> None:
        """Raise OutOfBudget where no further model turn may be paid for."""
        limits = Limits(usd=self.limits.usd, tokens=self.limits.tokens)
        if reason := spent_out(self._lab.state, limits) or away.spent(self._lab.state):
            raise OutOfBudget(reason)

    def tell(self, state: ev.AgentState, text: str = "", until: float | None = None) -> None:
        """Say that the agent waits (and until when), or goes on."""
        thinking = self._lab.state.worktrees[self.name].thinking
        text = self.clean(text)
        if thinking and (thinking.state, thinking.text, thinking.until) != (state, text, until):
            self._lab.record(ev.AgentStateChanged(self.name, state, text, until))
            self.transcript.write("state", state=state, text=text, until=until)

    def go_on(self) -> None:
        """Say that the wait for the provider is over."""
        thinking = self._lab.state.worktrees[self.name].thinking
        if thinking and thinking.state == "LIMIT":
            self.tell("THINK")

    def note(self, text: str) -> None:
        """Keep a line for later proposals of this worktree."""
        line = " ".join(self.clean(text).split())[:NOTE_CHARACTERS]
        if line:
            self._lab.record(ev.NoteTaken(self.name, line))

    def question_refusal(self) -> str:
        """Return why the researcher cannot be asked now, or an empty string."""
        return questions.refusal(self._lab.state, self.name)

    def messages(self) -> tuple[str, ...]:
        """Return what the researcher said and no agent has read yet, once."""
        worktree = self._lab.state.worktrees[self.name]
        new = tuple(each.words for each in worktree.messages[worktree.read :])
        if new:
            self._lab.record(ev.MessagesRead(self.name, len(new)))
            for text in new:
                self.transcript.write("message", text=text)
        return new

    def secret(self, name: str) -> str | None:
        """Return a variable that the engine took out of its environment, for a program that needs it."""
        return self._lab.secrets.get(name)

    @property
    def now(self) -> float:
        """Unix time."""
        return self._lab.clock()


def _empty(folder: Path) -> None:
    """Make an empty folder, whatever an agent left there: a file, a link to elsewhere, what cannot be removed."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def one_line(text: str, width: int = 200) -> str:
    """Return a text as one line of at most `width` characters."""
    line = " ".join(printable(text).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _numbers(usage: Usage) -> dict[str, int]:
    return {
        "input": usage.input,
        "cache_write": usage.cache_write + usage.cache_write_1h,
        "cache_read": usage.cache_read,
        "output": usage.output,
    }
