"""How does a retest change git? Only here: the ref of the verified trunk, and a revert on trunk.

A revert moves trunk as a merge does: what it lands is exactly the tree that was run, on top of exactly the trunk that
it was made from, by compare-and-swap, with the intent written before and the outcome after.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from statistics import fmean

from agentcore import events as ev
from agentcore.engine.lab import Lab
from agentcore.queue import promoter
from agentcore.retest.due import TOLD, culprit, ending, needs_git
from worktrees.repository import Conflict

TOPIC = "retest"
"""Of the warning that names what a retest found and could not take out."""
BY = "retest"


async def settle(lab: Lab) -> None:
    """Carry the open retest on by what is due now: its end, a revert that is to be tried, or one that was."""
    async with lab.trunk:
        if not needs_git(lab.state):
            return  # it was so when this was planned
        retest, trunk = lab.state.retest, lab.state.trunk
        assert retest is not None and trunk is not None, "needs_git has looked"
        if end := ending(lab.state):
            await _end(lab, *end)
        elif retest.prepared and retest.prepared.old == trunk.commit:
            await _revert(lab, retest.prepared)
        else:
            await _prepare(lab)


async def _end(lab: Lab, word: ev.RetestEnding, reason: str) -> None:
    """End the open retest. The ref is moved first: after a kill it is moved again to the same commit."""
    retest = lab.state.retest
    assert retest is not None, "settle has looked"
    if word == "PROVEN":
        await lab.git(lab.repository.verify, retest.steps[-1].commit)
    lab.say(TOPIC, reason if word in TOLD else "")
    lab.record(ev.RetestEnded(retest.number, word, reason), durable=True)


async def _prepare(lab: Lab) -> None:
    """Take the culprit's change out of trunk, on paper; a conflict is told to a person."""
    retest, trunk = lab.state.retest, lab.state.trunk
    assert retest is not None and trunk is not None, "settle has looked"
    found = culprit(retest)
    assert found is not None, "needs_git has looked"
    (number,) = retest.steps[found].experiments
    commit = lab.state.merged_as(number)  # not the step's: where an earlier revert joined steps that is the revert
    try:
        new = await lab.git(lab.repository.revert, commit, trunk.commit, f"Try trunk without #{number}")
    except Conflict as conflict:
        why = f"#{number} made trunk worse at the larger size and cannot be taken out: {conflict}"
        await _end(lab, "LEFT", why)
        return
    tree = await lab.git(lab.repository.tree_of, new)
    if tree == trunk.tree:
        await _end(lab, "LEFT", f"#{number} made trunk worse at the larger size; trunk holds nothing of it any more")
        return
    await lab.git(lab.repository.pin, "reverts", number, new)
    lab.record(ev.RevertPrepared(retest.number, number, trunk.commit, new, tree))


async def _revert(lab: Lab, prepared: ev.RevertPrepared) -> None:
    if lab.walls.backend == "none":
        await _end(lab, "LEFT", f"#{prepared.experiment} is to be taken out, but without a sandbox nothing moves trunk")
        return
    new = await lab.git(lab.repository.land, prepared.tree, prepared.old, _message(lab, prepared))
    await lab.git(lab.repository.pin, "reverts", prepared.experiment, new)
    lab.say(TOPIC, "")
    intent = ev.RevertIntended(
        prepared.experiment,
        prepared.old,
        new,
        prepared.tree,
        secrets.token_hex(8),
        BY,
        _shortfall(lab).reason,
        retest=prepared.retest,
    )
    with suppress(promoter.Refused):  # trunk moved this moment: it is taken out of that of today, at the next plan
        await promoter.move(lab, intent)


def _shortfall(lab: Lab) -> ev.RetestJudged:
    """What was said of the first trunk that falls short."""
    retest = lab.state.retest
    assert retest is not None, "a prepared revert belongs to the open retest"
    return next(each for each in reversed(retest.judged) if each.step == culprit(retest))


def _message(lab: Lab, prepared: ev.RevertPrepared) -> str:
    """The commit's message: what was taken out, and the evidence as trailers, as a merge has them."""
    state = lab.state
    retest = state.retest
    assert retest is not None, "a prepared revert belongs to the open retest"
    verdict = _shortfall(lab).verdict
    besides = {
        "Retest": str(prepared.retest),
        "Scale": str(retest.scale),
        "Large-Gain": f"{verdict.gain:+.6f} ± {verdict.standard_error:.6f} (standard error)",
        "Z": f"{verdict.z:.2f}",
        "Score": f"{fmean(state.pools[prepared.tree].values()):.6f}",
        "Tree": prepared.tree,
    }
    return promoter.revert_message(lab, prepared.experiment, BY, _shortfall(lab).reason, besides)
