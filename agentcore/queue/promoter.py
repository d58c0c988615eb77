"""How does trunk move? Only here, only by compare-and-swap, only to a tree whose runs are in the journal.

The intent is written before the swap and the outcome after it, so a kill between any two steps is resolved by looking
at the ref. What lands is a commit made from exactly the tree that was trained, on top of exactly the trunk that it was
compared with. A person's revert alone may put a tree there that nobody has run: it is measured before anything else.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean

from agentcore import events as ev
from agentcore.engine.lab import Lab
from agentcore.queue import guards, verbs
from agentcore.queue.judging import (
    SELF_REPORTED,
    complete_pairs,
    confirmation_seeds,
    doubt,
    fewer_lines,
    is_measured,
    judge,
    measure,
    reworks,
)
from agentcore.queue.verbs import STOPPED
from agentcore.state import Candidate, Experiment, LabState
from worktrees import diff
from worktrees.repository import TRUNK, Conflict, Gone
from worktrees.statistics import Verdict

_Intent = ev.MergeIntended | ev.RevertIntended


class Refused(Exception):
    """A merge or an undo that may not happen. The message says why and what to do."""


async def rebase(lab: Lab, number: int) -> None:
    """Replay a candidate on trunk and record the tree that is to be confirmed, or the conflict."""
    async with lab.trunk:
        commit = await replay(lab, number)
        if commit is not None:
            await confirm(lab, number, commit)


async def replay(lab: Lab, number: int) -> str | None:
    """Replay a candidate on trunk and return the commit; None where it is not to be confirmed, which is recorded.

    To be called under the lab's lock on trunk, as `confirm` is.
    """
    experiment, trunk = lab.state.experiments[number], lab.state.trunk
    assert trunk is not None, "candidates exist only after trunk"
    if lab.state.candidates[number].state not in ("NEW", "STALE"):
        return None  # it was so when this was planned
    try:
        commit = await lab.git(lab.repository.rebase, experiment.commit, trunk.commit, experiment.hypothesis)
        if await lab.git(lab.repository.tree_of, commit) == trunk.tree:
            lab.record(ev.CandidateMoved(number, "CANCELLED", "trunk holds this change already", by="engine"))
            return None
        reason = await distortion(lab, experiment, trunk.commit, commit)
    except Conflict as conflict:
        _collide(lab, number, f"{conflict} with trunk {trunk.commit[:7]}")
        return None
    except Gone as gone:  # tried again it would hold up all others
        lab.record(ev.CandidateMoved(number, "BLOCKED", str(gone), by="engine"))
        return None
    if reason:
        _collide(lab, number, reason)
        return None
    return commit


async def confirm(lab: Lab, number: int, commit: str) -> None:
    """Record that a candidate's replay is to be confirmed, and by which seeds."""
    trunk, known = lab.state.trunk, lab.state.candidates[number]
    assert trunk is not None, "candidates exist only after trunk"
    tree = await lab.git(lab.repository.tree_of, commit)
    await lab.git(lab.repository.pin, "candidates", number, commit)
    lab.record(ev.CandidateRebased(number, trunk.commit, trunk.tree, commit, tree, seeds_of(lab.state, known, tree)))


def seeds_of(state: LabState, known: Candidate, tree: str) -> tuple[int, ...]:
    """Return the seeds by which a candidate's tree is to be confirmed on today's trunk.

    Those that a person added to stay where it is the same comparison: what they said is not forgotten by asking anew.
    """
    seeds, trunk = confirmation_seeds(state, simpler=known.simpler), state.trunk
    is_same = trunk is not None and (tree, trunk.tree) == (known.tree, known.trunk_tree)
    return known.seeds if is_same and len(known.seeds) > len(seeds) else seeds


def _collide(lab: Lab, number: int, reason: str) -> None:
    """Return a candidate to its agent, unless the agent has had its chance."""
    if reworks(lab.state, number) < lab.state.gate.max_rework:
        lab.record(ev.CandidateMoved(number, "CONFLICT", reason, by="engine"))
    else:
        again = f"its agent has had its chance ([gate] max_rework = {lab.state.gate.max_rework})"
        lab.record(ev.CandidateMoved(number, "REJECTED", f"{reason}; {again}", by="engine"))


