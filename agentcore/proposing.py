"""How does a worktree get its next experiment?

The agent edits its checkout and returns a hypothesis. What it really changed is read from the files, checked against
`edit`, committed with plumbing and pinned, and only then announced: a turn that is cut short leaves no trace.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

from agentcore import brief as briefs
from agentcore import events as ev
from agentcore.agents import Agent, NoProposal, Proposal
from agentcore.lab import Lab
from worktrees import diff
from worktrees.repository import ForeignChange, RepositoryError
from worktrees.text import printable

_LOST_TURNS = (NoProposal, ForeignChange, RepositoryError, briefs.BriefError, diff.Unreadable)

log = logging.getLogger("nightlab.agents")


async def propose(lab: Lab, agent: Agent, prompts: Path, name: str) -> None:
    """Ask a worktree's agent for one experiment and record what came of it."""
    worktree, folder = lab.state.worktrees[name], lab.paths.worktree(name)
    lab.record(ev.ThinkingStarted(name))
    try:
        source = {path: (folder / path).read_text(encoding="utf-8") for path in lab.project.project.edit}
        texts = await asyncio.to_thread(briefs.read_texts, prompts, lab.paths.root, name)
        proposal = await _ask(agent, briefs.write(lab.state, name, source, texts), folder)
        commit = await lab.git(
            lab.repository.collect, folder, worktree.base, lab.project.project.edit, _message(name, proposal)
        )
        async with lab.numbering:
            await _announce(lab, agent, name, proposal, commit)
    except (*_LOST_TURNS, OSError, UnicodeDecodeError) as error:
        lab.record(ev.AgentFailed(name, printable(str(error))))


async def _ask(agent: Agent, brief: briefs.Brief, folder: Path) -> Proposal:
    """Let the agent have its turn. Whatever it dies of costs its turn and not the lab's night. Raises NoProposal."""
    try:
        proposal = await agent.propose(brief, folder)
    except NoProposal:
        raise
    except Exception as error:  # an agent's boundary: it may raise anything
        log.exception("agent %s in %s", agent.name, brief.worktree)
        raise NoProposal(f"the agent failed: {type(error).__name__}: {error}") from error
    return replace(proposal, hypothesis=printable(proposal.hypothesis))


async def move(lab: Lab, name: str, base: str) -> None:
    """Put an idle worktree on `base`; whatever its last experiment left in it goes (its commit is pinned)."""
    await lab.git(lab.repository.move_worktree, lab.paths.worktree(name), name, base)
    lab.record(ev.WorktreeMoved(name, base, await lab.git(lab.repository.tree_of, base)))


async def _announce(lab: Lab, agent: Agent, name: str, proposal: Proposal, commit: str) -> None:
    worktree = lab.state.worktrees[name]
    tree = await lab.git(lab.repository.tree_of, commit)
    if tree == worktree.base_tree:
        lab.record(ev.AgentFailed(name, "the agent changed nothing"))
        return
    number = len(lab.state.experiments) + 1
    await lab.git(lab.repository.pin, "experiments", number, commit)
    await lab.git(lab.repository.move_branch, lab.paths.worktree(name), name, commit)
    change = await asyncio.to_thread(diff.between, lab.paths.root, worktree.base, commit)
    earlier = lab.state.trees.get(tree)
    lab.record(
        ev.ExperimentProposed(
            experiment=number,
            worktree=name,
            agent=agent.name,
            base=worktree.base,
            base_tree=worktree.base_tree,
            commit=commit,
            tree=tree,
            hypothesis=proposal.hypothesis,
            added=change.added,
            removed=change.removed,
            files=tuple(file.path for file in change.files),
            detail=proposal.detail,
        )
    )
    reworked = lab.state.candidates.get(proposal.rework_of) if proposal.rework_of is not None else None
    if reworked and reworked.state == "CONFLICT":  # an agent may name what it likes
        lab.record(ev.CandidateMoved(reworked.experiment, "CANCELLED", f"written again as #{number}", by=agent.name))
    if earlier is not None:
        reason = f"the same tree as #{earlier}: not run again"
        lab.record(ev.ExperimentDecided(number, "duplicate", None, None, None, reason))


def _message(name: str, proposal: Proposal) -> str:
    return f"{proposal.hypothesis}\n\nWorktree: {name}\n"
