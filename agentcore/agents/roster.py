"""Which agent works in which worktree, and who stands in for one that cannot?

lab.toml names a backend for the lab and, where one wants, another for single worktrees. Without a key the coding agent
cannot be asked at all, and the search agent has its place. With one that is refused, or after it was silent too often
in a row, the search agent stands in for one proposal at a time: no slot waits for a model.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from agentcore import events as ev
from agentcore.agents import Agent
from agentcore.agents.connection import BASE_URL, KEY, TOKEN, connection
from agentcore.state import LabState
from worktrees.project import ModelSettings, Project

NO_KEY = (
    f"no model key is set, so the search agent works: export {KEY} (or {TOKEN}, and {BASE_URL} for a server of your "
    "own), then nightlab stop && nightlab start"
)


class Roster:
    """The lab's agents. One of each backend serves all worktrees, so that they share its rate limit and its memory."""

    def __init__(
        self,
        project: Project,
        secrets: Mapping[str, str],
        environment: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._project = project
        self._secrets = secrets
        self._environment = environment
        self._made: dict[str, Agent] = {}
        self._closing: list[Callable[[], Awaitable[None]]] = []

    def assign(self, worktrees: Iterable[str]) -> ev.AgentsAssigned:
        """Return who works where from now on, and why where that is not what lab.toml says."""
        settings = self._project.agents
        wanted = {name: settings.worktree.get(name, settings.backend) for name in worktrees}
        no_key = "anthropic" in wanted.values() and not self.has_key()
        agents: dict[str, str] = {
            name: "search" if no_key and backend == "anthropic" else backend for name, backend in wanted.items()
        }
        model = settings.anthropic.model if "anthropic" in agents.values() else ""
        return ev.AgentsAssigned(agents, model, NO_KEY if no_key else "")

    def choose(self, state: LabState, worktree: str) -> Agent:
        """Return the agent that makes the next proposal of a worktree."""
        found = state.worktrees[worktree]
        patience = self._project.limits.crashes_in_a_row
        if found.agent in state.barred or found.silent >= patience:
            return self._get("search")
        return self._get(found.agent)

    async def close(self) -> None:
        """Let go of whatever the agents hold."""
        for close in self._closing:
            await close()

    def has_key(self) -> bool:
        """Return True where the coding agent has something to identify itself with."""
        reached = connection(self._secrets, self._environment)
        return bool(reached.api_key or reached.auth_token)

    def _get(self, backend: str) -> Agent:
        if backend not in self._made:
            self._made[backend] = self._make(backend)
        return self._made[backend]

    def _make(self, backend: str) -> Agent:
        settings = self._project.agents
        if backend == "anthropic":
            return self._coding(settings.anthropic)
        if backend == "command":
            from agentcore.agents.command import CommandAgent

            return CommandAgent(settings.command)
        from agentcore.agents.search import SearchAgent

        return SearchAgent(settings.seed)

    def _coding(self, settings: ModelSettings) -> Agent:
        from agentcore.agents.coding import CodingAgent
        from agentcore.agents.pacing import Pacing

        pacing = Pacing(settings.concurrency, settings.requests_per_minute, settings.backoff_s, self._clock)
        reached = connection(self._secrets, self._environment)
        agent = CodingAgent(settings, reached, pacing)
        self._closing.append(agent.close)
        return agent