async def conclude(lab: Lab, number: int) -> None:
    """Record a candidate's verdict; a READY one gets the commit that a merge would land."""
    async with lab.trunk:
        candidate = lab.state.candidates[number]
        if candidate.state != "CONFIRM":
            return  # trunk moved since this was planned
        if reason := lab.state.broken(candidate.tree):
            lab.record(ev.CandidateMoved(number, "REJECTED", f"a confirmation run failed: {reason}", by="engine"))
            return
        if not is_measured(lab.state, candidate):
            return  # likewise
        standing, verdict = judge(lab.state, candidate)
        landing = ""
        if standing == "READY":
            text = message(lab, lab.state.experiments[number], candidate, verdict)
            landing = await lab.git(lab.repository.land, candidate.tree, candidate.trunk, text)
            await lab.git(lab.repository.pin, "candidates", number, landing)
        reason = doubt(lab.state, candidate, verdict.gain) if standing == "BLOCKED" else ""
        if standing == "REJECTED":
            reason = guards.broken(lab.state, candidate)
        if standing == "READY" and candidate.simpler:
            reason = _simpler(lab, lab.state.experiments[number])
        lab.record(ev.CandidateJudged(number, standing, verdict, landing, reason))


async def promote(lab: Lab, number: int, by: str) -> ev.TrunkMoved:
    """Merge a READY candidate, with its whole stack. Raises Refused, and nothing has changed then."""
    async with lab.trunk:
        if reason := verbs.unready(lab.state, number):
            raise Refused(reason)
        candidate = lab.state.candidates[number]
        _need_peace(lab)
        leader = lab.state.leader(candidate)
        try:
            await _check(lab, leader)
        except Gone as gone:  # tried again by the gate it would hold up all others
            lab.record(ev.CandidateMoved(leader.experiment, "BLOCKED", str(gone), by="engine"))
            raise Refused(str(gone)) from gone
        nonce, move_to = secrets.token_hex(8), (leader.trunk, leader.landing, leader.tree)
        return await move(lab, ev.MergeIntended(leader.experiment, *move_to, nonce, by, stack=leader.stack))


async def force(lab: Lab, number: int, by: str, because: str) -> ev.TrunkMoved:
    """Merge a candidate whose verdict did not pass, because a person says so. Raises Refused.

    What no run has tested, what ran under another harness and what does not stand on trunk lands this way neither.
    """
    async with lab.trunk:
        if reason := verbs.refusal(lab.state, "force", number):
            raise Refused(reason)
        candidate = lab.state.candidates[number]
        seeds = complete_pairs(lab.state, candidate)
        verdict = measure(lab.state, candidate, seeds)
        if len(seeds) < len(candidate.seeds):  # half a confirmation confirms nothing, whatever it says
            verdict = replace(verdict, passed=False)
        _need_walls(lab)
        text = message(lab, lab.state.experiments[number], candidate, verdict, {"Forced": f"{by}: {because}"})
        landing = await lab.git(lab.repository.land, candidate.tree, candidate.trunk, text)
        candidate = replace(candidate, seeds=seeds, landing=landing)
        await _check(lab, candidate)
        await lab.git(lab.repository.pin, "candidates", number, landing)
        lab.record(ev.CandidateJudged(number, candidate.state, verdict, landing, f"forced by {by}: {because}"))
        intent = ev.MergeIntended(
            number, candidate.trunk, landing, candidate.tree, nonce=secrets.token_hex(8), by=by, forced=because
        )
        return await move(lab, intent)


