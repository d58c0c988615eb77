"""How does a worktree get its next experiment?

The agent edits its checkout and returns a hypothesis. What it really changed is read from the files, checked against
`edit`, committed with plumbing and pinned, and only then announced: thinking that is cut short leaves no trace but what
it cost. An experiment that waits while its worktree's base moves is replayed there, or goes back to its agent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from pathlib import Path

from agentcore import events as ev
from agentcore.agents import Agent, Asked, Barred, NoProposal, Proposal
from agentcore.brief import privacy, prompts
from agentcore.brief import text as briefs
from agentcore.brief.transcript import Transcript
from agentcore.engine.lab import Lab
from agentcore.worktree.workspace import OutOfBudget, Workspace, one_line
from worktrees import confined, diff, metrics
from worktrees.repository import Conflict, ForeignChange, Gone, RepositoryError

HYPOTHESIS_CHARACTERS = QUESTION_CHARACTERS = 300
LOG_WIDTH = 300

_LOST = (NoProposal, RepositoryError, diff.Unreadable, OSError, UnicodeDecodeError)

log = logging.getLogger("nightlab.agents")


async def propose(lab: Lab, agent: Agent, carried: Path, name: str) -> None:
    """Ask a worktree's agent for one experiment and record what came of it. `carried`: the prompts of nightlab."""
    worktree = lab.state.worktrees[name]
    if worktree.retiring:
        return  # it was not when this was planned
    crash = briefs.mendable(lab.state, name) if agent.name != "search" else None
    try:
        texts = prompts.follow(lab, carried)
        direction = _direction(lab, texts, name)
    except prompts.PromptError as error:
        lab.record(ev.ThinkingStarted(name, agent.name))
        lab.record(ev.AgentFailed(name, str(error), agent.name, excused=True))
        lab.record(ev.WarningRaised("prompts", str(error)))
        return
    lab.record(ev.ThinkingStarted(name, agent.name, direction, crash.root if crash else None))
    transcript = Transcript(lab.paths.transcript(name, worktree.asked + 1), lab.scrubber, lab.clock)
    try:
        workspace = Workspace(lab, name, transcript, is_local=privacy.stays_here(agent))
        brief = await _brief(lab, texts, name, direction, crash, may_quote=not workspace.privacy.local_only)
        if agent.name != "search":  # which reads no words: they wait for an agent that does
            transcript.write("brief", text=f"{brief.rules}\n\n{brief.text}")
            workspace.messages()
        proposal = await _ask(agent, brief, workspace)
        commit, broken = await _collect(lab, name, proposal)
        async with lab.numbering:
            await _announce(lab, agent, name, proposal, commit, broken, crash, transcript)
    except prompts.PromptError as error:
        transcript.write("failed", text=str(error))
        lab.record(ev.AgentFailed(name, str(error), agent.name, True, transcript.seal()))
        lab.record(ev.WarningRaised("prompts", str(error)))
    except Asked as asked:
        question = one_line(lab.scrubber.clean(str(asked)), QUESTION_CHARACTERS)
        transcript.write("state", state="ASK", text=question)
        lab.record(ev.QuestionAsked(name, question, agent.name, transcript.seal()))
    except asyncio.CancelledError:
        _failed(lab, agent, name, transcript, NoProposal("the engine left while it thought"), excused=True)
        raise
    except Barred as barred:
        lab.record(ev.AgentBarred(agent.name, barred.word, lab.scrubber.clean(str(barred))))
        _failed(lab, agent, name, transcript, barred, excused=True)
    except OutOfBudget as spent:
        _failed(lab, agent, name, transcript, spent, excused=True)
    except _LOST as error:
        _failed(lab, agent, name, transcript, error)
    finally:
        transcript.close()


async def move(lab: Lab, name: str, base: str) -> None:
    """Put a worktree whose agent does not think on `base`; whatever lies in it goes (a proposal's commit is pinned)."""
    if lab.state.worktrees[name].retiring:
        return  # it was not when this was planned
    await confined.end_all(lab.paths.worktree(name))  # what an engine that was killed left running there
    if lab.state.worktrees[name].rebase:  # a person asked, and may have worked there
        try:
            await keep(lab, name)
        except (ForeignChange, RepositoryError, OSError) as error:  # asked for again it would hold up all others
            lab.record(ev.WorktreeRebaseAsked(name, False, "engine"))
            lab.say(f"rebase {name}", f"{name} stays where it is: what lies there cannot be kept: {error}")
            return
        lab.say(f"rebase {name}", "")
    await lab.git(lab.repository.move_worktree, lab.paths.worktree(name), name, base)
    lab.record(ev.WorktreeMoved(name, base, await lab.git(lab.repository.tree_of, base)))


async def keep(lab: Lab, name: str) -> str:
    """Commit what a worktree holds and no commit does; return that commit, or an empty string where there is nothing.

    It is kept as ``refs/lab/kept/NAME/TIME``. Raises ForeignChange for what cannot be committed, RepositoryError.
    """
    worktree = lab.state.worktrees[name]
    when = time.strftime("%Y%m%d-%H%M%S", time.gmtime(lab.clock()))
    held = worktree.at or worktree.base
    return await lab.git(lab.repository.keep, lab.paths.worktree(name), name, held, when) or ""


