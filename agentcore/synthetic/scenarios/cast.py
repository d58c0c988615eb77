"""Who proposes in a scenario? Agents that play a role: each thinks, edits and asks as its role says.

steady      thinks for a while, changes one constant, proposes
slow        the same, but thinks for minutes
limited     its provider says wait, again and again
daring      proposes what diverges after seconds
crashing    proposes what crashes
editing     writes into its worktree all the time
asking      asks the researcher something, once
hostile     says what terminals obey
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from agentcore import events as ev
from agentcore.agents import Agent, Asked, Proposal
from agentcore.agents.roster import NO_KEY, Roster
from agentcore.brief.spending import Usage
from agentcore.brief.text import Brief
from agentcore.state import LabState
from agentcore.synthetic.scenarios import Part, study
from agentcore.synthetic.scenarios.study import FILE, Idea
from agentcore.worktree.workspace import Workspace
from worktrees.project import Project

MODEL = "claude-sonnet-5-5"

THINK_S = {"steady": 40.0, "slow": 600.0, "daring": 45.0, "crashing": 90.0, "asking": 8.0, "hostile": 300.0}
"""How long each thinks, before the scenario's speed."""
STEP_S = 2.0
"""Between two things that an agent does."""
BACK_S = 360.0
"""How long a provider says to wait."""

QUESTION = "raise device batch to 128? VRAM 71G of 80G"

HOSTILE = (
    "[/] [red]not red[/red] [bold",
    "\x1b]0;PWN\x07a title \x1b]52;c;UFdO\x07and a clipboard",
    "\x1b[2J\x1b[H gone? \x9b2J",
    "x" * 5_000,
    "one\rtwo\rthree",
    "nul \x00 and bell \x07",
    "宽字符 双倍宽度 ﷽ e\u0301 \u202eright to left",
)
"""What a model, or a log, may hold."""


class Actor:
    """An agent that plays its worktree's role."""

    def __init__(self, part: Part, name: str, roles: Mapping[str, str]) -> None:
        self.name = name
        self._part = part
        self._roles = roles
        self._has_asked: set[str] = set()

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Think, change one constant, say why."""
        role = self._roles.get(brief.worktree, "steady")
        if role == "limited":
            await self._wait_for_provider(workspace)
        idea = self._idea(brief)
        await self._think(workspace, brief, role, idea)
        if role == "asking" and brief.worktree not in self._has_asked:
            self._has_asked.add(brief.worktree)
            raise Asked(QUESTION)
        path = workspace.folder / FILE
        path.write_text(idea.written(brief.source[FILE]), encoding="utf-8")
        workspace.transcript.write("tool", name="edit", input={"path": FILE, "old": idea.name, "new": idea.value})
        workspace.transcript.write("result", text="+1 -1", ok=True)
        detail: dict[str, Any] = {"constant": idea.name}
        if role == "daring":
            detail["plays"] = "nan"
        if role == "crashing":
            detail["plays"] = "crash"
        if role == "hostile":
            detail["plays"] = "hostile"
            return Proposal(" ".join(HOSTILE), detail)
        return Proposal(idea.words, detail)

    async def _think(self, workspace: Workspace, brief: Brief, role: str, idea: Idea) -> None:
        speed = self._part.speed
        end = workspace.now + THINK_S.get(role, THINK_S["steady"]) / speed
        for step in itertools.count():
            self._say(workspace, brief, role, idea, step)
            if role == "editing":
                self._scribble(workspace, brief, step)
            elif workspace.now >= end:
                break
            workspace.messages()
            await asyncio.sleep(min(STEP_S, max(0.05, end - workspace.now)) if role != "editing" else STEP_S / speed)
        if self._part.has_model:
            workspace.spend(MODEL, Usage(input=5_000, cache_read=80_000, cache_write=26_000, output=9_000))

    def _say(self, workspace: Workspace, brief: Brief, role: str, idea: Idea, step: int) -> None:
        write = workspace.transcript.write
        if role == "hostile":
            write("thought" if step % 2 else "text", text=HOSTILE[step % len(HOSTILE)])
        elif step == 0:
            write("thought", text=f"{len(brief.experiments)} experiments so far. One change at a time: {idea.words}.")
        elif step == 1:
            write("tool", name="read", input={"path": FILE})
            write("result", text=brief.source[FILE][:400], ok=True)
        elif role != "steady" and step % 10 == 0:
            write("thought", text=f"What was near {idea.name} before? Nothing that says no.")

    def _scribble(self, workspace: Workspace, brief: Brief, step: int) -> None:
        """Write into the worktree: one hunk more with each step, up to twelve, then from the beginning."""
        source = brief.source[FILE]
        for idea in itertools.islice(study.ideas(f"{self._part.seed} scribble"), 1 + step % 12):
            source = idea.written(source)
        lines = "".join(f"# note {number}: checked by hand\n" for number in range(1 + step % 5))
        (workspace.folder / FILE).write_text(source + lines, encoding="utf-8")
        workspace.transcript.write("tool", name="edit", input={"path": FILE, "step": step})

    async def _wait_for_provider(self, workspace: Workspace) -> None:
        for attempt in range(3, 9):
            back = workspace.now + BACK_S / self._part.speed
            workspace.tell("LIMIT", f"429 from provider, try {attempt} of 8", back)
            while workspace.now < back:
                await asyncio.sleep(min(5.0, back - workspace.now))
        workspace.go_on()

    def _idea(self, brief: Brief) -> Idea:
        """Return an idea that nobody has had: its tree is new."""
        asked = sum(each.worktree == brief.worktree for each in brief.experiments)
        known = {each.hypothesis for each in brief.experiments}
        source = brief.source[FILE]
        for idea in study.ideas(f"{self._part.seed} {brief.worktree} {asked}"):
            if idea.words not in known and idea.written(source) != source:
                return idea
        raise AssertionError("ideas are without end")


class Cast(Roster):
    """Puts an actor into every worktree."""

    def __init__(self, project: Project, part: Part) -> None:
        super().__init__(project, {}, {}, lambda: 0.0)
        self._part = part
        self._actor = Actor(part, agent_name(part), part.roles)

    def assign(self, worktrees: Iterable[str]) -> ev.AgentsAssigned:
        """Return who works where: the same for all."""
        return assigned(self._part, worktrees)

    def choose(self, state: LabState, worktree: str) -> Agent:
        """Return the actor."""
        return self._actor


def agent_name(part: Part) -> str:
    """Return which backend the actor stands for."""
    return "anthropic" if part.has_model else "search"


def assigned(part: Part, worktrees: Iterable[str]) -> ev.AgentsAssigned:
    """Return who works where, and why where that is not what lab.toml says."""
    agents = dict.fromkeys(worktrees, agent_name(part))
    return ev.AgentsAssigned(agents, MODEL) if part.has_model else ev.AgentsAssigned(agents, "", NO_KEY)