async def revert(lab: Lab, number: int, by: str, because: str, *, whole: bool = False) -> ev.TrunkMoved:
    """Put a commit on trunk that takes exactly one merge back, also where others lie on top. Raises Refused.

    `whole`: with all of its stack that trunk still holds; else the other members stay. Its tree may be new: like a
    trunk that was moved by hand it is measured first, before anything is compared with it.
    """
    async with lab.trunk:
        if reason := verbs.refusal(lab.state, "revert", number):
            raise Refused(reason)
        _need_walls(lab)
        trunk = lab.state.trunk
        assert trunk is not None, "something was merged into it"
        message = revert_message(lab, number, by, because)
        merge = next(each for each in reversed(lab.state.merges) if each.experiment == number)
        held = [each for each in merge.stack if lab.state.candidates[each].state in verbs.ALLOWED["revert"]]
        stack = tuple(held) if whole else ()
        ends = (merge.new, merge.old) if stack else (merge.commit, None)
        try:
            new = await lab.git(lab.repository.revert, ends[0], trunk.commit, message, ends[1])
        except Conflict as conflict:
            files = ", ".join(conflict.paths)
            raise Refused(f"later merges changed the same lines as #{number} in {files}: revert those first") from None
        tree = await lab.git(lab.repository.tree_of, new)
        if tree == trunk.tree:
            raise Refused(f"trunk {trunk.commit[:7]} holds nothing of #{number} any more")
        intent = ev.RevertIntended(number, trunk.commit, new, tree, secrets.token_hex(8), by, because, stack=stack)
        return await move(lab, intent)


async def recover(lab: Lab) -> None:
    """Bring a merge to its end that a kill, or a git that was locked, has cut in two."""
    async with lab.trunk:
        await _recover(lab)


async def undo(lab: Lab, by: str, expected: str | None) -> ev.TrunkMoved:
    """Put trunk back to where it was before the last merge. Raises Refused where trunk has moved on since.

    A kill between the swap and its row loses nothing: `follow` sees what the move was.
    """
    async with lab.trunk:
        merge = lab.state.merges[-1] if lab.state.merges else None
        trunk = lab.state.trunk
        if merge is None or merge.undone or trunk is None:
            raise Refused("there is no merge to undo")
        _need_peace(lab)
        if trunk.commit != merge.new or (expected is not None and trunk.commit != expected):
            raise Refused(f"trunk is {trunk.commit[:7]}, no longer {merge.new[:7]}: the last merge cannot be undone")
        if not await lab.git(lab.repository.swap_trunk, merge.new, merge.old):
            raise Refused("trunk was moved by another hand: nothing was undone")
        tree = await lab.git(lab.repository.tree_of, merge.old)
        moved = ev.TrunkMoved(merge.new, merge.old, tree, None, by, undone=merge.experiment, stack=merge.stack)
        lab.record(moved, durable=True)
        return moved


async def follow(lab: Lab) -> None:
    """Notice a trunk that somebody moved by hand: it is measured first, and what was READY is confirmed again.

    Moved back to before the last merge it is that merge's undoing; deleted it is put back where the journal knows it.
    """
    async with lab.trunk:
        await _recover(lab)
        trunk = lab.state.trunk
        now = await lab.git(lab.repository.resolve, TRUNK)
        if trunk is None or now == trunk.commit:
            return
        if now is None:
            await lab.git(lab.repository.create_trunk, trunk.commit)
            return
        last = lab.state.merges[-1] if lab.state.merges else None
        is_undoing = last is not None and not last.undone and (last.old, last.new) == (now, trunk.commit)
        tree = await lab.git(lab.repository.tree_of, now)
        undone, stack = (last.experiment, last.stack) if last and is_undoing else (None, ())
        lab.record(ev.TrunkMoved(trunk.commit, now, tree, None, "hand", undone=undone, stack=stack), durable=True)


async def _recover(lab: Lab) -> None:
    intent = lab.state.intent
    if intent is None:
        return
    now = await lab.git(lab.repository.resolve, TRUNK)
    if now is not None and await lab.git(lab.repository.is_ancestor, intent.new, now):
        await _settle(lab, intent, intent.new)
    elif now != intent.old or not await lab.git(lab.repository.swap_trunk, intent.old, intent.new):
        lab.record(_too_late(lab.state, intent))
    else:
        await _settle(lab, intent, await _trunk(lab, intent))