async def rebase(lab: Lab, number: int, base: str) -> None:
    """Replay an experiment that has not run on `base`; where it does not fit its idea goes back to its agent."""
    async with lab.numbering:
        experiment = lab.state.experiments[number]
        try:
            commit = await lab.git(
                lab.repository.rebase, experiment.commit, base, _message(experiment.worktree, experiment.hypothesis)
            )
        except Conflict as conflict:
            _decide(lab, number, "returned", f"its base moved to {base[:7]} before its run began: {conflict}")
            return
        except Gone as gone:
            _decide(lab, number, "cancelled", str(gone))
            return
        tree, base_tree = [await lab.git(lab.repository.tree_of, each) for each in (commit, base)]
        if tree == base_tree:
            _decide(lab, number, "duplicate", f"{base[:7]} holds this change already: not run")
            return
        await lab.git(lab.repository.pin, "experiments", number, commit)
        lab.record(ev.ExperimentRebased(number, base, base_tree, commit, tree))


def _direction(lab: Lab, texts: prompts.Texts, name: str) -> str:
    names = tuple(sorted(lab.state.worktrees, key=lambda each: (len(each), each)))
    asked = lab.state.worktrees[name].asked
    return prompts.direction(texts, lab.project.agents.directions, names, name, asked)


async def _brief(
    lab: Lab, texts: prompts.Texts, name: str, direction: str, crash: briefs.Crash | None, *, may_quote: bool
) -> briefs.Brief:
    """Write the brief; `may_quote`: also with what runs have printed."""
    folder = lab.paths.worktree(name)
    traceback: tuple[str, ...] = ()
    source = {path: (folder / path).read_text(encoding="utf-8") for path in lab.project.project.edit}
    if crash:
        experiment = lab.state.experiments[crash.latest]
        base = lab.state.worktrees[name].base
        try:
            commit = await lab.git(lab.repository.rebase, experiment.commit, base, "crashed")
        except Conflict:
            crash = None
        else:
            for path in lab.project.project.edit:
                (folder / path).write_bytes(await lab.git(lab.repository.read, commit, path))
            if experiment.run is not None and may_quote:
                printed = lab.paths.run(experiment.run).log
                traceback = await asyncio.to_thread(metrics.tail_text, printed, briefs.TRACEBACK_LINES, LOG_WIDTH)
    state = lab.state if may_quote else privacy.without_words(lab.state)
    return briefs.write(state, name, source, texts, direction, crash, map(lab.scrubber.clean, traceback))


async def _ask(agent: Agent, brief: briefs.Brief, workspace: Workspace) -> Proposal:
    """Let the agent think. Whatever it dies of costs its proposal and not the lab's night.

    Raises NoProposal, Barred, OutOfBudget.
    """
    try:
        proposal = await agent.propose(brief, workspace)
    except (NoProposal, Barred, OutOfBudget):
        raise
    except Exception as error:  # an agent's boundary: it may raise anything
        log.exception("agent %s in %s", agent.name, brief.worktree)
        raise NoProposal(f"the agent failed: {type(error).__name__}: {error}") from error
    return replace(proposal, hypothesis=one_line(workspace.clean(proposal.hypothesis), HYPOTHESIS_CHARACTERS))


async def _collect(lab: Lab, name: str, proposal: Proposal) -> tuple[str, tuple[str, ...]]:
    """Return the commit of what a worktree changed, and the rules that it breaks: then for the record only."""
    base, project = lab.state.worktrees[name].base, lab.project.project
    folder, message = lab.paths.worktree(name), _message(name, proposal.hypothesis)
    try:
        return await lab.git(lab.repository.collect, folder, base, project.edit, message, project.frozen), ()
    except ForeignChange as foreign:
        commit = await lab.git(lab.repository.salvage, folder, base, project.edit, message)
        return commit, tuple(map(lab.scrubber.clean, map(str, foreign.broken)))


async def _announce(
    lab: Lab,
    agent: Agent,
    name: str,
    proposal: Proposal,
    commit: str,
    broken: tuple[str, ...],
    crash: briefs.Crash | None,
    transcript: Transcript,
) -> None:
    """Give the experiment its number and end its transcript. Raises NoProposal where the agent changed nothing."""
    worktree = lab.state.worktrees[name]
    tree = await lab.git(lab.repository.tree_of, commit)
    if tree == worktree.base_tree and not broken:
        ended = proposal.detail.get("ended")
        raise NoProposal("the agent changed nothing" + (f" ({ended}: {proposal.hypothesis})" if ended else ""))
    number = len(lab.state.experiments) + 1
    await lab.git(lab.repository.pin, "experiments", number, commit)
    await lab.git(lab.repository.move_branch, lab.paths.worktree(name), name, commit)
    change = await asyncio.to_thread(diff.between, lab.paths.root, worktree.base, commit)
    again = {} if proposal.rework_of is None else {"rework_of": proposal.rework_of}
    transcript.write("proposal", experiment=number, hypothesis=proposal.hypothesis)  # nothing can fail from here on
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
            detail={**proposal.detail, **again},
            fixes=crash.root if crash and proposal.mends else None,
            broken=broken,
            transcript_sha256=transcript.seal(),
        )
    )
    reworked = lab.state.candidates.get(proposal.rework_of) if proposal.rework_of is not None else None
    if reworked and reworked.state == "CONFLICT":  # an agent may name what it likes
        lab.record(ev.CandidateMoved(reworked.experiment, "CANCELLED", f"written again as #{number}", by=agent.name))


def _failed(
    lab: Lab, agent: Agent, name: str, transcript: Transcript, error: Exception, *, excused: bool = False
) -> None:
    reason = one_line(lab.scrubber.clean(str(error)), HYPOTHESIS_CHARACTERS)
    transcript.write("failed", text=reason)
    lab.record(ev.AgentFailed(name, reason, agent.name, excused, transcript.seal()))


def _decide(lab: Lab, number: int, outcome: ev.Outcome, reason: str) -> None:
    lab.record(ev.ExperimentDecided(number, outcome, None, None, None, reason))


def _message(name: str, hypothesis: str) -> str:
    return f"{hypothesis}\n\nWorktree: {name}\n"
