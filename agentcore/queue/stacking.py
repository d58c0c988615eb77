"""How does a stack of candidates get its commits? Each one's change is replayed on the one before it, trunk's first.

The last one's tree is run, and nothing else of the stack is ever trunk. A replay that is not exactly what its agent
wrote, a conflict, or a change next to another member's keeps a candidate out: it goes alone.
"""

from __future__ import annotations

import asyncio

from agentcore import events as ev
from agentcore.engine.lab import Lab
from agentcore.queue import guards, promoter
from agentcore.queue.judging import doubt, is_measured, judge
from agentcore.queue.stacks import halves, named
from agentcore.state import Candidate
from worktrees import diff
from worktrees.repository import Conflict, RepositoryError
from worktrees.statistics import Verdict


async def rebase(lab: Lab, numbers: tuple[int, ...]) -> None:
    """Replay candidates on trunk and on each other, and record the tree that is to be confirmed as all of them."""
    async with lab.trunk:
        trunk = lab.state.trunk
        assert trunk is not None, "candidates exist only after trunk"
        members: dict[int, str] = {}
        apart: list[str] = []
        for number in numbers:
            alone = await promoter.replay(lab, number)
            if alone is None or await _touches(lab, trunk.commit, alone, apart):
                continue
            commit = await _replay(lab, number, list(members.values())[-1]) if members else alone
            if commit is not None:
                members[number] = commit
                apart.append(alone)
        if len(members) < 2:
            for number, commit in members.items():
                await promoter.confirm(lab, number, commit)
            return
        for number, commit in members.items():
            await lab.git(lab.repository.pin, "candidates", number, commit)
        commits = tuple(members.values())
        tree = await lab.git(lab.repository.tree_of, commits[-1])
        seeds = promoter.seeds_of(lab.state, lab.state.candidates[next(reversed(members))], tree)
        lab.record(ev.StackRebased(tuple(members), commits, trunk.commit, trunk.tree, tree, seeds))


async def conclude(lab: Lab, stack: tuple[int, ...]) -> None:
    """Record a stack's verdict. One that passed gets the commits that a merge would land, another is taken apart."""
    async with lab.trunk:
        leader = lab.state.candidates[stack[-1]]
        if leader.state != "CONFIRM" or leader.stack != stack:
            return  # trunk moved, or somebody left it, since this was planned
        if reason := lab.state.broken(leader.tree):
            _take_apart(lab, stack, None, f"a confirmation run failed: {reason}")
            return
        if not is_measured(lab.state, leader):
            return  # likewise
        standing, verdict = judge(lab.state, leader)
        if standing == "READY":
            landings = await _land(lab, leader, verdict)
            lab.record(ev.StackJudged(stack, verdict, landings, (), f"{named(stack)} together"))
        else:
            why = guards.broken(lab.state, leader) or doubt(lab.state, leader, verdict.gain) if verdict.passed else ""
            why = why or f"they gain {verdict.z:.1f}σ together"
            _take_apart(lab, stack, verdict, why)


def _take_apart(lab: Lab, stack: tuple[int, ...], verdict: Verdict | None, why: str) -> None:
    reason = f"the stack of {named(stack)} is taken apart: {why}"
    lab.record(ev.StackJudged(stack, verdict, (), halves(stack), reason))


async def _land(lab: Lab, leader: Candidate, verdict: Verdict) -> tuple[str, ...]:
    """Make each member's commit anew, with the evidence: the same trees, one on the other."""
    landings: list[str] = []
    besides = {"Stack": f"{named(leader.stack)}: measured together, as the tree of the last one"}
    for number in leader.stack:
        message = promoter.message(lab, lab.state.experiments[number], leader, verdict, besides)
        tree = await lab.git(lab.repository.tree_of, lab.state.candidates[number].commit)
        parent = landings[-1] if landings else leader.trunk
        landings.append(await lab.git(lab.repository.land, tree, parent, message))
        await lab.git(lab.repository.pin, "candidates", number, landings[-1])
    return tuple(landings)


async def _replay(lab: Lab, number: int, onto: str) -> str | None:
    """Replay a candidate on another member; None where that is not exactly its change."""
    experiment = lab.state.experiments[number]
    try:
        commit = await lab.git(lab.repository.rebase, experiment.commit, onto, experiment.hypothesis)
    except Conflict:
        return None
    return None if await promoter.distortion(lab, experiment, onto, commit) else commit


async def _touches(lab: Lab, trunk: str, change: str, others: list[str]) -> bool:
    try:
        return any([await asyncio.to_thread(diff.touch, lab.paths.root, trunk, change, other) for other in others])
    except diff.Unreadable as error:
        raise RepositoryError(f"the change {change[:7]} cannot be read: {error}") from error