async def _check(lab: Lab, candidate: Candidate) -> None:
    """What must hold at the last moment: the landing commit has exactly the measured tree, and is trunk's child.

    In a stack each member's commit is the child of the one before it, and each holds its own change alone.
    """
    _need_walls(lab)
    if STOPPED in lab.state.warnings:
        raise Refused(f"promotions have stopped: {lab.state.warnings[STOPPED]}")
    runs = [
        run
        for run in lab.state.runs_of(candidate.tree)
        if run.purpose in ("baseline", "confirm") and run.score is not None
    ]
    if missing := set(candidate.seeds) - {run.seed for run in runs}:
        raise Refused(f"#{candidate.experiment} lacks runs of seeds {sorted(missing)}")
    if missing := set(candidate.seeds) - {run.seed for run in runs if run.harness == lab.state.harness}:
        raise Refused(
            f"#{candidate.experiment}: seeds {sorted(missing)} were measured by another harness or budget than today's"
        )
    if await lab.git(lab.repository.tree_of, candidate.landing) != candidate.tree:
        raise Refused(f"the commit of #{candidate.experiment} does not hold the tree that was measured")
    onto = candidate.trunk
    for number in candidate.members:
        commit = candidate.landing if number == candidate.experiment else lab.state.candidates[number].commit
        if await lab.git(lab.repository.parent_of, commit) != onto:
            ground = "trunk it was compared with" if onto == candidate.trunk else "one before it in its stack"
            raise Refused(f"the commit of #{number} does not stand on the {ground}")
        if reason := await distortion(lab, lab.state.experiments[number], onto, commit):
            raise Refused(f"the commit of #{number}: {reason}")
        onto = commit


async def distortion(lab: Lab, experiment: Experiment, old: str, new: str) -> str:
    """Return how a replayed change differs from what its agent wrote, or an empty string.

    File by file it must add and remove as many lines, and only where agents may edit. A wrong merge base shows here: a
    public merge queue once landed groups of two on one, and so took back 2,092 changes without a conflict.
    """
    try:
        own, replayed = [
            await asyncio.to_thread(diff.between, lab.paths.root, *sides, 0)
            for sides in ((experiment.base, experiment.commit), (old, new))
        ]
    except diff.Unreadable as error:
        raise Gone(f"the change of #{experiment.number} cannot be read: {error}") from error
    allowed = lab.project.project.edit
    if foreign := [file.path for file in replayed.files if file.path not in allowed]:
        return f"on trunk {old[:7]} it changes {', '.join(foreign)}, outside of what agents may edit"
    if _numstat(own) != _numstat(replayed):
        counts = f"+{replayed.added} -{replayed.removed} lines instead of +{own.added} -{own.removed}"
        return f"on trunk {old[:7]} its change is another one: {counts}"
    return ""


def _numstat(change: diff.Diff) -> dict[str, tuple[int, int]]:
    return {file.path: (file.added, file.removed) for file in change.files}


def _need_walls(lab: Lab) -> None:
    if lab.walls.backend == "none":
        raise Refused(
            "this lab runs without a sandbox (--no-sandbox): nothing moves trunk; start it again without that"
        )


def _need_peace(lab: Lab) -> None:
    """Two intents at a time would leave the first without an end: its candidate would be MERGING for ever."""
    if reason := verbs.busy(lab.state):
        raise Refused(reason)


async def move(lab: Lab, intent: _Intent) -> ev.TrunkMoved:
    """Announce a move of trunk, make it, write down what it came to. Raises Refused where trunk is another by now.

    To be called under the lab's lock on trunk, with no other intent open.
    """
    lab.record(intent, durable=True)
    if not await lab.git(lab.repository.swap_trunk, intent.old, intent.new):
        late = _too_late(lab.state, intent)
        lab.record(late)
        raise Refused(
            f"changed while you read: trunk is no longer {intent.old[:7]}; #{intent.experiment} is {late.state}"
        )
    moved = await _settle(lab, intent, await _trunk(lab, intent))
    if moved.by == "hand":
        raise Refused(lab.state.warnings[STOPPED])
    return moved


def _too_late(state: LabState, intent: _Intent) -> ev.CandidateMoved:
    if isinstance(intent, ev.RevertIntended):  # it stays what it is in trunk: MERGED, or what a retest made of that
        standing = state.candidates[intent.experiment].state
        return ev.CandidateMoved(intent.experiment, standing, "trunk moved before the revert", by="engine")
    return ev.CandidateMoved(intent.experiment, "STALE", "trunk moved before the merge", by="engine")


