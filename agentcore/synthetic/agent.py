"""Who proposes in a synthetic lab? One agent for all worktrees, which takes the world's ideas in their order."""

from __future__ import annotations

from collections.abc import Iterable

from agentcore import events as ev
from agentcore.agents import Agent, Proposal
from agentcore.agents.roster import Roster
from agentcore.brief.text import Brief
from agentcore.state import LabState
from agentcore.synthetic.project import RECIPE, with_idea
from agentcore.synthetic.world import World
from agentcore.worktree.workspace import Workspace
from worktrees.project import Project


class SyntheticAgent:
    """Writes the next idea that nobody has proposed yet, or again one that did not fit on trunk any more."""

    name = "synthetic"

    def __init__(self, world: World) -> None:
        self._world = world
        self._next: int | None = None

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Write one idea into the recipe."""
        again = next(iter(brief.conflicts), None)
        idea = self._take(brief) if again is None else int(brief.experiments[again - 1].detail["idea"])
        path = workspace.folder / RECIPE
        path.write_text(with_idea(path.read_text(encoding="utf-8"), self._world, idea), encoding="utf-8")
        return Proposal(f"idea {idea}", {"idea": idea}, rework_of=again)

    def _take(self, brief: Brief) -> int:
        """Go on behind the newest idea in the journal, as after a kill."""
        if self._next is None:
            self._next = 1 + max((int(each.detail["idea"]) for each in brief.experiments), default=0)
        idea, self._next = self._next, self._next + 1
        return idea


class SyntheticRoster(Roster):
    """Puts the synthetic agent into every worktree."""

    def __init__(self, project: Project, agent: SyntheticAgent) -> None:
        super().__init__(project, {}, {}, lambda: 0.0)
        self._agent = agent

    def assign(self, worktrees: Iterable[str]) -> ev.AgentsAssigned:
        """Return who works where: always the same."""
        return ev.AgentsAssigned(dict.fromkeys(worktrees, self._agent.name))

    def choose(self, state: LabState, worktree: str) -> Agent:
        """Return the synthetic agent."""
        return self._agent
