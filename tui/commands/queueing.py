"""Commands over the merge queue beside merge and undo. The engine decides; a dry run asks the same rules without it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from agentcore import format as fmt
from agentcore.engine.control import Command
from agentcore.queue import verbs
from agentcore.queue.judging import complete_pairs, more_seeds, threshold
from agentcore.state import LabState
from tui.commands.decide import confirmed, number_of, send, would
from tui.commands.look import observe
from tui.exits import OK, REFUSED, Ending


def verify(arguments: Namespace) -> int:
    """Run three more fresh seeds of a candidate."""
    return _decide("verify", arguments)


def hold(arguments: Namespace) -> int:
    """Let the queue leave a candidate alone."""
    return _decide("hold", arguments)


def unhold(arguments: Namespace) -> int:
    """Let a HELD candidate go on."""
    return _decide("unhold", arguments)


def cancel(arguments: Namespace) -> int:
    """Take a candidate out of the queue for good, after a question or with --yes."""
    return _decide("cancel", arguments, asks=True)


def pin(arguments: Namespace) -> int:
    """Keep an experiment's commit."""
    return _decide("pin", arguments)


def unpin(arguments: Namespace) -> int:
    """Let go of a pinned commit."""
    return _decide("unpin", arguments)


def force(arguments: Namespace) -> int:
    """Merge a candidate whose verdict did not pass, after a question or with --yes."""
    return _decide("force", arguments, asks=True)


def revert(arguments: Namespace) -> int:
    """Take one merge back with a new commit, after a question or with --yes."""
    return _decide("revert", arguments, asks=True)


def move(arguments: Namespace) -> int:
    """Move a candidate in the order of confirmation and of merging."""
    observer, number = observe(arguments), number_of(arguments.candidate)
    if reason := verbs.move_refusal(observer.state, number, arguments.by):
        raise Ending(REFUSED, reason)
    order = verbs.moved(observer.state, number, arguments.by)
    if arguments.dry_run:
        return would("move", f"order {', '.join(f'#{each}' for each in order)}", {"order": order}, arguments)
    return send(observer.paths, Command("move", arguments={"experiment": number, "by": arguments.by}), arguments)


def mode(arguments: Namespace) -> int:
    """Change who merges READY candidates."""
    observer = observe(arguments)
    now = observer.state.gate.mode
    if arguments.dry_run:
        if now == arguments.mode:
            raise Ending(REFUSED, f"the mode is {now} already")
        return would("mode", f"change the mode from {now} to {arguments.mode}", {"mode": arguments.mode}, arguments)
    wanted = {"mode": arguments.mode, "because": arguments.because}
    return send(observer.paths, Command("mode", arguments=wanted), arguments)


def _decide(verb: str, arguments: Namespace, *, asks: bool = False) -> int:
    """Refuse what the facts do not allow, say what would happen, ask where that is wanted, then tell the engine."""
    observer, number = observe(arguments), number_of(arguments.candidate)
    rule = verbs.pin_refusal if verb in ("pin", "unpin") else verbs.refusal
    if reason := rule(observer.state, verb, number):
        raise Ending(REFUSED, reason)
    what = sentence(observer.state, verb, number)
    if arguments.dry_run:
        return would(verb, what, {"experiment": number}, arguments)
    if asks and not arguments.yes and not confirmed(f"{what[0].upper()}{what[1:]}?"):
        return OK
    wanted = {"experiment": number, "because": arguments.because, "expect": _seen(observer.state, verb, number)}
    return send(observer.paths, Command(verb, arguments=wanted), arguments)


def sentence(state: LabState, verb: str, number: int) -> str:
    """Return what the verb would do, to whom."""
    candidate, experiment = state.candidates.get(number), state.experiments[number]
    name = f'#{number} "{experiment.hypothesis}"'
    trunk = fmt.short(state.trunk.commit) if state.trunk else ""
    if verb == "verify" and candidate:
        count = len(candidate.seeds) + len(more_seeds(state, candidate))
        return f"run {name} on three more seeds: {count} in all, which pass at {threshold(state, count):g}σ"
    if verb == "force" and candidate:
        pairs = fmt.count(len(complete_pairs(state, candidate)), "seed")
        tree = fmt.short(candidate.tree)
        return f"merge {name}, {candidate.state} by {pairs}, into trunk {trunk}: tree {tree}, marked forced"
    return {
        "hold": f"hold {name}: neither rebased nor confirmed nor merged",
        "unhold": f"let {name} go on",
        "cancel": f"take {name} out of the queue for good",
        "pin": f"pin {name} at refs/lab/pinned/{number:06d}",
        "unpin": f"remove the pin of {name}",
        "revert": f"take the merge of {name} back by a new commit on trunk {trunk}",
    }[verb]


def _seen(state: LabState, verb: str, number: int) -> Mapping[str, str]:
    """What the answer relied on where trunk moves: the engine refuses where it is otherwise by then."""
    trunk = state.trunk.commit if state.trunk else ""
    if verb == "force":
        return {"trunk": trunk, "tree": state.candidates[number].tree}
    return {"trunk": trunk} if verb == "revert" else {}