async def _trunk(lab: Lab, intent: _Intent) -> str:
    """Read trunk again after a swap.

    One that was deleted this moment is put back by `follow` where the journal says; one that a hand has put a commit on
    top of holds what was merged all the same, and `follow` sees the hand.
    """
    now = await lab.git(lab.repository.resolve, TRUNK)
    if now is None or await lab.git(lab.repository.is_ancestor, intent.new, now):
        return intent.new
    return now


async def _settle(lab: Lab, intent: _Intent, now: str) -> ev.TrunkMoved:
    """Write down what a swap came to, with trunk as it was read afterwards (`now`).

    A tree that is not the tested one is no promotion: it counts as moved by a hand, and nothing is merged any more.
    """
    tree = await lab.git(lab.repository.tree_of, now)
    if tree == intent.tree:
        moved = _outcome(intent)
        lab.record(moved, durable=True)
        return moved
    number = intent.experiment
    reason = f"trunk {now[:7]} does not hold the tree that #{number} was tested as"
    lab.say(
        STOPPED,
        f"{reason}: nothing is merged until you have looked. Put lab/trunk right with git, then nightlab release "
        f"{number} --because …",
    )
    lab.record(ev.CandidateMoved(number, "BLOCKED", reason, by="engine"))
    moved = ev.TrunkMoved(intent.old, now, tree, experiment=None, by="hand")
    lab.record(moved, durable=True)
    return moved


def _outcome(intent: _Intent) -> ev.TrunkMoved:
    if isinstance(intent, ev.RevertIntended):
        number, why = intent.experiment, intent.reason
        back = ev.TrunkMoved(intent.old, intent.new, intent.tree, None, intent.by, reverted=number, reason=why)
        return replace(back, stack=intent.stack)
    moved = ev.TrunkMoved(intent.old, intent.new, intent.tree, intent.experiment, intent.by)
    return replace(moved, forced=intent.forced, stack=intent.stack)


def message(
    lab: Lab,
    experiment: Experiment,
    candidate: Candidate,
    verdict: Verdict,
    besides: Mapping[str, str] | None = None,
) -> str:
    """The commit's message, with the evidence as trailers: the journal could be rebuilt from them.

    `Journal` names its newest row: as long as trunk holds this commit nobody can change or cut off what was written
    before it without being noticed (`nightlab audit verify`).
    """
    state = lab.state
    score = fmean(state.pools[candidate.tree].values())
    baseline = fmean(state.pools[candidate.trunk_tree].values())
    trailers = {
        "Experiment": f"#{experiment.number}",
        "Score": f"{score:.6f}",
        "Baseline": f"{baseline:.6f}",
        "Gain": f"{verdict.gain:+.6f} ± {verdict.standard_error:.6f} (standard error)",
        "Z": f"{verdict.z:.2f}",
        "Seeds": " ".join(str(seed) for seed in verdict.seeds),
        "Tree": candidate.tree,
        **(besides or {}),
        "Journal": str(lab.journal.head),
    }
    if found := guards.readings(state, candidate):
        trailers["Guards"] = " | ".join(each.text for each in found)
    if state.config is not None and state.config.self_reported:
        trailers["Score-From"] = f"{SELF_REPORTED}: the training printed it"
    if candidate.simpler:
        trailers["Simpler"] = _simpler(lab, experiment).partition(": ")[2]
    return _with_trailers(experiment.hypothesis, trailers)


def revert_message(lab: Lab, number: int, by: str, because: str, besides: Mapping[str, str] | None = None) -> str:
    """The message of the commit that takes a merge back: which, who says so and why, and what speaks for it."""
    trailers = {
        "Reverts": lab.state.merged_as(number),
        "Experiment": f"#{number}",
        "Reverted": f"{by}: {because}",
        **(besides or {}),
        "Journal": str(lab.journal.head),
    }
    return _with_trailers(f"Revert #{number}: {lab.state.experiments[number].hypothesis}", trailers)


def _with_trailers(subject: str, trailers: Mapping[str, str]) -> str:
    lines = [f"{name}: {value}" for name, value in trailers.items()]
    return "\n".join([subject, "", *lines]) + "\n"


def _simpler(lab: Lab, experiment: Experiment) -> str:
    return f"simpler: {fewer_lines(experiment)}, not worse by more than {lab.state.gate.simpler_margin:g}σ"
