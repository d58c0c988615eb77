"""How does a person get more worktrees? There may be more of them than slots: each has its turn."""

from __future__ import annotations

from dataclasses import replace

from agentcore import events as ev
from agentcore.engine.lab import Lab
from agentcore.worktree import permits


async def make(lab: Lab, count: int, direction: str) -> list[str]:
    """Make so many worktrees on trunk; return their names. A direction becomes the file directions/NAME.md of each."""
    names = permits.new_names(lab.state, count)
    for name in names:
        trunk = lab.state.trunk
        assert trunk is not None, "new_refusal has looked"
        if direction:
            lab.paths.directions.mkdir(exist_ok=True)
            (lab.paths.directions / f"{name}.md").write_text(f"{direction}\n", encoding="utf-8")
        await lab.git(lab.repository.add_worktree, lab.paths.worktree(name), name, trunk.commit)
        agent = _agent(lab, name)
        lab.record(ev.WorktreeCreated(name, permits.new_home(lab.state), agent, trunk.commit, trunk.tree))
        if known := lab.state.agents:
            lab.record(replace(known, agents={**known.agents, name: agent}))
    return names


def _agent(lab: Lab, name: str) -> str:
    """Return who works there: by lab.toml, and the search agent where the coding agent has no key."""
    settings, known = lab.project.agents, lab.state.agents
    backend = settings.worktree.get(name, settings.backend)
    return "search" if backend == "anthropic" and known and known.reason else backend
